// A secret in the configuration, in the environment and in a broker's log is found nowhere under the run's
// folder and nowhere on the screen.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { everything, stand } from './harness.ts'

const here = stand()
const name = 'secret'
const SECRETS = { config: 'cfg-s3cret-77', environment: 'env-s3cret-88', log: 'log-s3cret-99', file: 'file-s3cret-66' }

beforeAll(async () => {
  const up = await here.kdr(['lab', 'up', '--name', name, '--kafka', '3.5'])
  expect(up.code, up.err).toBe(0)
})
afterAll(() => here.clear())

const lab = () => path.join(here.home, 'kdr', 'labs', name)
const expectHidden = (text: string) => {
  for (const secret of Object.values(SECRETS)) expect(text).not.toContain(secret)
}

it('hides what a log, the environment and a secret file hold, in a whole recovery', async () => {
  await here.kdr(['lab', 'break', 'kill-broker', '--broker', '3', '--name', name])
  appendFileSync(
    path.join(lab(), 'kafka3', 'out.log'),
    `[2026-11-22 03:00:00,000] INFO sasl.jaas.config = ScramLoginModule required username="kdr" password="${SECRETS.log}"; (kafka)\n[2026-11-22 03:00:01,000] INFO token ${SECRETS.environment} seen (kafka)\n`,
  )
  const env = { KDR_PROD_PASSWORD: SECRETS.environment }
  const ran = await here.kdr(['recover', 'single-broker', '--cluster', name, '--non-interactive', '--allow', 'restart,change,stop', '--confirm', name, '-v'], {
    env,
  })
  expect(ran.code, ran.err).toBe(0)
  expectHidden(ran.out + ran.err)
  const kept = everything(path.join(here.home, 'kdr', 'runs'))
  expect(kept.some(({ file, text }) => file.endsWith('kafka3.log') && text.includes('sasl.jaas.config'))).toBe(true)
  for (const { text } of kept) expectHidden(text)
})

it('refuses a literal secret without repeating it, and hides referenced ones', async () => {
  mkdirSync(path.join(here.home, 'etc'))
  const config = path.join(here.home, 'etc', 'kdr.yaml')
  const secretFile = path.join(here.home, 'etc', 'password')
  writeFileSync(secretFile, `${SECRETS.file}\n`)
  const yaml = (password: string) =>
    `clusters:\n  prod:\n    platform: { process: { state: ${lab()}/lab.json } }\n    kafka:\n      bootstrap: ['127.0.0.1:1']\n      sasl: { mechanism: plain, username: kdr, password: ${password} }\n`
  writeFileSync(config, yaml(SECRETS.config))
  const literal = await here.kdr(['config', 'check', '--config', config])
  expect(literal.code).toBe(2)
  expectHidden(literal.out + literal.err)
  writeFileSync(config, yaml(`{ file: ${secretFile} }`))
  for (const args of [
    ['config', 'show'],
    ['config', 'check'],
    ['diagnose', '--cluster', 'prod'],
    ['doctor', '--cluster', 'prod'],
    ['recover', 'single-broker', '--cluster', 'prod', '--non-interactive'],
  ]) {
    const ran = await here.kdr([...args, '--config', config, '-v'])
    expectHidden(ran.out + ran.err)
  }
  for (const { text } of everything(path.join(here.home, 'kdr', 'runs'))) expectHidden(text)
})
