// Every scenario on one cluster of Kafka 4.
import { everyScenarioOn } from './every-scenario.suite.ts'

everyScenarioOn('4')
