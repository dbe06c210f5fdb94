// The main job on Kafka 4 in every mode; in CI every-scenario-4, guards and the faults of containers show it.
import { singleBrokerOn } from '../real/single-broker.suite.ts'

singleBrokerOn('4')
