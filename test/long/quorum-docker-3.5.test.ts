// ZooKeeper lost in every way on containers of Kafka 3.5, and restored from a copy.
import { quorumOn } from '../docker/quorum.suite.ts'

quorumOn('3.5', { restores: true })
