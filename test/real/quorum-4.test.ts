// The quorum's recovery on Kafka 4.
import { quorumSuite } from './quorum.suite.ts'

quorumSuite('4')
