// KRaft's controller quorum lost in every way on containers of Kafka 4.
import { quorumOn } from '../docker/quorum.suite.ts'

quorumOn('4', { restores: false })
