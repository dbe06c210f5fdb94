// The registry's recovery on Kafka 4.
import { schemaRegistrySuite } from '../real/schema-registry.suite.ts'

schemaRegistrySuite('4')
