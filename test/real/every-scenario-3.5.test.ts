// Every scenario on one cluster of Kafka 3.5.
import { everyScenarioOn } from './every-scenario.suite.ts'

everyScenarioOn('3.5')
