// The platform contract on Kubernetes with KRaft; with ZooKeeper: npm run test:long.
import { kubernetesContract } from './contract.suite.ts'

kubernetesContract('kraft')
