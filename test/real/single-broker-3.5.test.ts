// The main job on Kafka 3.5.
import { singleBrokerOn } from './single-broker.suite.ts'

singleBrokerOn('3.5')
