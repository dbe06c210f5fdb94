// The edge as a script sees it: streams, exit codes, errors.
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXIT_CODES } from '../../src/errors.ts'
import { SCENARIOS } from '../../src/scenarios/registry.ts'
import { type Kdr, kdrIn } from './kdr.ts'

let kdr: Kdr
beforeAll(() => {
  kdr = kdrIn()
})
afterAll(() => kdr.remove())

const COMMANDS = [
  'diagnose',
  'recover',
  'show',
  'drill',
  'backup create',
  'backup list',
  'backup show',
  'backup verify',
  'backup restore',
  'backup prune',
  'runs list',
  'runs show',
  'runs resume',
  'doctor',
  'config init',
  'config check',
  'config show',
  'lab up',
  'lab status',
  'lab break',
  'lab down',
  'completion',
  'help',
]

describe('help', () => {
  it.each(COMMANDS)('of %s has examples and the global options', async (command) => {
    const { code, out, err } = await kdr([...command.split(' '), '--help'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain('Examples:\n  $ ')
    expect(out).toContain('--cluster <name>')
  })

  it('loads nothing but commander', () => {
    const script = fileURLToPath(new URL('../../bin/kdr.js', import.meta.url))
    const traced = spawnSync(process.execPath, [script, '--help'], { encoding: 'utf8', env: { ...process.env, NODE_DEBUG: 'esm' } })
    const loaded = new Set([...traced.stderr.matchAll(/node_modules\/((?:@[^/\s'"]+\/)?[^/\s'"]+)/g)].map((match) => match[1]))
    expect([...loaded]).toEqual(['commander'])
  })

  it('lists every exit code', async () => {
    const { out } = await kdr(['help', 'exit-codes'])
    for (const { code, means } of Object.values(EXIT_CODES)) expect(out).toContain(`${code}  ${means}`)
    const { out: json } = await kdr(['help', 'exit-codes', '--output', 'json'])
    expect((JSON.parse(json) as { codes: unknown[] }).codes).toHaveLength(Object.keys(EXIT_CODES).length)
  })

  it('prints the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    expect(await kdr(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' })
  })
})

describe('a wrong command line is exit 2, said once on stderr', () => {
  const cases: readonly [args: string, says: string][] = [
    ['recver', 'Did you mean recover?'],
    ['diagnose --cluser x', 'Did you mean --cluster?'],
    ['diagnose extra', 'too many arguments'],
    ['recover', "missing required argument 'scenario'"],
    ['recover single-brokr', 'did you mean single-broker?'],
    ['recover single-broker --broker two', 'whole number'],
    ['recover single-broker --allow restart,explode', 'explode is not an effect'],
    ['recover single-broker --force G9', 'there is no guard G9'],
    ['recover single-broker --accept-loss orders', 'does not name partitions'],
    ['recover single-broker --accept-loss orders:5-2', 'does not name partitions'],
    ['diagnose --watch 0', 'Seconds, from 1 to 3600'],
    ['diagnose --watch soon', 'Seconds, from 1 to 3600'],
    ['drill single-broker --fault kill-two', 'kill-two does not lead to single-broker'],
    ['drill single-broker --simulated --fault oom-broker', 'oom-broker cannot be done to'],
    ['drill single-broker --allow restart', 'Allowed choices are lose-data'],
    ['lab break explode', 'there is no fault explode'],
    ['lab up --kafka 2.8', 'Allowed choices are 3.5, 3.9, 4'],
    ['lab up --platform docker --with schema-registry,nothing', 'nothing is none that a lab has; known: schema-registry, kafka-connect'],
    ['lab up --with kafka-connect', 'only a lab in Docker'],
    ['lab up --name ../x', 'cannot name a lab'],
    ['lab status --name gone', 'there is no lab named gone'],
    ['help nothing', 'no help on nothing'],
    ['completion tcsh', 'no completion for tcsh'],
    ['runs show nothing', 'there is no run nothing'],
    ['runs resume', 'no run is unfinished'],
    ['diagnose', 'no cluster was named; there are none'],
    ['diagnose --cluster prod', 'there is no cluster prod'],
    ['diagnose --config gone.yaml', 'there is no configuration file'],
  ]
  it.each(cases)('kdr %s', async (args, says) => {
    const { code, out, err } = await kdr(args.split(' '))
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(says)
    expect(err.match(/^kdr: /gm)).toHaveLength(1)
  })

  it('is JSON where JSON was asked for, even when the arguments are the mistake', async () => {
    for (const args of [
      ['diagnose', '--output', 'json'],
      ['diagnose', '--output=json', '--nope'],
    ]) {
      const { code, out, err } = await kdr(args)
      expect({ code, out }).toEqual({ code: 2, out: '' })
      expect(JSON.parse(err)).toMatchObject({ schema: 'kdr/error/1', exitCode: 2 })
    }
    expect(JSON.parse((await kdr(['diagnose'], { KDR_OUTPUT: 'ndjson' })).err)).toMatchObject({ code: 'no-cluster' })
  })

  it.each([
    ['show single-broker --output json', 'has no --output json'],
    ['runs list --output ndjson', 'has no --output ndjson'],
    ['diagnose --watch --output json', '--watch has no end'],
  ])('kdr %s', async (args, says) => {
    const { code, err } = await kdr(args.split(' '))
    expect(code).toBe(2)
    expect((JSON.parse(err) as { message: string }).message).toContain(says)
  })

  it('without any command prints the help on stderr', async () => {
    const { code, out, err } = await kdr([])
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain('Usage: kdr')
  })
})

describe('configuration', () => {
  const write = (name: string, text: string): string => {
    const path = join(kdr.home, name)
    writeFileSync(path, text)
    return path
  }
  const secret = 'correct-horse-battery'
  const valid = (password: string) =>
    `clusters:\n  prod:\n    platform: { process: { state: s.json } }\n    kafka:\n      bootstrap: [a:1]\n      sasl: { mechanism: plain, username: kdr, password: ${password} }\n`

  it('init writes an example that check accepts, for its owner only, and never overwrites', async () => {
    const path = join(kdr.home, 'new', 'kdr.yaml')
    expect(await kdr(['config', 'init', path])).toMatchObject({ code: 0, out: `${path}\n` })
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600')
    expect(await kdr(['config', 'check', '--config', path])).toMatchObject({ code: 0 })
    expect(await kdr(['config', 'init', path])).toMatchObject({ code: 2 })
  })

  it('check finds every broken reference, exit 2', async () => {
    const { code, err } = await kdr(['config', 'check', '--config', write('env.yaml', valid('{ env: NOT_SET }'))])
    expect(code).toBe(2)
    expect(err).toContain('clusters.prod.kafka.sasl.password refers to $NOT_SET, which is not set')
  })

  it('refuses a literal secret and shows it nowhere', async () => {
    const path = write('literal.yaml', valid(secret))
    for (const args of [['config', 'check'], ['config', 'show'], ['config', 'show', '--output', 'json'], ['diagnose', '--cluster', 'prod', '-v'], ['doctor']]) {
      const { code, out, err } = await kdr([...args, '--config', path])
      expect(code).not.toBe(0)
      expect(out + err).not.toContain(secret)
    }
    expect((await kdr(['config', 'check', '--config', path])).err).toContain('must be a reference')
  })

  it('show says where values come from, with references and without secrets', async () => {
    const path = write('good.yaml', valid('{ env: KDR_PW }'))
    const { code, out, err } = await kdr(['config', 'show', '--output', 'json', '--config', path], { KDR_PW: secret, KDR_CLUSTER: 'prod' })
    expect(code).toBe(0)
    expect(out + err).not.toContain(secret)
    const { settings } = JSON.parse(out) as { settings: { path: string; value: unknown; origin: string }[] }
    expect(settings).toContainEqual({ path: 'cluster', value: 'prod', origin: '$KDR_CLUSTER' })
    expect(settings).toContainEqual({ path: 'config', value: path, origin: 'flag' })
    expect(settings).toContainEqual({ path: 'clusters.prod.thresholds.diskUsed', value: 0.8, origin: 'default' })
    expect(settings.find((each) => each.path === 'clusters.prod.kafka.sasl.password.env')?.value).toBe('KDR_PW')
  })

  it('a secret of the environment is hidden wherever it turns up', async () => {
    const { err } = await kdr(['diagnose', '--cluster', secret], { MY_TOKEN: secret })
    expect(err).toContain('‹redacted›')
    expect(err).not.toContain(secret)
  })
})

describe('doctor', () => {
  it('examines the machine where there is no cluster', async () => {
    const { code, out } = await kdr(['doctor', '--output', 'json'])
    const report = JSON.parse(out) as { schema: string; ready: boolean; findings: { id: string; result: string; required: boolean; fix: string | null }[] }
    expect(report.schema).toBe('kdr/doctor/1')
    expect(report.ready).toBe(code === 0)
    expect(report.findings.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['node', 'config', 'state', 'java', 'kafka-source', 'lab-memory', 'lab-disk', 'lab-ports', 'cluster']),
    )
    for (const { result, fix } of report.findings) expect(fix === null).toBe(result === 'PASS')
  })

  it('fails for a cluster that was named and is not there', async () => {
    expect((await kdr(['doctor', '--cluster', 'gone'])).code).toBe(1)
  })

  it('fails where no journal can be kept', async () => {
    writeFileSync(join(kdr.home, 'file'), '')
    const { code, out } = await kdr(['doctor'], { XDG_STATE_HOME: join(kdr.home, 'file', 'state') })
    expect(code).toBe(1)
    expect(out.replace(/\s+/g, ' ')).toContain('without a journal nothing is done')
  })
})

describe('the launcher', () => {
  it.each(['18.20.4', '20.18.3', '22.12.0', '23.11.0'])('on Node %s says which Node it needs, exit 2', (version) => {
    const script = fileURLToPath(new URL('../../bin/kdr.js', import.meta.url))
    const fake = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`
    const { status, stderr } = spawnSync(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(fake)}`, script, '--help'], {
      encoding: 'utf8',
    })
    expect(status).toBe(2)
    expect(stderr).toMatch(/needs Node 20\.19 .*this is Node /)
  })
})

it.each(SCENARIOS)('prints the offline page of $id without a cluster', async ({ id, title }) => {
  const { code, out, err } = await kdr(['show', id, '--offline'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out.startsWith(`# ${title}\n`)).toBe(true)
  expect(out.match(/^\d+\. \[ \] \*\*/gm)?.length).toBeGreaterThan(5)
})
