// A broker's log directory read by its files, written here as Kafka writes them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { replicasIn } from '../../../src/adapters/log-dir/replicas.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'kdr-logs-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A batch of format 2 as its header says, with a body of `body` bytes. */
const batch = (base: number, count: number, producerId: bigint, body = 30, magic = 2) => {
  const buffer = Buffer.alloc(61 + body)
  buffer.writeBigInt64BE(BigInt(base), 0)
  buffer.writeInt32BE(49 + body, 8)
  buffer[16] = magic
  buffer.writeInt32BE(count - 1, 23)
  buffer.writeBigInt64BE(producerId, 43)
  return buffer
}
const segment = (base: number) => `${String(base).padStart(20, '0')}.log`

const partition = (name: string, files: Readonly<Record<string, string | Buffer>>) => {
  mkdirSync(path.join(root, name))
  for (const [file, content] of Object.entries(files)) writeFileSync(path.join(root, name, file), content)
}

describe("a broker's log directory", () => {
  it('says where each partition ends, which epoch and which topic it is of', async () => {
    writeFileSync(path.join(root, 'replication-offset-checkpoint'), '0\n2\norders 0 14\norders 1 0\n')
    writeFileSync(path.join(root, 'meta.properties'), 'broker.id=1\n')
    partition('orders-0', {
      [segment(0)]: batch(0, 10, -1n),
      // The last batch is still being written, or was cut short.
      [segment(10)]: Buffer.concat([batch(10, 3, 7n), batch(13, 2, 4n), batch(15, 5, 9n).subarray(0, 80)]),
      'leader-epoch-checkpoint': '0\n2\n0 0\n4 12\n',
      'partition.metadata': 'version: 0\ntopic_id: Wq3tYxk2QxWmJwHk0sZ1uA\n',
    })
    partition('orders-1', { [segment(20)]: '' })
    partition('my-topic.v2-11', { [segment(0)]: Buffer.concat([batch(0, 1, -1n), Buffer.alloc(500)]) })
    partition('orders-2.0f3a-delete', { [segment(0)]: '' })
    partition('__cluster_metadata-0', { [segment(0)]: '' })
    const found = [...(await replicasIn(root))].sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition)
    expect(found).toEqual([
      { topic: 'my-topic.v2', partition: 11, topicId: null, end: 1, highWatermark: null, epoch: null, producerId: null },
      { topic: 'orders', partition: 0, topicId: 'Wq3tYxk2QxWmJwHk0sZ1uA', end: 15, highWatermark: 14, epoch: 4, producerId: 7n },
      { topic: 'orders', partition: 1, topicId: null, end: 20, highWatermark: 0, epoch: null, producerId: null },
    ])
  })

  it('is not read where its records are older than their present format, or it is not there', async () => {
    partition('orders-0', { [segment(0)]: batch(0, 1, -1n, 30, 1) })
    await expect(replicasIn(root)).rejects.toMatchObject({ code: 'data-unreachable' })
    await expect(replicasIn(path.join(root, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
