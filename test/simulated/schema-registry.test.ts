// The schema registry's list in the simulated world: every cause, every branch of the restore, every way of driving it.
import { describe, expect, it } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { importOrder, writeManifest } from '../../src/archive/schemas.ts'
import { runDrill } from '../../src/drill/drill.ts'
import { prepareSchemas } from '../../src/drill/schemas.ts'
import { grantApprover } from '../../src/engine/gate.ts'
import type { RunDeps } from '../../src/engine/interaction.ts'
import { rehearse } from '../../src/engine/rehearsal.ts'
import { startRun } from '../../src/engine/runner.ts'
import type { Effect } from '../../src/engine/step.ts'
import { diagnose } from '../../src/judgement/diagnose.ts'
import { ALL_ASPECTS } from '../../src/model/survey.ts'
import type { Fault } from '../../src/ports/faults.ts'
import type { Options } from '../../src/scenarios/options.ts'
import { schemaRegistry } from '../../src/scenarios/schema-registry.ts'
import { exportSchemas } from '../../src/survey/export-schemas.ts'
import { observer } from '../../src/survey/observe.ts'
import { ALL, inWords } from '../helpers/schemas.ts'
import { exported, openWithSchemas, served, URLS } from './schemas.ts'
import { compose, open, violations } from './stage.ts'

const never = new AbortController().signal
const [FIRST, SECOND] = URLS

const deps = (simulation: Simulation, given: Parameters<typeof compose>[1] = {}): RunDeps<Options> =>
  compose(simulation, { scenario: schemaRegistry, ...given }).deps

const verdict = async (simulation: Simulation) => diagnose(await deps(simulation).observe(ALL_ASPECTS, null, never))
const kdr = (simulation: Simulation, ...what: readonly string[]) =>
  simulation.world.effects.filter((effect) => effect.by === 'kdr' && what.includes(effect.what)).map(({ what: word, target }) => `${word} ${target}`)
const granting = (...allow: readonly Effect[]) => grantApprover({ allow, confirm: 'simulated', acceptLoss: [] }, 'simulated')

