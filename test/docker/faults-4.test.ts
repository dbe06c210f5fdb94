// Every fault of containers on Kafka 4; a file a version, so that two labs may run side by side.
import { faultsOn } from './faults.suite.ts'

faultsOn('4')
