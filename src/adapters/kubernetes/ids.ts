// A member's id by observation: its disk, else its own log, else what its container is told in so many
// words. Never by its ordinal: pod kafka-2 may well be broker 3.
import type { V1Container } from '@kubernetes/client-node'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Role } from '../../model/member.ts'
import { envOf } from './roles.ts'

/**
 * Where brokers and controllers name themselves: the configuration they print at start, and the prefix of nearly every
 * line after it (LogContext). ReplicaFetcher names two brokers, itself first.
 */
const KAFKA = [
  /^\s*(?:broker|node)\.id\s*=\s*(\d+)\s*$/,
  /\[(?:KafkaServer|BrokerServer|ControllerServer|KafkaRaftServer|RaftManager|BrokerLifecycleManager|QuorumController|ReplicaManager|BrokerMetadataPublisher|SharedServer|Controller|ReplicaStateMachine|PartitionStateMachine) (?:id|nodeId|broker|controllerId)=(\d+)\]/,
  /\[SocketServer listenerType=\w+, nodeId=(\d+)\]/,
  /\[Partition \S+ broker=(\d+)\]/,
  /\[(?:GroupCoordinator|TransactionCoordinator|GroupMetadataManager) (?:id=|brokerId=)?(\d+)\]/,
  /\[(?:ReplicaFetcher replicaId|ReplicaAlterLogDirsThread replicaId)=(\d+),/,
]
const ZOOKEEPER = [/\[myid:(\d+)\]/]

/** The one id that these lines agree on; null when they name none, or several. */
export const idInLog = (lines: readonly string[], roles: readonly Role[]): number | null => {
  const patterns = roles.includes('zookeeper') ? ZOOKEEPER : KAFKA
  const found = new Set<number>()
  for (const line of lines) {
    for (const pattern of patterns) {
      const id = pattern.exec(line)?.[1]
      if (id !== undefined) found.add(Number(id))
    }
  }
  const [only, ...others] = found
  return only === undefined || others.length > 0 ? null : only
}

const ENV = ['KAFKA_BROKER_ID', 'KAFKA_NODE_ID', 'KAFKA_CFG_BROKER_ID', 'KAFKA_CFG_NODE_ID']
const ENV_ZOOKEEPER = ['ZOOKEEPER_SERVER_ID', 'ZOO_MY_ID', 'ZOO_SERVER_ID']

export const idInEnvironment = (container: V1Container | undefined, roles: readonly Role[]): Known<number> => {
  const by = 'environment of its container'
  const text = envOf(container, ...(roles.includes('zookeeper') ? ENV_ZOOKEEPER : ENV))
  return text !== undefined && /^\d+$/.test(text) ? known(Number(text), by) : unknown('neither its disk nor its log nor its environment names its id', by)
}
