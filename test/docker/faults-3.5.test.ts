// Every fault of containers on Kafka 3.5; a file a version, so that two labs may run side by side.
import { faultsOn } from './faults.suite.ts'

faultsOn('3.5')
