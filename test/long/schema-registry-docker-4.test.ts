// The registry's recovery in Docker on the newest Kafka, and the diagnosis with half of the cluster gone.
import { registryIn } from '../docker/schema-registry.suite.ts'

registryIn('4', 'controller', 'everything')
