// The registry's recovery in Docker on Kafka 3.5; in CI every-scenario-4 recovers one of processes.
import { registryIn } from '../docker/schema-registry.suite.ts'

registryIn('3.5', 'zookeeper', 'essentials')
