// Every scenario on Kafka 3.5; in CI on 4, and on 3.5 each where it is tested by itself.
import { everyScenarioOn } from '../real/every-scenario.suite.ts'

everyScenarioOn('3.5')
