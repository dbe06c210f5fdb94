// The main job on Kafka 4.
import { singleBrokerOn } from './single-broker.suite.ts'

singleBrokerOn('4')
