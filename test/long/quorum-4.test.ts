// The quorum's recovery on Kafka 4; in CI every-scenario-4 recovers one.
import { quorumSuite } from '../real/quorum.suite.ts'

quorumSuite('4')
