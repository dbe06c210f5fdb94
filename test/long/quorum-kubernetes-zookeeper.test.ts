// ZooKeeper scaled away, and one of its pods down, in Kubernetes.
import { quorumOn } from '../kubernetes/quorum.suite.ts'

quorumOn('zookeeper')
