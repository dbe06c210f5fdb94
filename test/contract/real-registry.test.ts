// The contract of a Schema Registry on the lab's own two, over a real Kafka 4.
import { processRegistryContract } from './process.contract.ts'

processRegistryContract('4')
