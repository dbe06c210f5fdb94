// Connections for raw batches against a server that does as it is told: answers in any pieces, logins, silence.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { LinkSettings } from '../../../src/adapters/kafka/link.ts'
import { RawLink } from '../../../src/adapters/kafka/raw-link.ts'
import { readingTo } from '../../../src/adapters/system/intake.ts'
import { Slabs } from '../../../src/model/slabs.ts'

const ECHO = { name: 'Echo', key: 99, version: 0, flexible: false }
const soon = (): AbortSignal => AbortSignal.timeout(5000)

interface Request {
  readonly key: number
  readonly correlation: number
  readonly body: Buffer
}

type Behaviour = (request: Request, socket: Socket) => Buffer | null

const servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = []

afterEach(() => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

const requestsIn = (bytes: Buffer): { readonly requests: readonly Request[]; readonly rest: Buffer } => {
  const requests: Request[] = []
  let at = 0
  while (at + 4 <= bytes.length && at + 4 + bytes.readInt32BE(at) <= bytes.length) {
    const frame = bytes.subarray(at + 4, at + 4 + bytes.readInt32BE(at))
    requests.push({ key: frame.readInt16BE(0), correlation: frame.readInt32BE(4), body: frame.subarray(10 + frame.readInt16BE(8)) })
    at += 4 + frame.length
  }
  return { requests, rest: bytes.subarray(at) }
}

const framed = (correlation: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(8)
  head.writeInt32BE(4 + body.length, 0)
  head.writeInt32BE(correlation, 4)
  return Buffer.concat([head, body])
}

const serve = async (behave: Behaviour, cut = Number.POSITIVE_INFINITY): Promise<string> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.setNoDelay(true))
    let held = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const { requests, rest } = requestsIn(Buffer.concat([held, chunk]))
      held = Buffer.from(rest)
      for (const request of requests) {
        const body = behave(request, socket)
        if (body === null) continue
        const answer = framed(request.correlation, body)
        for (let at = 0; at < answer.length; at += cut) socket.write(answer.subarray(at, at + cut))
      }
    })
  })
  servers.push({ server, sockets })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const settings = (direct: boolean, sasl: LinkSettings['sasl'] = null): LinkSettings => ({
  clientId: 'test',
  tls: null,
  sasl,
  dial: (host, port, intake) => connect({ host, port, ...readingTo(direct ? intake : undefined) }),
  requestTimeout: 2000,
})

const open = (endpoint: string, direct = true, sasl: LinkSettings['sasl'] = null): RawLink => new RawLink(endpoint, settings(direct, sasl), new Slabs(), 2000)

const ask = async (link: RawLink, body: Buffer, limit = 2000): Promise<Buffer> => {
  const { bytes, release } = await link.request(ECHO, [body.subarray(0, 3), body.subarray(3)], limit, soon())
  const copy = Buffer.from(bytes)
  release()
  return copy
}

const closed = Object.assign(new Error('done'), { code: 'closed' }) as never

describe.each([
  ['read in place', true],
  ['read in chunks', false],
])('answers %s', (_, direct) => {
  test.each([1, 3, 5, 4093, Number.POSITIVE_INFINITY])('come whole and in order, in pieces of %f bytes', async (cut) => {
    const endpoint = await serve(({ body }) => Buffer.from(body), cut)
    const link = open(endpoint, direct)
    const bodies = [0, 1, 7, 5000, 20, cut < 100 ? 300 : 3_000_000, 9].map((length) => randomBytes(length))
    const answers = await Promise.all(bodies.map((body) => ask(link, body)))
    expect(answers.map((answer, at) => answer.equals(bodies[at] as Buffer))).toEqual(bodies.map(() => true))
    link.destroy(closed)
  })
})

