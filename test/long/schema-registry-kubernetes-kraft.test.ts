// The registry's recovery in Kubernetes on KRaft.
import { registryIn } from '../kubernetes/schema-registry.suite.ts'

registryIn('kraft', 'essentials')
