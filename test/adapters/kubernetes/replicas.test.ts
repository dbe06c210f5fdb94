// What a broker's disks hold, read by shell commands as in a pod: the same as by the files themselves, of short segments
// and, by their index, of long ones.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { replicasAt } from '../../../src/adapters/kubernetes/replicas.ts'
import type { Run } from '../../../src/adapters/kubernetes/visit.ts'
import { replicasIn } from '../../../src/adapters/log-dir/replicas.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'kdr-pod-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const here: Run = ([command = '', ...args]) =>
  new Promise((resolve) => {
    execFile(command, args, { maxBuffer: 64 << 20, encoding: 'buffer' }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, stdout, stderr: stderr.toString() }),
    )
  })

/** A batch of format 2 as its header says. */
const batch = (base: number, count: number, producerId: bigint, body: number) => {
  const buffer = Buffer.alloc(61 + body)
  buffer.writeBigInt64BE(BigInt(base), 0)
  buffer.writeInt32BE(49 + body, 8)
  buffer[16] = 2
  buffer.writeInt32BE(count - 1, 23)
  buffer.writeBigInt64BE(producerId, 43)
  return buffer
}

const segment = (base: number, ending = 'log') => `${String(base).padStart(20, '0')}.${ending}`

const partition = (folder: string, name: string, files: Readonly<Record<string, string | Buffer>>) => {
  mkdirSync(path.join(root, folder, name), { recursive: true })
  for (const [file, content] of Object.entries(files)) writeFileSync(path.join(root, folder, name, file), content)
}

const sorted = (replicas: Awaited<ReturnType<typeof replicasIn>>) => [...replicas].sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition)

const LONG = 40
const BODY = 50_000

/** Written as it is appended to: an entry for each batch but the first, and zeros to its end. */
const index = (base: number): Buffer => {
  const content = Buffer.alloc(1 << 20)
  for (let at = 1; at < LONG; at += 1) {
    content.writeUInt32BE(at, (at - 1) * 8)
    content.writeUInt32BE(at * (61 + BODY), (at - 1) * 8 + 4)
  }
  return base === 0 ? content : content.subarray(0, (LONG - 1) * 8)
}

const long = (base: number) => Buffer.concat([...Array.from({ length: LONG }, (_, at) => batch(base + at, 1, 5n, BODY)), batch(base + LONG, 3, 8n, 20)])

describe('a log directory that only a pod sees', () => {
  it.each(['', 'data'])('says of each partition what the files say, at its mount or below it: %j', async (folder) => {
    mkdirSync(path.join(root, folder), { recursive: true })
    writeFileSync(path.join(root, folder, 'meta.properties'), 'broker.id=1\n')
    writeFileSync(path.join(root, folder, 'replication-offset-checkpoint'), '0\n2\norders 0 14\nlong 0 12')
    partition(folder, 'orders-0', {
      [segment(0)]: batch(0, 10, -1n, 30),
      [segment(10)]: Buffer.concat([batch(10, 3, 7n, 30), batch(13, 2, 4n, 30), batch(15, 5, 9n, 30).subarray(0, 80)]),
      'leader-epoch-checkpoint': '0\n2\n0 0\n4 12',
      'partition.metadata': 'version: 0\ntopic_id: Wq3tYxk2QxWmJwHk0sZ1uA',
    })
    partition(folder, 'orders-1', { [segment(20)]: '' })
    partition(folder, 'my-topic.v2-11', { [segment(0)]: Buffer.concat([batch(0, 1, -1n, 30), Buffer.alloc(500)]) })
    partition(folder, 'orders-2.0f3a-delete', { [segment(0)]: '' })
    partition(folder, '__cluster_metadata-0', { [segment(0)]: '' })
    for (const base of [0, 100]) partition(folder, `long-${base}`, { [segment(base)]: long(base), [segment(base, 'index')]: index(base) })
    const expected = sorted(await replicasIn(path.join(root, folder)))
    expect(expected).toHaveLength(5)
    expect(sorted(await replicasAt(here, [root]))).toEqual(expected)
  })

  it('is not read where it is not there, or nothing says where the end of a long segment begins', async () => {
    await expect(replicasAt(here, [path.join(root, 'nowhere')])).rejects.toMatchObject({ code: 'data-unreachable' })
    writeFileSync(path.join(root, 'meta.properties'), 'broker.id=1\n')
    partition('', 'long-0', { [segment(0)]: Buffer.alloc(33 << 20), [segment(0, 'index')]: Buffer.alloc(1 << 20) })
    await expect(replicasAt(here, [root])).rejects.toMatchObject({ code: 'data-unreachable', message: expect.stringContaining('nothing says where') })
  })
})
