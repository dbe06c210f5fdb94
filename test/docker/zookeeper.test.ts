// ZooKeeper lost in every way on containers of Kafka 3.5. A restore from a copy, and KRaft's controllers on 4: npm run test:long.
import { quorumOn } from './quorum.suite.ts'

quorumOn('3.5', { restores: false })