describe('a connection', () => {
  test('on which nothing comes breaks after the limit, for everyone who waits', async () => {
    const link = open(await serve(() => null))
    const asked = [ask(link, Buffer.from('abc'), 200), ask(link, Buffer.from('abc'), 5000)]
    const settled = await Promise.allSettled(asked)
    expect(settled.map((one) => one.status === 'rejected' && one.reason.code)).toEqual(['broker-silent', 'broker-silent'])
    expect(link.broken).toBe(true)
  })

  test('that is slow but goes on does not', async () => {
    const link = open(
      await serve(({ correlation }, socket) => {
        const answer = framed(correlation, Buffer.from('slow'))
        for (const [at, byte] of answer.entries()) setTimeout(() => socket.write(Buffer.from([byte])), 100 * at)
        return null
      }),
    )
    expect((await ask(link, Buffer.from('abc'), 800)).toString()).toBe('slow')
    link.destroy(closed)
  })

  test('refused, cut off, or answered out of turn says so', async () => {
    const cut = await serve((_, socket) => {
      socket.destroy()
      return null
    })
    await expect(ask(open(cut), Buffer.from('abc'))).rejects.toMatchObject({ code: 'broker-refused' })
    await expect(ask(open('127.0.0.1:1'), Buffer.from('abc'))).rejects.toMatchObject({ code: 'broker-refused' })
    const wrong = await serve((_, socket) => {
      socket.write(framed(77, Buffer.alloc(3)))
      return null
    })
    await expect(ask(open(wrong), Buffer.from('abc'))).rejects.toMatchObject({ code: 'malformed-answer' })
    const web = await serve((_, socket) => {
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
      return null
    })
    await expect(ask(open(web), Buffer.from('abc'))).rejects.toMatchObject({ code: 'malformed-answer' })
  })

  test('outlives a request that nobody wants any more', async () => {
    let first: (() => void) | null = null
    const link = open(
      await serve(({ body, correlation }, socket) => {
        if (first !== null) return Buffer.from(body)
        first = () => socket.write(framed(correlation, Buffer.from('late')))
        setTimeout(first, 100)
        return null
      }),
    )
    const gone = new AbortController()
    const abandoned = link.request(ECHO, [Buffer.from('a')], 2000, gone.signal)
    setTimeout(() => gone.abort(new Error('enough')), 20)
    await expect(abandoned).rejects.toThrow('enough')
    await new Promise((resolve) => setTimeout(resolve, 120))
    expect((await ask(link, Buffer.from('next'))).toString()).toBe('next')
    link.destroy(closed)
  })

  test('rests when it is told to, and keeps the order', async () => {
    const seen: string[] = []
    const link = open(
      await serve(({ body }) => {
        seen.push(body.toString())
        return Buffer.from(body)
      }),
    )
    await ask(link, Buffer.from('one'))
    link.rest(150)
    const began = performance.now()
    await Promise.all(['two', 'three', 'four'].map((word) => ask(link, Buffer.from(word), 100)))
    expect(performance.now() - began).toBeGreaterThan(140)
    expect(seen).toEqual(['one', 'two', 'three', 'four'])
    link.destroy(closed)
  })
})

const bytes32 = (length: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(length)
  return bytes
}

/** SaslAuthenticate v1's answer. */
const authenticated = (error: number, words: string, bytes: Buffer): Buffer => {
  const head = Buffer.alloc(4)
  head.writeInt16BE(error, 0)
  head.writeInt16BE(words.length, 2)
  return Buffer.concat([head, Buffer.from(words), bytes32(bytes.length), bytes, Buffer.alloc(8)])
}

const handshaken = Buffer.from('00000000' + '0000', 'hex')

/** A broker that knows one user, as RFC 5802 has its side; `lie`: it does not know the password. */
const scramServer = (hash: string, password: string, lie = false): Behaviour => {
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  const salt = Buffer.from('some salt')
  const salted = pbkdf2Sync(lie ? 'other' : password, salt, 4096, createHash(hash).digest().length, hash)
  let first = ''
  let challenge = ''
  return ({ key, body }) => {
    if (key === 17) return handshaken
    if (key !== 36) return Buffer.from(body)
    const text = body.subarray(4).toString()
    if (text.startsWith('n,,')) {
      first = text.slice(3)
      challenge = `${first.slice(first.indexOf('r='))}server,s=${salt.toString('base64')},i=4096`
      return authenticated(0, '', Buffer.from(challenge))
    }
    const final = text.slice(0, text.indexOf(',p='))
    const signed = `${first},${challenge},${final}`
    const stored = createHash(hash).update(hmac(salted, 'Client Key')).digest()
    const signature = hmac(stored, signed)
    const clientKey = Buffer.from(text.slice(text.indexOf(',p=') + 3), 'base64').map((byte, at) => byte ^ (signature[at] ?? 0))
    if (!lie && !createHash(hash).update(clientKey).digest().equals(stored)) return authenticated(58, 'wrong password', Buffer.alloc(0))
    return authenticated(0, '', Buffer.from(`v=${hmac(hmac(salted, 'Server Key'), signed).toString('base64')}`))
  }
}

describe('a login', () => {
  const user = (mechanism: string, password = 'pa,ss=word') => ({ mechanism, username: 'kd,r', password })

  test.each([
    ['scram-sha-256', 'sha256'],
    ['scram-sha-512', 'sha512'],
  ])('by %s goes before every request', async (mechanism, hash) => {
    const link = open(await serve(scramServer(hash, 'pa,ss=word')), true, user(mechanism))
    expect((await ask(link, Buffer.from('inside'))).toString()).toBe('inside')
    link.destroy(closed)
    const wrong = open(await serve(scramServer(hash, 'another')), true, user(mechanism))
    await expect(ask(wrong, Buffer.from('inside'))).rejects.toMatchObject({ code: 'authentication-failed', message: expect.stringContaining('wrong password') })
    const liar = open(await serve(scramServer(hash, 'pa,ss=word', true)), true, user(mechanism))
    await expect(ask(liar, Buffer.from('inside'))).rejects.toMatchObject({ code: 'authentication-failed' })
  })

  test('by PLAIN says user and password once, and a refusal is named', async () => {
    const server = ({ key, body }: Request): Buffer => {
      if (key === 17) return handshaken
      if (key !== 36) return Buffer.from(body)
      const right = body.subarray(4).toString() === '\0kd,r\0pa,ss=word'
      return authenticated(right ? 0 : 58, right ? '' : 'no such user', Buffer.alloc(0))
    }
    const endpoint = await serve(server)
    expect((await ask(open(endpoint, true, user('plain')), Buffer.from('inside'))).toString()).toBe('inside')
    await expect(ask(open(endpoint, true, user('plain', 'x')), Buffer.from('inside'))).rejects.toMatchObject({ code: 'authentication-failed' })
  })
})