describe.each(['zookeeper', 'kraft'] as const)('schema-registry in a %s cluster', (mode) => {
  it('is healthy while every instance answers and one leads', async () => {
    const simulation = await openWithSchemas({ mode })
    expect(await verdict(simulation)).toMatchObject({ verdict: 'healthy' })
    expect(await startRun(deps(simulation))).toMatchObject({ exit: 'refused', why: expect.stringContaining('nothing to recover') })
    expect(kdr(simulation, 'start', 'stop')).toEqual([])
  })

  it.each(['kill-registry', 'stop-registry'] as const)('%s: diagnosed, restarted, every schema there', async (fault) => {
    const simulation = await openWithSchemas({ mode })
    const broken = await simulation.faults.inject(fault, {}, never)
    expect(await verdict(simulation)).toMatchObject({ verdict: 'schema-registry', next: expect.arrayContaining(['recover', 'schema-registry']) })
    expect(await startRun(deps(simulation))).toMatchObject({ outcome: 'recovered', exit: 'ok', rpoRecords: 0 })
    expect(kdr(simulation, 'start', 'stop')).toEqual(broken.map((name) => `start ${name}`))
    for (const url of URLS) expect(await served(simulation, url)).toEqual(ALL)
    expect(violations(simulation)).toEqual([])
  })

  it('waits until the group has settled, and is previewed and granted meanwhile', async () => {
    const simulation = await openWithSchemas({ mode })
    await simulation.faults.inject('kill-registry', {}, never)
    await simulation.ports.clock.sleep(10_500, never)
    expect((await simulation.ports.kafka.describeGroup('schema-registry', never)).state).toBe('PreparingRebalance')
    expect(await rehearse(deps(simulation))).toMatchObject({ exit: 'ok' })
    expect(await startRun(deps(simulation, { approver: granting() }))).toMatchObject({ exit: 'approvalMissing' })
    expect(await startRun(deps(simulation, { approver: granting('restart') }))).toMatchObject({ outcome: 'recovered', exit: 'ok' })
  })

  it.each([true, false])('lose-schemas: restored with every id, raw records in the manifest: %s', async (raw) => {
    const simulation = await openWithSchemas({ mode })
    const { file } = await exported(simulation, raw)
    await simulation.faults.inject('lose-schemas', {}, never)
    expect(await served(simulation, FIRST)).toEqual([])
    const result = await startRun(deps(simulation, { schemas: file }))
    expect(result.outcome, result.why).toBe('recovered')
    for (const url of URLS) expect(await served(simulation, url)).toEqual(ALL)
    expect(await simulation.ports.registry.config(SECOND, 'customer', never)).toBe('FULL')
    expect(await simulation.ports.registry.mode(FIRST, null, never)).toBe('READWRITE')
    expect(kdr(simulation, 'append').length > 0).toBe(raw)
    expect(violations(simulation)).toEqual([])
  })

  it('previews every cause to the last step and touches nothing', async () => {
    for (const fault of ['kill-registry', 'stop-registry', 'lose-schemas'] as const) {
      const simulation = await openWithSchemas({ mode })
      const { file } = await exported(simulation)
      await simulation.faults.inject(fault, {}, never)
      const before = simulation.world.effects.length
      const { deps: staged, events } = compose(simulation, { scenario: schemaRegistry, schemas: file })
      const result = await rehearse(staged)
      expect(result, `${fault}: ${result.why}`).toMatchObject({ outcome: 'unverified', exit: 'ok' })
      expect(events.filter((event) => event.type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
      expect(simulation.world.effects.slice(before).filter(({ by }) => by === 'kdr')).toEqual([])
    }
  })

  it('runs unattended on grants, and on nothing less', async () => {
    const simulation = await openWithSchemas({ mode })
    const { file } = await exported(simulation)
    await simulation.faults.inject('lose-schemas', {}, never)
    const effects = simulation.world.effects.length
    for (const allow of [[], ['restart'], ['restart', 'change']] as const) {
      expect(await startRun(deps(simulation, { schemas: file, approver: granting(...allow) }))).toMatchObject({ exit: 'approvalMissing' })
    }
    expect(simulation.world.effects.slice(effects).filter(({ by }) => by === 'kdr')).toEqual([])
    expect(await startRun(deps(simulation, { schemas: file, approver: granting('restart', 'change', 'stop') }))).toMatchObject({ outcome: 'recovered' })
  })
})

describe('a registry that takes long to say everything', () => {
  it('is read to the end, while nothing else waits for it', async () => {
    const simulation = await openWithSchemas()
    const { registry, clock } = simulation.ports
    const slow = { ...registry, list: async (...asked: Parameters<typeof registry.list>) => clock.sleep(20_000).then(() => registry.list(...asked)) }
    const ports = { ...simulation.ports, registry: slow }
    const settings = { endpoints: simulation.endpoints, zookeeper: simulation.zookeeperServers, deadline: 6000 }
    const survey = await observer(ports, settings)([...ALL_ASPECTS, 'schemas'], null, never)
    const view = survey.registry.known ? survey.registry.value : null
    expect(view?.instances.map(({ held }) => held.known && held.value.length)).toEqual([ALL.length, ALL.length])
    expect(view?.stored.known).toBe(true)
    expect(survey.partitions.known && survey.brokers.known).toBe(true)
  })

  it('and one that says nothing is not waited for', async () => {
    const simulation = await openWithSchemas({ faults: { hang: [{ call: 'registry.subjects', probability: 1 }] } })
    const start = simulation.clock.monotonic()
    const survey = await compose(simulation).deps.observe([...ALL_ASPECTS, 'schemas'], null, never)
    expect(simulation.clock.monotonic() - start).toBeLessThan(10_000)
    const view = survey.registry.known ? survey.registry.value : null
    expect(view?.instances.map(({ reads, held }) => [reads.known, held.known])).toEqual([
      [false, false],
      [false, false],
    ])
  })
})

it('is exported from its topic where nobody answers, which is said, and where they differ not as records', async () => {
  const simulation = await openWithSchemas()
  await simulation.faults.inject('stop-registry', {}, never)
  const { manifest } = await exported(simulation)
  expect(inWords(manifest.versions)).toEqual(ALL)
  expect(manifest.missing).toHaveLength(2)
  expect(manifest.raw?.records.length).toBeGreaterThan(ALL.length)
  const apart = await openWithSchemas()
  const { registry } = apart.ports
  const more = { subject: 'elsewhere', version: 1, id: 99, type: 'AVRO', schema: '"int"', references: [] }
  const odd = { ...registry, list: async (...asked: Parameters<typeof registry.list>) => [...((await registry.list(...asked)) ?? []), more] }
  const survey = await compose(apart).deps.observe(['members', 'registry'], null, never)
  if (!survey.registry.known || survey.registry.value === null) throw new Error('there is no registry')
  const whole = await exportSchemas({ ...apart.ports, registry: odd }, survey.registry.value, null, never)
  expect([whole.raw, whole.missing]).toEqual([null, ['elsewhere 1 (id 99) is not in _schemas']])
})

it.each([true, false])('decodes old records in a fresh cluster, raw records in the manifest: %s', async (raw) => {
  const old = await openWithSchemas()
  const { manifest } = await exported(old, raw)
  const topics = [
    { name: '__kdr_orders', partitions: 3, configs: { 'min.insync.replicas': '2' } },
    { name: '__consumer_offsets', partitions: 5, configs: { 'min.insync.replicas': '2', 'cleanup.policy': 'compact' } },
  ]
  const fresh = open({ seed: 9, registries: 2, topics })
  for (const partition of [1, 2]) {
    const at = { topic: '__kdr_orders', partition }
    const { records } = await old.ports.kafka.fetch(at, 0n, { maxBytes: 1 << 20, maxWait: 100 }, never)
    expect(records).toHaveLength(1)
    await fresh.write.probe.produce(at, records, never)
  }
  expect(await fresh.ports.registry.byId(FIRST, 7, never)).toBeNull()
  const text = writeManifest(manifest)
  fresh.files.set('old.json', text)
  const { deps: staged, events } = compose(fresh, { scenario: schemaRegistry, schemas: { path: 'old.json', sha256: await fresh.ports.files.digest(text) } })
  const result = await startRun(staged)
  expect(result.outcome, result.why).toBe('recovered')
  for (const url of URLS) expect(await served(fresh, url)).toEqual(ALL)
  expect(events.find((event) => event.type === 'step.settled' && event.step === 'probe-registry')).toMatchObject({
    detail: expect.stringContaining('records of 1 topics decode'),
  })
})

describe('a manifest that is older than the registry', () => {
  it('a version that was soft-deleted since is not lost, and does not stand in the way of a restart', async () => {
    const simulation = await openWithSchemas()
    const { file, manifest } = await exported(simulation)
    const alive = manifest.versions.filter(({ deleted }) => !deleted)
    const free = alive.find((one) => alive.every(({ references }) => references.every(({ subject }) => subject !== one.subject)))
    if (free === undefined) throw new Error('every version is referred to')
    await simulation.write.registry.deleteVersion(FIRST, free.subject, free.version, never)
    await simulation.faults.inject('kill-registry', {}, never)
    const result = await startRun(deps(simulation, { schemas: file }))
    expect(result.outcome, result.why).toBe('recovered')
    for (const url of URLS) expect(await served(simulation, url)).toContain(`${free.subject} ${free.version} ${free.id} deleted`)
  })

  it('leaves no subject in mode IMPORT, and the registry in the mode it was exported in', async () => {
    const simulation = await openWithSchemas()
    const { manifest } = await exported(simulation, false)
    await simulation.faults.inject('lose-schemas', {}, never)
    const text = writeManifest({ ...manifest, modes: { ...manifest.modes, '': 'READONLY', customer: 'IMPORT' } })
    simulation.files.set('half.json', text)
    const file = { path: 'half.json', sha256: await simulation.ports.files.digest(text) }
    const result = await startRun(deps(simulation, { schemas: file }))
    expect(await simulation.ports.registry.mode(FIRST, 'customer', never)).not.toBe('IMPORT')
    expect(await simulation.ports.registry.mode(FIRST, null, never), result.why).toBe('READONLY')
  })
})

it('says that only a manifest can tell whether schemas were lost', async () => {
  const simulation = await openWithSchemas()
  await simulation.faults.inject('lose-schemas', {}, never)
  expect(await startRun(deps(simulation))).toMatchObject({ exit: 'refused', hint: expect.stringContaining('only a manifest can tell') })
})

describe('an import that another run left half-way', () => {
  it.each([0, 2, ALL.length])('is taken up by a new run after %i versions, and ends in READWRITE', async (count) => {
    const simulation = await openWithSchemas()
    const { file, manifest } = await exported(simulation, false)
    await simulation.faults.inject('lose-schemas', {}, never)
    const { registry } = simulation.write
    await registry.setMode(FIRST, null, 'IMPORT', never)
    const order = importOrder(manifest.versions, file.path)
    for (const version of order.slice(0, count)) await registry.importVersion(FIRST, version, never)
    if (count === ALL.length) {
      await registry.deleteVersion(FIRST, 'retired', 1, never)
      await registry.setConfig(FIRST, 'customer', 'FULL', never)
      await registry.setConfig(FIRST, null, 'BACKWARD', never)
    }
    const result = await startRun(deps(simulation, { schemas: file }))
    expect(result.outcome, result.why).toBe('recovered')
    for (const url of URLS) {
      expect(await served(simulation, url)).toEqual(ALL)
      expect(await simulation.ports.registry.mode(url, null, never)).toBe('READWRITE')
    }
  })
})

it('is drilled on schemas, records and a manifest of its own, and leaves no topic behind', async () => {
  const simulation = open({ registries: 2 })
  const { deps: staged, events } = compose(simulation, { scenario: schemaRegistry })
  const keep = (name: string, text: string) => {
    simulation.files.set(name, text)
    return name
  }
  const prepare = prepareSchemas(staged, keep)
  const asked = { deps: staged, faults: simulation.faults, fault: 'lose-schemas', expects: { verdict: 'healthy' }, kafka: 'simulated' } as const
  const report = await runDrill({ ...asked, prepare, tell: () => {}, before: [] })
  expect(report).toMatchObject({ outcome: 'recovered', problems: [] })
  const proof = events.find((event) => event.type === 'step.settled' && event.step === 'probe-registry')
  expect(proof).toMatchObject({ detail: expect.stringContaining('records of 1 topics decode') })
  const { partitions } = await simulation.ports.kafka.metadata(never)
  expect(partitions.topics.map(({ name }) => name).filter((name) => name.startsWith('__kdr'))).toEqual([])
})

describe('what a registry recovery refuses', () => {
  const leaderless = async () => {
    const simulation = await openWithSchemas()
    await simulation.faults.inject('schemas-leaderless', {}, never)
    await simulation.clock.sleep(20_000)
    return simulation
  }

  it('_schemas without a leader: no restart, and the Kafka repair is named', async () => {
    const simulation = await leaderless()
    await simulation.faults.inject('kill-registry', {}, never)
    const before = kdr(simulation, 'start', 'stop', 'registry')
    const result = await startRun(deps(simulation))
    expect(result).toMatchObject({ exit: 'refused', hint: expect.stringContaining('kdr recover single-broker') })
    expect(kdr(simulation, 'start', 'stop', 'registry')).toEqual(before)
  })

  it('a guard refuses the restart too, whatever the list says', async () => {
    const { dependenciesHold } = await import('../../src/judgement/registry-guards.ts')
    const simulation = await leaderless()
    const now = await deps(simulation).observe([...ALL_ASPECTS, 'schemas'], null, never)
    expect(dependenciesHold().check(now, {})).toMatchObject({ guard: 'KAFKA', force: null, protects: ['_schemas-0'] })
  })

  it('a registry that is not empty, even where schemas are lost', async () => {
    const simulation = await openWithSchemas()
    const { file } = await exported(simulation, false)
    await simulation.faults.inject('lose-schemas', {}, never)
    await simulation.write.registry.setMode(FIRST, null, 'IMPORT', never)
    const text = { type: 'AVRO', schema: '"string"', references: [] }
    await simulation.write.registry.importVersion(FIRST, { subject: 'foreign', version: 1, id: 7, deleted: false, ...text }, never)
    await simulation.write.registry.setMode(FIRST, null, 'READWRITE', never)
    await expect(simulation.write.registry.setMode(FIRST, null, 'IMPORT', never)).rejects.toMatchObject({ code: 'registry-42205' })
    const effects = simulation.world.effects.length
    expect(await startRun(deps(simulation, { schemas: file }))).toMatchObject({ exit: 'refused', hint: expect.stringContaining('42205') })
    expect(simulation.world.effects.slice(effects).filter(({ by }) => by === 'kdr')).toEqual([])
    expect(await served(simulation, FIRST)).toEqual(['foreign 1 7'])
  })

  it('the same URL advertised twice, with what to set', async () => {
    const simulation = open({ registries: 2, sameUrl: true })
    expect(await verdict(simulation)).toMatchObject({ verdict: 'schema-registry', because: expect.stringContaining('advertises') })
    const result = await startRun(deps(simulation))
    expect(result).toMatchObject({ exit: 'refused', hint: expect.stringContaining('host.name') })
    expect(kdr(simulation, 'start', 'stop')).toEqual([])
  })

  it('another manifest than the one the run began with', async () => {
    const simulation = await openWithSchemas()
    const { file } = await exported(simulation)
    await simulation.faults.inject('lose-schemas', {}, never)
    simulation.files.set(file.path, `${simulation.files.get(file.path)} `)
    expect(await startRun(deps(simulation, { schemas: file }))).toMatchObject({ exit: 'refused', why: expect.stringContaining('not the manifest any more') })
  })
})

describe('an import that was cut short', () => {
  it('and left behind is found, and the registry put back into mode READWRITE', async () => {
    const simulation = await openWithSchemas()
    const { file, manifest } = await exported(simulation)
    await simulation.faults.inject('lose-schemas', {}, never)
    await simulation.write.registry.setMode(FIRST, null, 'IMPORT', never)
    for (const version of manifest.versions.filter(({ references }) => references.length === 0))
      await simulation.write.registry.importVersion(FIRST, version, never)
    expect(await verdict(simulation)).toMatchObject({ verdict: 'schema-registry', because: expect.stringContaining('IMPORT') })
    const result = await startRun(deps(simulation, { schemas: file }))
    expect(result.outcome, result.why).toBe('recovered')
    expect(await simulation.ports.registry.mode(FIRST, null, never)).toBe('READWRITE')
    for (const url of URLS) expect(await served(simulation, url)).toEqual(ALL)
  })

  it('is not what stops the way back to mode READWRITE: somebody else has registered meanwhile', async () => {
    const simulation = await openWithSchemas()
    const { file } = await exported(simulation, false)
    await simulation.faults.inject('lose-schemas', {}, never)
    const { registry } = simulation.write
    let others = 1
    const importVersion: typeof registry.importVersion = async (at, version, signal) => {
      await registry.importVersion(at, version, signal)
      if (others-- > 0)
        await registry.importVersion(at, { subject: 'foreign', version: 1, id: 99, deleted: false, type: 'AVRO', schema: '"string"', references: [] }, signal)
    }
    await startRun(deps(simulation, { schemas: file, write: { ...simulation.write, registry: { ...registry, importVersion } } }))
    expect(await served(simulation, FIRST)).toContain('foreign 1 99')
    expect(await simulation.ports.registry.mode(FIRST, null, never)).toBe('READWRITE')
  })

  it('is not begun where only some schemas are lost: a registry that is not empty would refuse it half-way', async () => {
    const simulation = await openWithSchemas()
    const { file, manifest } = await exported(simulation, false)
    await simulation.faults.inject('lose-schemas', {}, never)
    const { registry } = simulation.write
    await registry.setMode(FIRST, null, 'IMPORT', never)
    for (const version of manifest.versions.slice(0, 1)) await registry.importVersion(FIRST, version, never)
    await registry.setMode(FIRST, null, 'READWRITE', never)
    const effects = simulation.world.effects.length
    expect(await startRun(deps(simulation, { schemas: file }))).toMatchObject({ exit: 'refused', hint: expect.stringContaining('42205') })
    expect(simulation.world.effects.slice(effects).filter(({ by }) => by === 'kdr')).toEqual([])
  })
})

describe('schema-registry whose platform starts again whatever ended', () => {
  it.each<Fault>(['kill-registry', 'stop-registry', 'lose-schemas'])('%s', async (fault) => {
    const simulation = await openWithSchemas({ revives: 'always' })
    const { file } = await exported(simulation)
    await simulation.faults.inject(fault, {}, never)
    const result = await startRun(deps(simulation, { schemas: file }))
    // What was killed may be back by itself before anybody looked.
    if (result.outcome !== 'recovered') expect(result.why).toContain('nothing to recover')
    for (const url of URLS) expect(await served(simulation, url)).toEqual(ALL)
    expect(kdr(simulation, 'start', 'stop', 'append')).toEqual([])
  })
})
