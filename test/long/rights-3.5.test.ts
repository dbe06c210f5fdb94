// Rights on a real Kafka 3.5 whose ACLs are in ZooKeeper.
import { rightsSuite } from '../real/rights.suite.ts'

rightsSuite('3.5')
