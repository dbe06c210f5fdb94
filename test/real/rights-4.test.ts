// Rights on a real Kafka 4 with its own authorizer.
import { rightsSuite } from './rights.suite.ts'

rightsSuite('4')
