// The main job on Kafka 3.5.
import { singleBrokerOn } from '../real/single-broker.suite.ts'

singleBrokerOn('3.5')
