// The registry's recovery in Kubernetes on ZooKeeper, and what it depends on.
import { registryIn } from '../kubernetes/schema-registry.suite.ts'

registryIn('zookeeper', 'everything')
