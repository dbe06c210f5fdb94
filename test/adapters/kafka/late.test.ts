// A broker that takes a request and does not answer it in time: what becomes of its connection. The server
// here speaks just enough of Kafka to log in: ApiVersions.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test } from 'vitest'
import { Link, type WhenLate } from '../../../src/adapters/kafka/link.ts'
import { ListGroups } from '../../../src/adapters/kafka/messages/access.ts'
import { WireReader, WireWriter } from '../../../src/adapters/kafka/wire.ts'
import { KdrError } from '../../../src/errors.ts'

const API_VERSIONS = 18
let server: Server | undefined
const sockets: Socket[] = []

const framed = (correlation: number, body: Buffer): Buffer =>
  new WireWriter()
    .i32(body.length + 4)
    .i32(correlation)
    .raw(body)
    .finish()

/** Answers ApiVersions; other requests wait until `release`, then list one group. */
const slowBroker = async (name = 'g') => {
  const waiting: (() => void)[] = []
  let released = false
  const release = () => {
    released = true
    for (const answer of waiting.splice(0)) answer()
  }
  const groups = new WireWriter().tags().i32(0).i16(0)
  groups.array([name], (each, id) => each.string(id).string('consumer').string('Empty').tags()).tags()
  const onRequest = (socket: Socket, request: WireReader) => {
    const key = request.i16()
    request.i16() // version
    const correlation = request.i32()
    const versions = new WireWriter().i16(0).oldArray([ListGroups.key], (each, api) => each.i16(api).i16(0).i16(9))
    if (key === API_VERSIONS) socket.write(framed(correlation, versions.i32(0).finish()))
    else {
      waiting.push(() => socket.write(framed(correlation, groups.finish())))
      // On a busy machine it may be released before it was asked.
      if (released) release()
    }
  }
  server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => onRequest(socket, new WireReader(data.subarray(4))))
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, release }
}

const linkTo = (port: number, whenLate: WhenLate) => {
  const dial = (host: string, to: number) => connect({ host, port: to })
  return new Link(`127.0.0.1:${port}`, { clientId: 'kdr', tls: null, sasl: null, dial, requestTimeout: 1000 }, whenLate)
}

const never = new AbortController().signal

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  server?.close()
})

test('an answer in time is the answer', async () => {
  const broker = await slowBroker()
  const link = linkTo(broker.port, 'breaks')
  const asked = link.ask(ListGroups, null, never)
  setTimeout(broker.release, 50)
  expect(await asked).toEqual({ error: 0, groups: [{ id: 'g', state: 'Empty', protocolType: 'consumer' }] })
  expect([link.broken, link.abandoned]).toEqual([false, false])
  link.destroy(new KdrError('done', { code: 'closed' }))
})

test('a late answer breaks the link, and everyone who waits on it hears the same reason', async () => {
  const broker = await slowBroker()
  const link = linkTo(broker.port, 'breaks')
  const results = await Promise.allSettled([link.ask(ListGroups, null, never), link.ask(ListGroups, null, never, 60_000)])
  expect(results).toMatchObject([
    { status: 'rejected', reason: { code: 'broker-silent' } },
    { status: 'rejected', reason: { code: 'broker-silent' } },
  ])
  expect(link.broken).toBe(true)
})

test('a link that lingers remembers what is owed until the answer comes', async () => {
  const broker = await slowBroker()
  const link = linkTo(broker.port, 'lingers')
  await expect(link.ask(ListGroups, null, never)).rejects.toMatchObject({ code: 'broker-silent' })
  expect([link.broken, link.abandoned]).toEqual([false, true])
  broker.release()
  await expect.poll(() => link.abandoned).toBe(false)
  const asked = link.ask(ListGroups, null, never)
  setTimeout(broker.release, 50)
  expect((await asked).groups).toHaveLength(1)
  link.destroy(new KdrError('done', { code: 'closed' }))
})

test('an abort leaves a debt too; a broken link owes nothing', async () => {
  const broker = await slowBroker()
  const link = linkTo(broker.port, 'lingers')
  await link.versions(never)
  const controller = new AbortController()
  const asked = link.ask(ListGroups, null, controller.signal)
  setTimeout(() => controller.abort(new Error('enough')), 50)
  await expect(asked).rejects.toThrow('enough')
  expect(link.abandoned).toBe(true)
  for (const socket of sockets) socket.destroy()
  await expect.poll(() => [link.broken, link.abandoned]).toEqual([true, false])
})

test('a message the broker does not offer is not sent', async () => {
  const broker = await slowBroker()
  const link = linkTo(broker.port, 'breaks')
  await expect(link.ask({ ...ListGroups, key: 55, name: 'DescribeQuorum' }, null, never)).rejects.toMatchObject({ code: 'api-not-offered' })
  expect(link.broken).toBe(false)
  link.destroy(new KdrError('done', { code: 'closed' }))
})

test('answers are let go, however many a link has given', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const broker = await slowBroker('g'.repeat(30_000))
  broker.release()
  const link = linkTo(broker.port, 'breaks')
  await link.ask(ListGroups, null, never)
  collect()
  const before = process.memoryUsage().arrayBuffers
  for (let asked = 0; asked < 300; asked += 1) await link.ask(ListGroups, null, never)
  // What is collected is given back by a thread of its own, a moment later.
  const kept = () => {
    collect()
    return process.memoryUsage().arrayBuffers - before
  }
  await expect.poll(kept).toBeLessThan(2_000_000)
  link.destroy(new KdrError('done', { code: 'closed' }))
})
