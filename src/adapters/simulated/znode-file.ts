// What the simulated ZooKeepers know of Kafka as a snapshot file of theirs, in ZooKeeper's own format (FileSnap), and
// back: so that whoever copies a disk, keeps the copy and puts it back does so with real bytes.
import { readTree } from '../../archive/zookeeper-tree.ts'
import type { CopiedFile } from '../../ports/files.ts'
import type { Cluster } from './cluster.ts'
import { lookUp, ZXID } from './coordination.ts'

/** The simulation has but one last transaction. */
export const SNAPSHOT_NAME = `snapshot.${ZXID.slice(2)}`

const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}
const field = (content: Buffer): Buffer => Buffer.concat([int32(content.length), content])
const text = (value: string): Buffer => field(Buffer.from(value, 'utf8'))

/** Header, no sessions, no ACLs, each node with an empty stat, and the path that ends them. */
const snapshotFile = (nodes: readonly (readonly [path: string, data: Buffer])[]): Buffer =>
  Buffer.concat([
    Buffer.from('ZKSN'),
    int32(2),
    Buffer.alloc(8),
    int32(0),
    int32(0),
    ...nodes.flatMap(([path, data]) => [text(path), field(data), Buffer.alloc(68)]),
    text('/'),
  ])

const paths = (cluster: Cluster): readonly string[] => [
  '/cluster/id',
  '/controller_epoch',
  ...[...cluster.topics.values()].flatMap(({ name, partitions }) => [
    `/brokers/topics/${name}`,
    `/config/topics/${name}`,
    ...partitions.map(({ index }) => `/brokers/topics/${name}/partitions/${index}/state`),
  ]),
]

export const snapshotOf = (cluster: Cluster): Buffer =>
  snapshotFile([
    ['', Buffer.alloc(0)],
    ...paths(cluster).flatMap((path): [string, Buffer][] => {
      const node = lookUp(cluster, path)
      return node === null || 'children' in node ? [] : [[path, Buffer.from(node.data)]]
    }),
  ])

/** The record is what the copy says; what it does not know of is no topic any more. */
export const restoreFrom = (cluster: Cluster, files: readonly CopiedFile[]): void => {
  const { data } = readTree(files)
  for (const [name, topic] of cluster.topics) {
    if (!data.has(`/brokers/topics/${name}`)) cluster.topics.delete(name)
    for (const partition of topic.partitions) {
      const state = data.get(`/brokers/topics/${name}/partitions/${partition.index}/state`)
      if (state === undefined) continue
      const { leader, leader_epoch: epoch, isr } = JSON.parse(state.toString()) as { leader: number; leader_epoch: number; isr: number[] }
      Object.assign(partition, { leader, epoch, isr })
    }
  }
}
