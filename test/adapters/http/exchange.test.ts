// What may happen to a question on its way, tried on servers of the test's own: the wrong name, a login, a
// redirection, silence, half an answer. Both services that are asked over HTTP go through it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { type AddressInfo, connect, createServer as createPlain, type Server as PlainServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { exchange, type HttpConnection } from '../../../src/adapters/http/exchange.ts'
import { openSchemaRegistry } from '../../../src/adapters/schema-registry/open-registry.ts'
import { KdrError } from '../../../src/errors.ts'

const open: (Server | PlainServer)[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  }
})

const listen = async (server: Server | PlainServer): Promise<number> => {
  open.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return (server.address() as AddressInfo).port
}
const serving = async (answer: RequestListener): Promise<string> => `http://127.0.0.1:${await listen(createServer(answer))}`

/** Every name is this machine: what it is dialled by still counts for TLS. */
const here: HttpConnection = { dial: (_, port) => connect({ host: '127.0.0.1', port }), ca: null, auth: null, timeout: 1000 }
const soon = () => AbortSignal.timeout(5000)
const get = (at: string, connection: Partial<HttpConnection> = {}, signal = soon()) =>
  exchange('it', at, { method: 'GET', path: '/x?y=z', accept: 'application/json' }, { ...here, ...connection }, signal)

describe('a question', () => {
  it('is asked as it is, and its answer told as it is', async () => {
    const at = await serving((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { method, url, headers } = request
        response.writeHead(418).end(JSON.stringify({ method, url, type: headers['content-type'], body: Buffer.concat(chunks).toString() }))
      })
    })
    const body = { type: 'application/thing', json: { snow: '雪' } }
    const answer = await exchange('it', at, { method: 'PUT', path: '/a%2Fb?c', accept: '*/*', body }, here, soon())
    expect([answer.status, JSON.parse(answer.text)]).toEqual([418, { method: 'PUT', url: '/a%2Fb?c', type: 'application/thing', body: '{"snow":"雪"}' }])
  })

  it('carries credentials where there are some', async () => {
    const at = await serving((request, response) => response.end(request.headers.authorization ?? 'none'))
    expect((await get(at)).text).toBe('none')
    expect((await get(at, { auth: { username: 'kdr', password: 'p:w' } })).text).toBe(`Basic ${Buffer.from('kdr:p:w').toString('base64')}`)
  })

  it('is not taken elsewhere by a redirection', async () => {
    let asked = 0
    const elsewhere = await serving((_, response) => {
      asked += 1
      response.end('[]')
    })
    const at = await serving((_, response) => response.writeHead(307, { location: elsewhere }).end())
    expect((await get(at)).status).toBe(307)
    const registry = openSchemaRegistry({ ...here, auth: { username: 'kdr', password: 'secret' } })
    await expect(registry.subjects(at, { deleted: false }, soon())).rejects.toMatchObject({ code: 'registry-307' })
    expect(asked).toBe(0)
  })

  it('that nobody hears is told so', async () => {
    await expect(get('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'it-unreachable' })
    const hangsUp = `http://127.0.0.1:${await listen(createPlain((socket) => socket.destroy()))}`
    await expect(get(hangsUp)).rejects.toMatchObject({ code: 'it-unreachable' })
  })

  it('that is heard in silence ends by its own patience, or with its signal', async () => {
    const at = await serving(() => {})
    const start = performance.now()
    await expect(get(at)).rejects.toMatchObject({ code: 'it-silent' })
    expect(performance.now() - start).toBeLessThan(3000)
    const reason = new Error('enough')
    const abort = new AbortController()
    setTimeout(() => abort.abort(reason), 20)
    await expect(get(at, { timeout: 60_000 }, abort.signal)).rejects.toBe(reason)
    expect(() => get(at, {}, AbortSignal.abort(reason))).toThrow(reason)
  })

  it('may be answered at length, but not without an end in sight', async () => {
    const slow = await serving((_, response) => {
      let left = 16
      const timer = setInterval(() => {
        left -= 1
        if (left > 0) response.write('drop ')
        else {
          clearInterval(timer)
          response.end('done')
        }
      }, 100)
    })
    expect((await get(slow)).text).toBe(`${'drop '.repeat(15)}done`)
    const stops = await serving((_, response) => {
      response.write('[')
    })
    await expect(get(stops)).rejects.toMatchObject({ code: 'it-silent' })
    const endless = await serving((_, response) => {
      const chunk = Buffer.alloc(1 << 20)
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', more)
      }
      more()
    })
    await expect(get(endless, { timeout: 5000 }, AbortSignal.timeout(30_000))).rejects.toMatchObject({ code: 'it-failed' })
  })

  it('with half an answer has none: somebody is there, and nothing else is known', async () => {
    const at = await serving((_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('["orders-value"')
      setTimeout(() => response.socket?.destroy(), 30)
    })
    await expect(get(at)).rejects.toMatchObject({ code: 'it-failed', message: expect.stringContaining('cut its answer short') })
    await expect(openSchemaRegistry(here).subjects(at, { deleted: false }, soon())).rejects.toMatchObject({ code: 'registry-failed' })
  })
})

describe('over TLS', () => {
  let folder: string
  let port: number
  const pem = (name: string) => readFileSync(path.join(folder, name), 'utf8')
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'kdr-https-'))
    writeFileSync(path.join(folder, 'san'), 'subjectAltName=DNS:registry-1')
    for (const name of ['ca', 'other']) {
      openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`)
    }
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=registry-1', '-keyout', 'own.key', '-out', 'own.csr')
    openssl('x509', '-req', '-in', 'own.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'san', '-out', 'own.pem')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const secure = async () => {
    port = await listen(createSecure({ key: pem('own.key'), cert: pem('own.pem') }, (request, response) => response.end(request.headers.authorization ?? '')))
  }
  const failure = (attempt: Promise<unknown>): Promise<KdrError> =>
    attempt.then(
      () => Promise.reject(new Error('it was answered')),
      (thrown: unknown) => (thrown instanceof KdrError ? thrown : Promise.reject(thrown)),
    )

  it('reaches whom it asked for, through another address, and nobody else', async () => {
    await secure()
    const auth = { username: 'kdr', password: 'secret' }
    expect((await get(`https://registry-1:${port}`, { ca: pem('ca.pem'), auth })).text).toMatch(/^Basic /)
    const named = await failure(get(`https://registry-2:${port}`, { ca: pem('ca.pem'), auth }))
    expect([named.code, named.message]).toEqual(['it-failed', expect.stringContaining("does not match certificate's altnames")])
    const address = await failure(get(`https://127.0.0.1:${port}`, { ca: pem('ca.pem'), auth }))
    expect([address.code, address.message]).toEqual(['it-failed', expect.stringContaining("IP: 127.0.0.1 is not in the cert's list")])
    const signed = await failure(get(`https://registry-1:${port}`, { ca: pem('other.pem'), auth }))
    expect([signed.code, signed.message]).toEqual(['it-failed', expect.stringMatching(/unable to (verify|get local issuer)|self.signed/i)])
    const unknown = await failure(get(`https://registry-1:${port}`, { auth }))
    expect(unknown.code).toBe('it-failed')
    for (const error of [named, address, signed, unknown]) expect(JSON.stringify([error.message, error.hint])).not.toContain('secret')
  })

  it('does not speak to whoever speaks no TLS', async () => {
    const at = await serving((_, response) => response.end('[]'))
    expect((await failure(get(at.replace('http:', 'https:'), { auth: { username: 'kdr', password: 'secret' } }))).code).toMatch(/^it-(failed|unreachable)$/)
  })
})
