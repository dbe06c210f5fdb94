// A lost majority on real Kafka 3.5.
import { multiBrokerSuite } from '../real/multi-broker.suite.ts'

multiBrokerSuite('3.5')
