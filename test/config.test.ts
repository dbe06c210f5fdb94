import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backupSecrets, backupSettings } from '../src/config/backup.ts'
import { EXAMPLE } from '../src/config/example.ts'
import { parseConfig } from '../src/config/parse.ts'
import { type ConfigRequest, loadConfig, resolveCluster, stateRoot } from '../src/config.ts'
import { KdrError } from '../src/errors.ts'

let folder = ''
let learned: string[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kdr-config-'))
  learned = []
})
afterEach(() => rmSync(folder, { recursive: true }))

const learn = (secrets: readonly string[]) => void learned.push(...secrets)
const parse = (text: string) => parseConfig(text, 'kdr.yaml', learn).settings
const request = (env: Record<string, string>, file?: string): ConfigRequest => ({ file, env, cwd: folder, learn })

const thrown = (work: () => unknown): KdrError => {
  try {
    work()
  } catch (error) {
    if (error instanceof KdrError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const cluster = (lines: string): string => `clusters:\n  prod:\n    platform: { process: { state: s.json } }\n${lines}`

describe('what is wrong is named with its line, its path and what was expected', () => {
  const cases: readonly [text: string, says: string][] = [
    [cluster('    kafka: { bootstrp: [a:1] }'), 'kdr.yaml:4 clusters.prod.kafka.bootstrp is not a known key (did you mean bootstrap?)'],
    [cluster('    kafka: { bootstrap: [nowhere] }'), 'clusters.prod.kafka.bootstrap.0 expected host:port'],
    [cluster('    kafka: { bootstrap: a:1 }'), 'clusters.prod.kafka.bootstrap expected a list of host:port'],
    [cluster('    stability: { interval: soon }'), 'clusters.prod.stability.interval expected a duration such as 60s or 5m'],
    [cluster('    thresholds: { diskUsed: 80 }'), 'clusters.prod.thresholds.diskUsed expected a number from 0 to 1'],
    [cluster('    kafka: { sasl: { mechanism: scram, username: u, password: { env: X } } }'), 'expected one of plain, scram-sha-256, scram-sha-512'],
    ['clusters:\n  prod:\n    kafka: {}', 'clusters.prod.platform is missing'],
    [
      'clusters:\n  prod:\n    platform: { docker: { project: x }, process: { state: s } }',
      'clusters.prod.platform expected one of process, docker, kubernetes',
    ],
    ['clusters:\n  prod:\n    platform: {}', 'clusters.prod.platform expected one of process, docker, kubernetes'],
    ['clusters:\n  prod:\n    platform: { dokcer: {} }', 'clusters.prod.platform.dokcer is not a known key (did you mean docker?)'],
    ['clusters:\n  prod:\n    platform: { kubernetes: {} }', 'clusters.prod.platform.kubernetes.namespace is missing'],
    [
      'clusters:\n  prod:\n    platform: { kubernetes: { namespace: kafka, selectors: { brokr: a=b } } }',
      'selectors.brokr is not a known key (did you mean broker?)',
    ],
    [`defualt: prod\n${cluster('')}`, 'kdr.yaml:1 defualt is not a known key (did you mean default?)'],
    [`default: prd\n${cluster('')}`, 'kdr.yaml:1 default names no cluster of this file (did you mean prod?)'],
    ['backup: { stroe: /x }', 'kdr.yaml:1 backup.stroe is not a known key (did you mean store?)'],
    ['backup: { s3: { sse: { kind: none } } }', 'backup.s3.sse.kind expected AES256 or aws:kms'],
    ['backup: { encryption: { recipients: [AGE-SECRET-KEY-1X] } }', 'backup.encryption.recipients.0 expected a recipient of age, age1…'],
    ['backup: { encryption: { passphrase: hunter2 } }', 'backup.encryption.passphrase must be a reference'],
    ['backup: { keep: { full: 0 } }', 'backup.keep.full expected a whole number, 1 or more'],
    [cluster('    backup: { keep: { dasy: 3 } }'), 'clusters.prod.backup.keep.dasy is not a known key (did you mean days?)'],
    ['clusters: [', 'kdr.yaml:1 is not valid YAML'],
  ]
  it.each(cases)('%j', (text, says) => {
    const error = thrown(() => parse(text))
    expect(error.message).toContain(says)
    expect(error.exit).toBe('usage')
  })

  it('says where the members run, its paths made absolute', () => {
    const docker = 'clusters:\n  prod:\n    platform: { docker: { project: kafka, host: "ssh://ops@host", files: [compose.yml] } }'
    writeFileSync(join(folder, 'kdr.yaml'), docker)
    expect(resolveCluster(loadConfig(request({})), 'prod', request({})).platform).toEqual({
      kind: 'docker',
      project: 'kafka',
      host: 'ssh://ops@host',
      context: null,
      files: [join(folder, 'compose.yml')],
    })
    const kubernetes = 'clusters:\n  prod:\n    platform: { kubernetes: { namespace: kafka, kubeconfig: kc, context: c, selectors: { broker: a=b } } }'
    writeFileSync(join(folder, 'kdr.yaml'), kubernetes)
    expect(resolveCluster(loadConfig(request({})), 'prod', request({})).platform).toEqual({
      kind: 'kubernetes',
      namespace: 'kafka',
      kubeconfig: join(folder, 'kc'),
      context: 'c',
      selectors: { broker: 'a=b' },
    })
  })

  it('tells every mistake at once', () => {
    expect(thrown(() => parse(cluster('    notes: 5\n    stability: { interval: 5 }'))).message.split('\n')).toHaveLength(2)
  })
})

describe('a literal secret', () => {
  it.each([
    ['as the password', cluster('    kafka: { sasl: { mechanism: plain, username: u, password: hunter22 } }')],
    ['as a number', cluster('    kafka: { sasl: { mechanism: plain, username: u, password: 22222222 } }')],
    ['under a mistyped key', cluster('    kafka: { sasl: { mechanism: plain, username: u, passwrod: {env: X}, password_: hunter22 } }')],
    ['within a list', cluster('    secrets: [hunter22]')],
  ])('%s is refused, hidden and never echoed', (_, text) => {
    const error = thrown(() => parse(text))
    expect(error.message).not.toMatch(/hunter22|22222222/)
    expect(learned.join()).toMatch(/hunter22|22222222/)
  })

  it('is not echoed by a syntax error', () => {
    expect(thrown(() => parse('password: "hunter22\nother: *hunter22')).message).not.toContain('hunter22')
  })
})

describe('references', () => {
  const text = (reference: string) => cluster(`    kafka: { bootstrap: [a:1], sasl: { mechanism: plain, username: u, password: ${reference} } }`)
  const load = (reference: string, env: Record<string, string>) => {
    writeFileSync(join(folder, 'kdr.yaml'), text(reference))
    return resolveCluster(loadConfig(request(env)), 'prod', request(env))
  }

  it('resolve from the environment and are hidden from then on', () => {
    expect(load('{ env: PW }', { PW: 'hunter22' }).sasl?.password).toBe('hunter22')
    expect(learned).toContain('hunter22')
  })

  it('resolve from a file beside the configuration, without its last line end', () => {
    writeFileSync(join(folder, 'pw'), 'hunter22\n')
    expect(load('{ file: pw }', {}).sasl?.password).toBe('hunter22')
  })

  it('that lead nowhere are named', () => {
    expect(thrown(() => load('{ env: PW }', {})).message).toBe('clusters.prod.kafka.sasl.password refers to $PW, which is not set')
    expect(thrown(() => load('{ file: pw }', {})).message).toContain('cannot be read')
  })

  it('make paths relative to the file they stand in', () => {
    expect(load('{ env: PW }', { PW: 'hunter22' }).platform).toEqual({ kind: 'process', state: join(folder, 's.json') })
  })
})

describe('where it is looked for', () => {
  it('takes the flag, then $KDR_CONFIG, then ./kdr.yaml, then the home', () => {
    for (const name of ['flag', 'env', 'kdr']) writeFileSync(join(folder, `${name}.yaml`), '{}')
    const env = { KDR_CONFIG: 'env.yaml', XDG_CONFIG_HOME: join(folder, 'none') }
    expect(loadConfig(request(env, 'flag.yaml')).path).toBe(join(folder, 'flag.yaml'))
    expect(loadConfig(request(env)).path).toBe(join(folder, 'env.yaml'))
    expect(loadConfig(request({})).path).toBe(join(folder, 'kdr.yaml'))
    rmSync(join(folder, 'kdr.yaml'))
    expect(loadConfig(request({ XDG_CONFIG_HOME: join(folder, 'none') })).path).toBeNull()
  })

  it('says so when a named file is not there', () => {
    expect(thrown(() => loadConfig(request({}, 'gone.yaml'))).code).toBe('config-not-found')
  })

  it('keeps state under XDG_STATE_HOME', () => {
    expect(stateRoot({ XDG_STATE_HOME: '/s', HOME: '/h' })).toBe('/s/kdr')
    expect(stateRoot({ HOME: '/h' })).toBe('/h/.local/state/kdr')
  })
})

describe('the example', () => {
  it('is valid as it is', () => {
    expect(parse(EXAMPLE)).toEqual({ clusters: null })
  })

  it('is valid with everything in it uncommented, so it shows no key that does not exist', () => {
    const all = EXAMPLE.split('\n')
      .map((line) => line.replace(/^( *)# (?=(default: |backup:| {2}|prod:))/, '$1'))
      .join('\n')
    const settings = parse(all)
    expect(settings.default).toBe('prod')
    expect(Object.keys(settings.backup ?? {})).toEqual(['store', 's3', 'encryption', 'keep'])
    expect(Object.keys(settings.clusters?.['prod'] ?? {})).toEqual([
      'platform',
      'kafka',
      'zookeeper',
      'connect',
      'schemaRegistry',
      'thresholds',
      'stability',
      'backup',
      'notes',
    ])
  })
})

describe('where backups are kept', () => {
  const settings = (text: string, name: string | null) => {
    writeFileSync(join(folder, 'kdr.yaml'), text)
    const config = loadConfig(request({}))
    return { of: backupSettings(config, name, '/elsewhere'), secrets: (env: Record<string, string>) => backupSecrets(config, name, request(env)) }
  }

  it('is the cluster’s own where it says so, key by key', () => {
    const text = `backup: { store: backups, keep: { days: 30 }, s3: { region: eu } }\n${cluster('    backup: { store: "s3://bucket/prod/" }\n')}`
    expect(settings(text, 'prod').of).toMatchObject({ store: 's3://bucket/prod', keep: { days: 30, full: null }, s3: { region: 'eu' } })
    expect(settings(text, null).of.store).toBe(join(folder, 'backups'))
  })

  it('is nowhere unless somebody said so', () => {
    expect(settings('{}', null).of).toMatchObject({ store: null, recipients: [], keep: { days: null, full: null } })
  })

  it('reads keys by reference, and hides every line of them', () => {
    writeFileSync(join(folder, 'key'), '# created\nAGE-SECRET-KEY-1ABC\n')
    const { secrets } = settings('backup: { encryption: { identity: { file: key }, passphrase: { env: PASS } } }', null)
    expect(secrets({ PASS: 'horse' })).toEqual({ identity: '# created\nAGE-SECRET-KEY-1ABC', passphrase: 'horse' })
    expect(learned).toEqual(expect.arrayContaining(['horse', 'AGE-SECRET-KEY-1ABC']))
    expect(thrown(() => secrets({})).message).toContain('backup.encryption.passphrase refers to $PASS, which is not set')
  })
})
