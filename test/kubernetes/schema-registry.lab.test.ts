// The registry's recovery on KRaft; on ZooKeeper, with what it depends on failing, and its drill: npm run test:long.
import { registryIn } from './schema-registry.suite.ts'

registryIn('kraft', 'essentials')
