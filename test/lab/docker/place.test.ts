// A lab's engine is found again by what was written down when it was brought up, with its certificates.
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { resolveEndpoint } from '../../../src/adapters/docker/endpoint.ts'
import { placeAt } from '../../../src/lab/docker/lab-file.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'kdr-docker-home-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const context = (name: string, host: string, tls: boolean): void => {
  const id = createHash('sha256').update(name).digest('hex')
  const contexts = join(home, '.docker', 'contexts')
  mkdirSync(join(contexts, 'meta', id), { recursive: true })
  writeFileSync(join(contexts, 'meta', id, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }))
  if (tls) mkdirSync(join(contexts, 'tls', id, 'docker'), { recursive: true })
}
const current = (name: string) => writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify({ currentContext: name }))
const NOTHING = { host: null, context: null }
const found = (env: Readonly<Record<string, string>> = {}) => resolveEndpoint(NOTHING, { HOME: home, ...env })

it('keeps the context that has the certificates, be it the current one or named', () => {
  context('far', 'tcp://far.example:2376', true)
  current('far')
  for (const env of [{}, { DOCKER_CONTEXT: 'far' }]) {
    const endpoint = found(env)
    const place = placeAt('kdr-lab', endpoint)
    expect(place).toEqual({ project: 'kdr-lab', host: null, context: 'far' })
    expect(resolveEndpoint(place, { HOME: home, DOCKER_HOST: 'tcp://elsewhere.example' })).toMatchObject({ host: endpoint.host, certs: endpoint.certs })
  }
})

it('keeps the address of an engine that needs none, or has them from the environment', () => {
  context('near', 'unix:///run/near.sock', false)
  current('near')
  expect(placeAt('p', found())).toEqual({ project: 'p', host: 'unix:///run/near.sock', context: null })
  const tls = { DOCKER_HOST: 'tcp://far.example:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' }
  expect(placeAt('p', found(tls))).toEqual({ project: 'p', host: 'tcp://far.example:2376', context: null })
})
