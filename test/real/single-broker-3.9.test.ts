// The main job on Kafka 3.9.
import { singleBrokerOn } from './single-broker.suite.ts'

singleBrokerOn('3.9')
