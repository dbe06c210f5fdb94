// The platform contract on Kubernetes with ZooKeeper; in CI with KRaft.
import { kubernetesContract } from '../kubernetes/contract.suite.ts'

kubernetesContract('zookeeper')
