// Runs the compose command for a lab.
import { spawn } from 'node:child_process'
import { findCommand } from '../../adapters/docker/compose.ts'
import type { Endpoint } from '../../adapters/docker/endpoint.ts'
import { KdrError } from '../../errors.ts'

/** `docker compose`, `docker-compose`, or what KDR_DOCKER_COMPOSE names. Throws `compose-missing`. */
export const needCompose = async (): Promise<readonly string[]> => {
  const found = await findCommand(process.env)
  if (found !== null) return found
  throw new KdrError('a Docker lab is brought up with compose, and there is no such command', {
    code: 'compose-missing',
    hint: 'Install it (the docker-compose-plugin package, or Docker Desktop), or name one in KDR_DOCKER_COMPOSE',
  })
}

interface Call {
  readonly compose: readonly string[]
  readonly endpoint: Endpoint
  readonly args: readonly string[]
  readonly variables?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

const environment = ({ endpoint, variables }: Call): Readonly<Record<string, string | undefined>> => {
  const { DOCKER_CONTEXT: _, ...rest } = process.env
  const { host, certs } = endpoint
  return { ...rest, DOCKER_HOST: host, ...(certs === null ? {} : { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certs }), ...variables }
}

/** Standard output. Throws `compose-failed` with compose's last words, or the signal's reason. */
export const runCompose = async (call: Call): Promise<string> => {
  const { signal } = call
  const [program = '', ...first] = call.compose
  signal.throwIfAborted()
  const child = spawn(program, [...first, ...call.args], { stdio: ['ignore', 'pipe', 'pipe'], signal, env: environment(call) })
  let [out, said] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = await new Promise<number | string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', resolve)
  })
  signal.throwIfAborted()
  if (ended === 0) return out
  const words = said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(?:Container|Network|Volume) \S+ +\w+$/.test(line))
  throw new KdrError(`compose could not do it: ${words.slice(-3).join('; ') || ended}`, { code: 'compose-failed' })
}
