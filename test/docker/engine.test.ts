// Every way to an engine: its socket, TCP, TLS by a context, and ssh. The remote ones end at the same engine, so that
// they must tell the same.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolveEndpoint } from '../../src/adapters/docker/endpoint.ts'
import { openDocker } from '../../src/adapters/docker/open-docker.ts'
import { KdrError } from '../../src/errors.ts'
import { seconds } from '../../src/units.ts'
import { type Shells, shellsUp } from './shells.ts'

const PROJECT = 'kdr-engine-test'
const soon = () => AbortSignal.timeout(seconds(60))

describe('an engine is reached', () => {
  let shells: Shells
  let home = ''
  const servers: Server[] = []
  const real = resolveEndpoint({ host: null, context: null }, process.env)

  /** A socket of this machine, made to look like a far one. */
  const forward = (client: Socket): void => {
    const engine = real.socket === null ? connect(real.port ?? 0, real.hostname) : connect(real.socket)
    client.pipe(engine).pipe(client)
    for (const [one, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  }
  const listen = async (server: Server): Promise<number> => {
    servers.push(server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const open = (said: { host?: string; context?: string }, env: Readonly<Record<string, string>> = {}) =>
    openDocker({ cluster: 'far', project: PROJECT, host: null, context: null, files: [], env: { ...process.env, ...env }, ...said })

  /** What it says of itself and of a container: everything the adapter asks for goes over the connection. */
  const tell = async (said: { host?: string; context?: string }, env: Readonly<Record<string, string>> = {}) => {
    const platform = open(said, env)
    try {
      const { identity } = await platform.identity(soon())
      const members = await platform.members(soon())
      const named = members.find(({ name }) => name.includes('named'))
      const uid = named?.uid.known ? named.uid.value : null
      const ran = await platform.exec({ name: named?.name ?? '', uid }, ['bash', '-c', 'echo through; exit 4'], soon())
      const log = await platform.logs(named?.name ?? '', { tail: 5, previous: false }, soon())
      return { identity, names: members.map(({ name }) => name), id: named?.id, ran, log }
    } finally {
      await platform.close()
    }
  }

  beforeAll(async () => {
    shells = await shellsUp(PROJECT)
    home = mkdtempSync(join(tmpdir(), 'kdr-engine-'))
  })
  afterAll(async () => {
    for (const server of servers) server.close()
    rmSync(home, { recursive: true, force: true })
    await shells?.down()
  })

  it('over TCP', async () => {
    const host = `tcp://127.0.0.1:${await listen(createServer(forward))}`
    const there = await tell({ host })
    expect(there).toMatchObject({ id: { value: 7 }, ran: { code: 4, stdout: 'through\n' }, log: ['begins'] })
    expect(there).toEqual(await tell({}, { DOCKER_HOST: host }))
    // What a local engine's disks say directly, a remote one's say through the engine.
    const here = await tell({})
    expect({ ...there, id: here.id }).toEqual(here)
  })

  it('over TLS by a context, its certificate verified', async () => {
    const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: home, stdio: 'ignore' })
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
    )
    const [key, cert] = [readFileSync(join(home, 'key.pem')), readFileSync(join(home, 'cert.pem'))]
    const port = await listen(createTlsServer({ key, cert, ca: cert, requestCert: true, rejectUnauthorized: true }, forward))
    const context = (name: string, hostname: string) => {
      const id = createHash('sha256').update(name).digest('hex')
      const [meta, tls] = [join(home, 'contexts', 'meta', id), join(home, 'contexts', 'tls', id, 'docker')]
      for (const folder of [meta, tls]) mkdirSync(folder, { recursive: true })
      writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: `tcp://${hostname}:${port}`, SkipTLSVerify: false } } }))
      for (const [file, pem] of [
        ['ca.pem', cert],
        ['cert.pem', cert],
        ['key.pem', key],
      ] as const)
        writeFileSync(join(tls, file), pem)
    }
    context('secure', 'localhost')
    context('wrong-name', '127.0.0.1')
    expect(await tell({ context: 'secure' }, { DOCKER_CONFIG: home })).toMatchObject({ id: { value: 7 }, ran: { code: 4 } })
    await expect(tell({ context: 'wrong-name' }, { DOCKER_CONFIG: home })).rejects.toThrow(/does not match|altnames/i)
  })

  it('over ssh, by the ssh command and docker on the other side', async () => {
    // A stand-in for sshd only: what the ssh command is given is run here.
    const bin = join(home, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'ssh'), `#!/bin/bash\necho "$@" >> ${home}/asked\nwhile [[ $1 != docker ]]; do shift; done\nDOCKER_HOST=${real.host} exec "$@"\n`)
    chmodSync(join(bin, 'ssh'), 0o755)
    const path = process.env['PATH']
    process.env['PATH'] = `${bin}:${path}`
    try {
      expect(await tell({ host: 'ssh://me@box.example:2222' })).toMatchObject({ id: { value: 7 }, ran: { code: 4, stdout: 'through\n' }, log: ['begins'] })
    } finally {
      process.env['PATH'] = path
    }
    expect(readFileSync(join(home, 'asked'), 'utf8').split('\n')[0]).toBe('-o BatchMode=yes -T -- ssh://me@box.example:2222 docker system dial-stdio')
  })

  it('or is said not to be, and why', async () => {
    const closed = createServer()
    const port = await listen(closed)
    closed.close()
    for (const [host, why] of [
      [`tcp://127.0.0.1:${port}`, /does not answer \(ECONNREFUSED\)/],
      [`unix://${home}/no.sock`, /does not answer \(ENOENT\)/],
    ] as const) {
      const platform = open({ host })
      const thrown = await platform.members(soon()).catch((error: unknown) => error)
      expect(thrown).toBeInstanceOf(KdrError)
      expect(thrown).toMatchObject({ code: 'docker-unreachable', message: expect.stringMatching(why) })
      await platform.close()
    }
  })
})
