// Every fault of containers on Kafka 4.
import { faultsOn } from '../docker/faults.suite.ts'

faultsOn('4')
