// Faults of containers on Kafka 4: those that touch its disk and its network. All of them: npm run test:long.
import { faultsOn } from './faults.suite.ts'

faultsOn('4', ['disconnect-broker', 'remove-broker'])
