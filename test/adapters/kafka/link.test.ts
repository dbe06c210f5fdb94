// What a broker that hangs, hangs up or is not there costs: real sockets, no Kafka behind them.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { type KafkaSettings, openKafka } from '../../../src/adapters/kafka/open.ts'

const servers: { server: Server; sockets: Socket[] }[] = []

const listen = async (onSocket: (socket: Socket) => void): Promise<{ endpoint: string; sockets: Socket[] }> => {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  servers.push({ server, sockets })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { endpoint: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, sockets }
}

const hung = () => listen((socket) => socket.resume())
const rude = () => listen((socket) => socket.destroy())
const gone = async () => {
  const { endpoint } = await hung()
  servers.pop()?.server.close()
  return endpoint
}

const open = (endpoint: string, change: Partial<KafkaSettings> = {}) =>
  openKafka({
    bootstrap: [endpoint],
    clientId: 'kdr',
    tls: null,
    sasl: null,
    dial: (host, port) => connect({ host, port }),
    requestTimeout: 300,
    ...change,
  })

const patient = () => AbortSignal.timeout(10_000)

const timed = async <T>(work: Promise<T>): Promise<{ result: PromiseSettledResult<T>; took: number }> => {
  const start = performance.now()
  const [result] = await Promise.allSettled([work])
  return { result, took: performance.now() - start }
}

afterEach(() => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

describe('a broker that', () => {
  test('hangs is silent, after no more than the request timeout', async () => {
    const { endpoint } = await hung()
    const kafka = open(endpoint)
    const { result, took } = await timed(kafka.ping([endpoint], patient()))
    expect(result).toMatchObject({ status: 'fulfilled', value: [{ endpoint, answer: 'silent', id: null }] })
    expect(took).toBeLessThan(1500)
    await kafka.close()
  })

  test('hangs behind TLS is silent too', async () => {
    const { endpoint } = await hung()
    const kafka = open(endpoint, { tls: { ca: null, cert: null, key: null, rejectUnauthorized: true } })
    expect(await kafka.ping([endpoint], patient())).toMatchObject([{ answer: 'silent' }])
    await kafka.close()
  })

  test('is not there is refused, by a socket as by any other stream', async () => {
    const endpoint = await gone()
    const kafka = open(endpoint)
    expect(await kafka.ping([endpoint], patient())).toMatchObject([{ answer: 'refused', detail: expect.stringContaining('ECONNREFUSED') }])
    const failing = () => {
      const stream = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() })
      setImmediate(() => stream.destroy(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })))
      return stream
    }
    const tunnelled = open(endpoint, { dial: failing })
    expect(await tunnelled.ping([endpoint], patient())).toMatchObject([{ answer: 'refused' }])
  })

  test('hangs up is refused', async () => {
    const { endpoint } = await rude()
    const kafka = open(endpoint)
    expect(await kafka.ping([endpoint], patient())).toMatchObject([{ answer: 'refused' }])
    await kafka.close()
  })

  test('is gone is asked once more over a new connection, however the old one broke', async () => {
    const endpoint = await gone()
    let dialled = 0
    const dial = (host: string, port: number): Duplex => {
      dialled += 1
      if (dialled > 1) return connect({ host, port })
      const old = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() })
      setImmediate(() => old.destroy(Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' })))
      return old
    }
    const kafka = open(endpoint, { dial })
    expect(await kafka.ping([endpoint], patient())).toMatchObject([{ answer: 'refused', detail: expect.stringContaining('ECONNREFUSED') }])
    await kafka.close()
  })

  test('cannot be reached for another reason is silent: that proves nothing about it', async () => {
    const stream = () => {
      const one = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() })
      setImmediate(() => one.destroy(Object.assign(new Error('getaddrinfo ENOTFOUND kafka-1'), { code: 'ENOTFOUND' })))
      return one
    }
    const kafka = open('kafka-1:9092', { dial: stream })
    expect(await kafka.ping(['kafka-1:9092'], patient())).toMatchObject([{ answer: 'silent', detail: expect.stringContaining('ENOTFOUND') }])
  })
})

describe('with nobody to answer', () => {
  test('metadata names every endpoint and its reason, within the request timeout', async () => {
    const silent = await hung()
    const dead = await gone()
    const kafka = open(silent.endpoint, { bootstrap: [silent.endpoint, dead] })
    const { result, took } = await timed(kafka.metadata(patient()))
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'no-broker-answered' } })
    const words = String((result as PromiseRejectedResult).reason.message)
    expect(words).toContain(`${silent.endpoint} did not answer`)
    expect(words).toContain(`connect ECONNREFUSED ${dead}`)
    expect(took).toBeLessThan(1500)
    await kafka.close()
  })

  test('a quorum is not seen, which is no ZooKeeper', async () => {
    const kafka = open(await gone())
    await expect(kafka.quorum(null, patient())).rejects.toMatchObject({ code: 'no-quorum-leader' })
    await kafka.close()
  })
})

describe('stopping', () => {
  test('an abort ends the wait at once, with its reason', async () => {
    const { endpoint } = await hung()
    const kafka = open(endpoint, { requestTimeout: 10_000 })
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('enough')), 50)
    const { result, took } = await timed(kafka.metadata(controller.signal))
    expect(result).toMatchObject({ status: 'rejected', reason: { message: 'enough' } })
    expect(took).toBeLessThan(1500)
    await kafka.close()
  })

  test('close ends whoever waits, hangs up on a hung broker and refuses to be used again', async () => {
    const { endpoint, sockets } = await hung()
    const kafka = open(endpoint, { requestTimeout: 10_000 })
    const waiting = timed(kafka.metadata(patient()))
    await new Promise((resolve) => setTimeout(resolve, 100))
    const closed = new Promise((resolve) => sockets[0]?.once('close', resolve))
    await kafka.close()
    await closed
    expect((await waiting).took).toBeLessThan(1500)
    await expect(kafka.ping([endpoint], patient())).rejects.toMatchObject({ code: 'closed' })
  })

  test('probes of names that are not kdr’s own are refused before anything is sent', async () => {
    const { endpoint, sockets } = await hung()
    const kafka = open(endpoint)
    await expect(kafka.createTopic('orders', [[1]], {}, patient())).rejects.toMatchObject({ code: 'not-a-canary' })
    await expect(kafka.deleteTopic('orders', patient())).rejects.toMatchObject({ code: 'not-a-canary' })
    await expect(kafka.produce({ topic: 'orders', partition: 0 }, [], patient())).rejects.toMatchObject({ code: 'not-a-canary' })
    expect(sockets).toHaveLength(0)
    await kafka.close()
  })
})
