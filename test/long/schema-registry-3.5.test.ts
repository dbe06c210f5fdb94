// The registry's recovery on Kafka 3.5.
import { schemaRegistrySuite } from '../real/schema-registry.suite.ts'

schemaRegistrySuite('3.5')
