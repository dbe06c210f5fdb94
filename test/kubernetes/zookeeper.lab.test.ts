// ZooKeeper scaled away, and one of its pods down, in Kubernetes.
import { quorumOn } from './quorum.suite.ts'

quorumOn('zookeeper')
