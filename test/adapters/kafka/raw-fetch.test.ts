// Whom raw fetches ask and what they make of the answers, against brokers that answer Fetch as they are told.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Cluster } from '../../../src/adapters/kafka/cluster.ts'
import { RawFetcher } from '../../../src/adapters/kafka/raw-fetch.ts'
import { WireWriter } from '../../../src/adapters/kafka/wire.ts'
import { readingTo } from '../../../src/adapters/system/intake.ts'
import { AT } from '../../../src/model/batches/batch.ts'
import { encodeBatches } from '../../../src/model/batches/records.ts'
import { record } from '../../model/batches/helpers.ts'

const PLACE = { topic: 't', partition: 0 }
const soon = (): AbortSignal => AbortSignal.timeout(10_000)

interface Answer {
  readonly batches?: Buffer
  readonly preferred?: number
  /** Over a quota: nothing but how long to rest. */
  readonly throttle?: number
  readonly error?: number
}

const fetchAnswer = ({ batches = Buffer.alloc(0), preferred = -1, throttle = 0, error = 0 }: Answer): Buffer =>
  new WireWriter()
    .i32(throttle)
    .i16(0)
    .i32(0) // session
    .oldArray(throttle > 0 ? [] : ['t'], (each, name) =>
      each.oldString(name).oldArray([0], (row, partition) =>
        row
          .i32(partition)
          .i16(error)
          .i64(100n)
          .i64(100n)
          .i64(0n)
          .oldArray([], () => {})
          .i32(preferred)
          .i32(batches.length)
          .raw(batches),
      ),
    )
    .finish()

interface Broker {
  /** What it says next; the last one again and again. */
  says: Answer[]
  /** Longest waits it was asked for. */
  readonly waits: number[]
  readonly port: number
}

const open: { readonly server: Server; readonly sockets: Socket[] }[] = []

const broker = async (): Promise<Broker> => {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (frame) => {
      // One small request at a time comes in one piece: length, key, version, correlation, client id, replica, longest wait.
      const body = 14 + frame.readInt16BE(12)
      self.waits.push(frame.readInt32BE(body + 4))
      const answer = fetchAnswer((self.says.length > 1 ? self.says.shift() : self.says[0]) ?? {})
      socket.write(
        new WireWriter()
          .i32(answer.length + 4)
          .raw(frame.subarray(8, 12))
          .raw(answer)
          .finish(),
      )
    })
  })
  open.push({ server, sockets })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const self: Broker = { says: [{}], waits: [], port: (server.address() as AddressInfo).port }
  return self
}

let leader: Broker
let follower: Broker
let fetcher: RawFetcher

beforeEach(async () => {
  leader = await broker()
  follower = await broker()
  const brokers = [leader, follower].map(({ port }, at) => ({ id: at + 1, host: '127.0.0.1', port, rack: `rack-${at + 1}` }))
  const partitions = [{ partition: 0, leader: 1, leaderEpoch: 0, replicas: [1, 2] }]
  const freshest = async () => ({ answer: { brokers, topics: [{ name: 't', error: 0, partitions }] }, by: '' })
  fetcher = new RawFetcher({ freshest } as unknown as Cluster, {
    clientId: 'test',
    tls: null,
    sasl: null,
    dial: (host, port, intake) => connect({ host, port, ...readingTo(intake) }),
    requestTimeout: 2000,
  })
})

afterEach(() => {
  fetcher.close()
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

const batch = (): Buffer => encodeBatches([record(0n, 'one'), record(1n, 'two')], { codec: 0, maxBytes: 1000 })[0]!.batch

const fetch = async (rack: string | null = null, wait?: number) => {
  const { batches, error, release } = await fetcher.fetch(PLACE, 0n, { maxBytes: 1 << 20, rack, ...(wait === undefined ? {} : { wait }) }, soon())
  const copy = Buffer.from(batches)
  release()
  return { error, batches: copy }
}

describe('a raw fetch', () => {
  test('asks the leader where the follower nearby has nothing, for it may lag behind', async () => {
    leader.says = [{ preferred: 2 }, { batches: batch() }]
    expect(await fetch('rack-2')).toEqual({ error: null, batches: batch() })
    expect([leader.waits.length, follower.waits.length]).toEqual([2, 1])
  })

  test('takes what the follower nearby has', async () => {
    leader.says = [{ preferred: 2 }]
    follower.says = [{ batches: batch() }]
    expect((await fetch('rack-2')).batches).toEqual(batch())
    expect([leader.waits.length, follower.waits.length]).toEqual([1, 1])
  })

  test('asks again, and no sooner than it may, where a quota let the broker say nothing', async () => {
    leader.says = [{ throttle: 300 }, { batches: batch() }]
    const began = performance.now()
    expect(await fetch()).toEqual({ error: null, batches: batch() })
    expect(performance.now() - began).toBeGreaterThan(250)
  })

  test('asks again where the broker fails once and knows no name for it', async () => {
    leader.says = [{ error: -1 }, { batches: batch() }]
    expect(await fetch()).toEqual({ error: null, batches: batch() })
  })

  test('lets the broker look as long as it is told', async () => {
    leader.says = [{ batches: batch() }]
    await fetch()
    await fetch(null, 5000)
    expect(leader.waits).toEqual([50, 5000])
  })

  test('hands out what is whole, and what comes after a length that is impossible with it', async () => {
    const bad = batch()
    bad.writeInt32BE(-5, AT.length)
    leader.says = [{ batches: Buffer.concat([batch(), bad]) }]
    expect((await fetch()).batches).toEqual(Buffer.concat([batch(), bad]))
    leader.says = [{ batches: Buffer.concat([batch(), batch().subarray(0, 40)]) }]
    expect((await fetch()).batches).toEqual(batch())
  })

  test('calls a first batch that is not whole damaged', async () => {
    leader.says = [{ batches: batch().subarray(0, 40) }]
    await expect(fetch()).rejects.toMatchObject({ code: 'corrupt-batch', message: expect.stringContaining('t-0: the batch at offset 0 did not come whole') })
  })
})
