// KRaft's controller quorum lost in every way in Kubernetes.
import { quorumOn } from '../kubernetes/quorum.suite.ts'

quorumOn('kraft')
