// Which Docker engine is meant, decided as the docker command decides it: by what was said, DOCKER_HOST,
// DOCKER_CONTEXT, the current context, else this machine's socket.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { KdrError, wordsOf } from '../../errors.ts'

type Env = Readonly<Record<string, string | undefined>>

export interface Endpoint {
  /** As DOCKER_HOST says it. */
  readonly host: string
  readonly kind: 'socket' | 'tcp' | 'ssh'
  /** Path of the socket; null unless `kind` is `socket`. */
  readonly socket: string | null
  /** Name or address of the engine's host, as this machine reaches it; `127.0.0.1` for a socket. */
  readonly hostname: string
  readonly port: number | null
  /** Folder with ca.pem, cert.pem and key.pem; null: no TLS. */
  readonly certs: string | null
  /** The Docker context that names it; null: none does. */
  readonly context: string | null
  /** Who named it, in words. */
  readonly by: string
}

const DEFAULT_SOCKET = '/var/run/docker.sock'
/** Docker's own ports (IANA): without and with TLS. */
const PLAIN_PORT = 2375
const TLS_PORT = 2376

const invalid = (message: string, hint: string, cause?: unknown): KdrError =>
  new KdrError(message, { code: 'docker-endpoint-invalid', exit: 'usage', hint, cause })

const configFolder = (env: Env): string => env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker')

const parse = (host: string, certs: string | null, by: string): Endpoint => {
  const [, scheme = 'tcp', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/.exec(host) ?? []
  const hint = `${by} should be like unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host`
  if (scheme === 'unix' || scheme === 'npipe') {
    return { host, kind: 'socket', socket: rest || DEFAULT_SOCKET, hostname: '127.0.0.1', port: null, certs: null, context: null, by }
  }
  if (scheme !== 'tcp' && scheme !== 'http' && scheme !== 'https' && scheme !== 'ssh') throw invalid(`${host} names no Docker engine kdr can reach`, hint)
  let url: URL
  try {
    // A scheme that URL knows nothing about keeps its port.
    url = new URL(`engine://${rest}`)
  } catch (cause) {
    throw invalid(`${host} names no Docker engine`, hint, cause)
  }
  if (url.hostname === '') throw invalid(`${host} names no host`, hint)
  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  const said = url.port === '' ? null : Number(url.port)
  if (scheme === 'ssh') return { host, kind: 'ssh', socket: null, hostname, port: said, certs: null, context: null, by }
  const port = said ?? (certs === null ? PLAIN_PORT : TLS_PORT)
  return { host, kind: 'tcp', socket: null, hostname, port, certs, context: null, by }
}

/** Certificates for a host given as such: the docker command uses them when DOCKER_TLS_VERIFY is set. */
const certsOf = (env: Env): string | null => (env['DOCKER_TLS_VERIFY'] ? env['DOCKER_CERT_PATH'] || configFolder(env) : null)

const readJson = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw invalid(`cannot read ${file}: ${wordsOf(cause)}`, 'docker context ls shows what Docker makes of it', cause)
  }
}

/** A value deep inside parsed JSON, or undefined. */
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined), value)

/** Contexts are kept under the SHA-256 of their name (docker/cli, cli/context/store). */
const fromContext = (name: string, env: Env, by: string): Endpoint => {
  const id = createHash('sha256').update(name).digest('hex')
  const contexts = join(configFolder(env), 'contexts')
  const file = join(contexts, 'meta', id, 'meta.json')
  if (!existsSync(file)) throw invalid(`there is no Docker context ${name}`, 'docker context ls lists them')
  const meta = readJson(file)
  const host = at(meta, 'Endpoints', 'docker', 'Host')
  if (typeof host !== 'string' || host === '') throw invalid(`the Docker context ${name} names no engine`, `docker context inspect ${name}`)
  if (at(meta, 'Endpoints', 'docker', 'SkipTLSVerify') === true)
    throw invalid(`the Docker context ${name} does not verify the engine's certificate`, `give it the engine's CA: docker context update ${name}`)
  const certs = join(contexts, 'tls', id, 'docker')
  return { ...parse(host, existsSync(certs) ? certs : null, by), context: name }
}

const currentContext = (env: Env): string | null => {
  const file = join(configFolder(env), 'config.json')
  const current = existsSync(file) ? at(readJson(file), 'currentContext') : undefined
  return typeof current === 'string' && current !== '' ? current : null
}

const defaultSocket = (env: Env): string => {
  const user = join(env['HOME'] || homedir(), '.docker', 'run', 'docker.sock')
  return !existsSync(DEFAULT_SOCKET) && existsSync(user) ? user : DEFAULT_SOCKET
}

/**
 * The precedence is docker/cli's (`resolveContextName`): host, context, DOCKER_HOST, DOCKER_CONTEXT, current context.
 * Throws `docker-endpoint-invalid` (exit usage). Connects to nothing.
 */
export const resolveEndpoint = (said: { readonly host: string | null; readonly context: string | null }, env: Env): Endpoint => {
  if (said.host !== null) return parse(said.host, certsOf(env), 'the Docker host')
  const context = (name: string, by: string): Endpoint | null => (name === 'default' ? null : fromContext(name, env, by))
  const asked = said.context === null ? null : context(said.context, `the Docker context ${said.context}`)
  if (asked !== null) return asked
  if (env['DOCKER_HOST']) return parse(env['DOCKER_HOST'], certsOf(env), 'DOCKER_HOST')
  const other = said.context === null ? env['DOCKER_CONTEXT'] || currentContext(env) : null
  const named = other ? context(other, `the Docker context ${other}`) : null
  return named ?? parse(`unix://${defaultSocket(env)}`, null, 'the default socket')
}
