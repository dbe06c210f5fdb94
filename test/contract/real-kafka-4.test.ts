// Every contract on a real Kafka 4, as processes of this machine.
import { processContract } from './process.contract.ts'

processContract('4')
