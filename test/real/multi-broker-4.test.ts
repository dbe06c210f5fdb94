// A lost majority on real Kafka 4.
import { multiBrokerSuite } from './multi-broker.suite.ts'

multiBrokerSuite('4')
