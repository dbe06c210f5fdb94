// Every contract on a real Kafka 3.9, as processes of this machine.
import { processContract } from '../contract/process.contract.ts'

processContract('3.9')
