// The connection to one Docker engine: opened without connecting, every call bound to its caller's signal,
// and the engine's errors put into words once.
import { readFileSync } from 'node:fs'
import type { Agent } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Instant } from '../../units.ts'
import type { Endpoint } from './endpoint.ts'
import { sshAgent } from './ssh.ts'

/** What the engine says about itself, as far as it matters here. */
interface EngineInfo {
  /** Random, kept for the engine's life. */
  readonly id: string
  readonly name: string
  /** Whether containers' own addresses can be dialled from here: an engine of this very Linux host, without a virtual machine or user namespace network between. */
  readonly reachesContainers: boolean
}

export interface Engine {
  readonly docker: Docker
  readonly endpoint: Endpoint
  /** Asked once. */
  info(signal: AbortSignal): Promise<EngineInfo>
  /** The engine's own clock: its host may be another machine. */
  now(signal: AbortSignal): Promise<Instant>
  /** Runs one request; `what` completes "cannot …". Throws the signal's reason, `docker-unreachable`, `docker-refused`. */
  call<T>(what: string, signal: AbortSignal, ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T>
  close(): void
}

/** HTTP status of a refused request; null for anything else. */
export const statusOf = (thrown: unknown): number | null => {
  const cause = thrown instanceof KdrError ? thrown.cause : thrown
  const status = cause instanceof Error && 'statusCode' in cause ? cause.statusCode : null
  return typeof status === 'number' ? status : null
}

const NOT_THERE = ['ECONNREFUSED', 'ENOENT', 'EACCES', 'EPERM', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ECONNRESET', 'EPIPE', 'EAI_AGAIN']

const hintOf = (code: unknown, { host, by }: Endpoint): string => {
  if (code === 'EACCES' || code === 'EPERM') return `your user may not use ${host}: join the docker group, or run kdr as one who may`
  return `is the engine running, and does ${by} name the right one? docker info tells`
}

const translate = (what: string, thrown: unknown, endpoint: Endpoint): KdrError => {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  if (statusOf(thrown) === null && typeof code === 'string' && NOT_THERE.includes(code)) {
    return new KdrError(`cannot ${what}: the Docker engine at ${endpoint.host} does not answer (${endpoint.kind === 'ssh' ? wordsOf(thrown) : code})`, {
      code: 'docker-unreachable',
      hint: hintOf(code, endpoint),
      cause: thrown,
    })
  }
  // docker-modem puts "(HTTP code 404) no such container - " before the engine's own words.
  const words = wordsOf(thrown)
    .replace(/^\(HTTP code \d+\) [^-]*- /, '')
    .trim()
  return new KdrError(`cannot ${what}: ${words}`, { code: 'docker-refused', cause: thrown })
}

const connectionOf = (endpoint: Endpoint, agent: Agent | null): Docker.DockerOptions => {
  // docker-modem falls back on the environment for everything left out: whatever is not meant is put out by name.
  const nothing = { ca: undefined, cert: undefined, key: undefined, username: undefined, timeout: undefined, host: undefined, port: undefined }
  if (endpoint.socket !== null) return { ...nothing, socketPath: endpoint.socket, protocol: 'http' }
  const { hostname, port, certs } = endpoint
  const at = { ...nothing, socketPath: undefined, host: hostname.includes(':') ? `[${hostname}]` : hostname }
  if (agent !== null) return { ...at, port: 80, protocol: 'http', ...({ agent, pathPrefix: '/' } as object) }
  if (certs === null) return { ...at, port: port ?? undefined, protocol: 'http', ...({ pathPrefix: '/' } as object) }
  const pem = (name: string) => readFileSync(join(certs, name))
  return {
    ...at,
    port: port ?? undefined,
    protocol: 'https',
    ca: pem('ca.pem'),
    cert: pem('cert.pem'),
    key: pem('key.pem'),
    ...({ pathPrefix: '/' } as object),
  }
}

const client = (endpoint: Endpoint, agent: Agent | null): Docker => {
  try {
    // Loaded by who needs it: with its ssh it takes longer to start than all the rest.
    const Client: typeof Docker = createRequire(import.meta.url)('dockerode')
    return new Client(connectionOf(endpoint, agent))
  } catch (cause) {
    throw new KdrError(`cannot prepare the connection to the Docker engine at ${endpoint.host}: ${wordsOf(cause)}`, {
      code: 'docker-endpoint-invalid',
      exit: 'usage',
      hint: `look at ${endpoint.by}${endpoint.certs === null ? '' : ` and the certificates in ${endpoint.certs}`}`,
      cause,
    })
  }
}

/** Of `docker info`, which the types leave open. */
interface Told {
  readonly ID?: string
  readonly SystemTime?: string
  readonly Name: string
  readonly OSType?: string
  readonly OperatingSystem?: string
  readonly SecurityOptions?: readonly string[] | null
}

const ask = (docker: Docker, abortSignal: AbortSignal): Promise<Told> =>
  (docker.info.bind(docker) as unknown as (options: { readonly abortSignal: AbortSignal }) => Promise<Told>)({ abortSignal })

const infoOf = (info: Told, endpoint: Endpoint): EngineInfo => {
  const options = info.SecurityOptions ?? []
  const local = endpoint.kind === 'socket' && process.platform === 'linux' && info.OSType === 'linux'
  return {
    id: info.ID || info.Name,
    name: info.Name,
    reachesContainers: local && !/Docker Desktop/i.test(info.OperatingSystem ?? '') && !options.some((option) => option.includes('rootless')),
  }
}

/** Throws `docker-endpoint-invalid` (exit usage). Connects to nothing. */
export const openEngine = (endpoint: Endpoint): Engine => {
  const agent = endpoint.kind === 'ssh' ? sshAgent(endpoint) : null
  const docker = client(endpoint, agent)
  let info: EngineInfo | null = null
  const call = async <T>(what: string, signal: AbortSignal, ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T> => {
    signal.throwIfAborted()
    try {
      // One of its own for every request: http adds a listener each time, and Node warns of more than ten.
      return await ask(AbortSignal.any([signal]))
    } catch (thrown) {
      signal.throwIfAborted()
      throw translate(what, thrown, endpoint)
    }
  }
  return {
    docker,
    endpoint,
    call,
    info: async (signal) => {
      info ??= infoOf(await call('ask the engine who it is', signal, (abortSignal) => ask(docker, abortSignal)), endpoint)
      return info
    },
    now: async (signal) => {
      const { SystemTime } = await call('ask the engine for its time', signal, (abortSignal) => ask(docker, abortSignal))
      const now = Date.parse(SystemTime ?? '')
      return Number.isNaN(now) ? Date.now() : now
    },
    close: () => agent?.destroy(),
  }
}
