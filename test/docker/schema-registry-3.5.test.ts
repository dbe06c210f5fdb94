// The registry's recovery on Kafka 3.5; with more of the cluster gone, and on 4: npm run test:long.
import { registryIn } from './schema-registry.suite.ts'

registryIn('3.5', 'zookeeper', 'essentials')
