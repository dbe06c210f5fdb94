// Every fault of containers on Kafka 3.5; on 4: npm run test:long.
import { faultsOn } from './faults.suite.ts'

faultsOn('3.5')
