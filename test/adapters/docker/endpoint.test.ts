// Precedence and files are those of the docker command; contexts are written here as it writes them.
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resolveEndpoint } from '../../../src/adapters/docker/endpoint.ts'
import { KdrError } from '../../../src/errors.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'kdr-docker-home-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const context = (name: string, docker: object, tls = false): void => {
  const id = createHash('sha256').update(name).digest('hex')
  const meta = join(home, '.docker', 'contexts', 'meta', id)
  mkdirSync(meta, { recursive: true })
  writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker } }))
  if (tls) mkdirSync(join(home, '.docker', 'contexts', 'tls', id, 'docker'), { recursive: true })
}
const current = (name: string): void => {
  mkdirSync(join(home, '.docker'), { recursive: true })
  writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify({ auths: {}, currentContext: name }))
}
const NOTHING = { host: null, context: null }
const resolve = (said: { host?: string; context?: string } = {}, env: Record<string, string> = {}) =>
  resolveEndpoint({ ...NOTHING, ...said }, { HOME: home, ...env })
const codeOf = (act: () => unknown): string => {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof KdrError) return `${thrown.code} ${thrown.exit}`
    throw thrown
  }
  return 'nothing was thrown'
}

describe('which engine is meant', () => {
  it('is this machine when nobody says anything', () => {
    expect(resolve()).toMatchObject({ kind: 'socket', hostname: '127.0.0.1', by: 'the default socket' })
  })

  it('goes by host, context, DOCKER_HOST, DOCKER_CONTEXT, current context, in that order', () => {
    for (const name of ['asked', 'environment', 'current']) context(name, { Host: `tcp://${name}.example:1234` })
    current('current')
    const env = { DOCKER_HOST: 'tcp://host.example:1', DOCKER_CONTEXT: 'environment' }
    expect(resolve({ host: 'tcp://said.example:9', context: 'asked' }, env).hostname).toBe('said.example')
    expect(resolve({ context: 'asked' }, env).hostname).toBe('asked.example')
    expect(resolve({}, env)).toMatchObject({ hostname: 'host.example', context: null })
    expect(resolve({}, { DOCKER_CONTEXT: 'environment' }).hostname).toBe('environment.example')
    expect(resolve()).toMatchObject({ hostname: 'current.example', port: 1234, context: 'current', by: 'the Docker context current' })
    expect(resolve({}, { DOCKER_CONTEXT: 'default' }).kind).toBe('socket')
    expect(resolve({ context: 'default' }, env).hostname).toBe('host.example')
  })

  it('reads DOCKER_HOST as the docker command does', () => {
    expect(resolve({}, { DOCKER_HOST: 'unix:///run/some.sock' })).toMatchObject({ kind: 'socket', socket: '/run/some.sock' })
    expect(resolve({}, { DOCKER_HOST: '10.0.0.7:2375' })).toMatchObject({ kind: 'tcp', hostname: '10.0.0.7', port: 2375, certs: null })
    expect(resolve({}, { DOCKER_HOST: 'tcp://[::1]:2375' })).toMatchObject({ hostname: '::1' })
    expect(resolve({}, { DOCKER_HOST: 'ssh://me@box.example:2222' })).toMatchObject({ kind: 'ssh', hostname: 'box.example', port: 2222 })
    expect(codeOf(() => resolve({}, { DOCKER_HOST: 'gopher://x' }))).toBe('docker-endpoint-invalid usage')
    expect(codeOf(() => resolve({}, { DOCKER_HOST: 'tcp://' }))).toBe('docker-endpoint-invalid usage')
  })

  it('uses certificates where they are asked for, and by the port that goes with them', () => {
    const tls = { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' }
    expect(resolve({}, { DOCKER_HOST: 'tcp://far.example', ...tls })).toMatchObject({ certs: '/certs', port: 2376 })
    expect(resolve({}, { DOCKER_HOST: 'tcp://far.example', DOCKER_CERT_PATH: '/certs' })).toMatchObject({ certs: null, port: 2375 })
    context('secure', { Host: 'tcp://far.example:2376', SkipTLSVerify: false }, true)
    expect(resolve({ context: 'secure' }).certs).toMatch(/\/contexts\/tls\/[0-9a-f]{64}\/docker$/)
  })

  it('refuses a context that is not there, names no engine or does not verify it', () => {
    context('empty', {})
    context('careless', { Host: 'tcp://far.example:2376', SkipTLSVerify: true })
    for (const name of ['missing', 'empty', 'careless']) expect(codeOf(() => resolve({ context: name }))).toBe('docker-endpoint-invalid usage')
  })
})
