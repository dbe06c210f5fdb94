// The main job on Kafka 3.9.
import { singleBrokerOn } from '../real/single-broker.suite.ts'

singleBrokerOn('3.9')
