// The quorum's recovery on Kafka 3.5.
import { quorumSuite } from './quorum.suite.ts'

quorumSuite('3.5')
