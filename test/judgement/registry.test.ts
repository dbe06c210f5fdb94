// What is judged of a schema registry: the row of the table, what a restart depends on, and what nothing licenses.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diagnose } from '../../src/judgement/diagnose.ts'
import { dependencyProblem, duplicateUrls, lacking, restartNeeds } from '../../src/judgement/registry.ts'
import { allStopped, dependenciesHold, memoryKept, nothingForeign, readsKept, urlsUnique } from '../../src/judgement/registry-guards.ts'
import { checkRegistryHealth } from '../../src/judgement/registry-health.ts'
import { coordinatorPartition } from '../../src/model/groups.ts'
import type { Known } from '../../src/model/known.ts'
import type { PartitionRow, TopicInfo } from '../../src/model/partitions.ts'
import type { RegistryInstance, RegistryView } from '../../src/model/registry.ts'
import type { SchemaKey } from '../../src/model/schemas.ts'
import type { Survey } from '../../src/model/survey.ts'
import { blind, changeMember, dimmed, healthy, member, row, seen, spread, table, topic } from '../helpers/survey.ts'

const key = (subject: string, version: number, id: number, deleted = false): SchemaKey => ({ subject, version, id, deleted })
const KEYS = [key('orders-value', 1, 7), key('orders-value', 2, 9), key('retired', 1, 3, true)]
const url = (at: number) => `http://127.0.0.1:1908${at}`

const instance = (at: number, change: Partial<RegistryInstance> = {}): RegistryInstance => ({
  url: url(at),
  member: `sr${at}`,
  reads: seen(true),
  mode: seen('READWRITE'),
  held: seen(KEYS),
  ...change,
})

const view = (change: Partial<RegistryView> = {}): RegistryView => ({
  topic: '_schemas',
  group: 'schema-registry',
  instances: [instance(1), instance(2)],
  identities: seen([1, 2].map((at) => ({ url: url(at), eligible: true }))),
  leader: seen({ url: url(1), answers: seen(true) }),
  stored: seen({ records: 5, keys: KEYS, configs: {}, modes: {} }),
  ...change,
})

const SCHEMAS: Partial<TopicInfo> = { cleanupPolicy: seen('compact') }

const withView = (
  change: Partial<RegistryView> = {},
  schemas: Partial<PartitionRow> = {},
  info: Partial<TopicInfo> = SCHEMAS,
  more: readonly PartitionRow[] = [],
): Survey => {
  const base = healthy()
  const rows = [...spread('orders', 6, 3), ...spread('__consumer_offsets', 3, 3), row('_schemas', 0, [1, 2, 3], schemas), ...more]
  const members = [1, 2].map((at) => member(`sr${at}`, ['schema-registry'], 80 + at, { volumes: [], addresses: [`127.0.0.1:1908${at}`] }))
  return {
    ...base,
    members: base.members.known ? seen([...base.members.value, ...members]) : blind,
    partitions: table([topic('orders'), topic('__consumer_offsets'), topic('_schemas', { ...SCHEMAS, ...info })], rows),
    registry: seen(view(change)),
  }
}

const NONE: Known<null> = seen(null)

it('sees URLS that are advertised twice by configuration, while only one of them is in the group', () => {
  const alone = withView({ identities: seen([{ url: 'http://sr:8081', eligible: true }]) })
  const both = (...settings: readonly Record<string, string>[]): Survey =>
    settings.reduce((survey, each, at) => changeMember(survey, `sr${at + 1}`, { configured: seen(each) }), alone)
  expect(duplicateUrls(both({ 'host.name': 'sr' }, { 'host.name': 'sr' }))).toEqual(['http://sr:8081'])
  expect(urlsUnique().check(both({ 'host.name': 'sr' }, { 'host.name': 'sr' }), {})).toMatchObject({ guard: 'URLS', force: null })
  expect(duplicateUrls(both({ 'host.name': 'sr' }, { 'host.name': 'sr', listeners: 'http://0.0.0.0:8082' }))).toEqual([])
  expect(duplicateUrls(both({}, {}))).toEqual([])
  expect(duplicateUrls(changeMember(alone, 'sr1', { configured: blind }))).toEqual([])
})

it('names what to do where its topic is missing, which no repair of Kafka brings back', () => {
  const base = withView()
  const gone: Survey = { ...base, partitions: table([topic('orders')], [...spread('orders', 6, 3)]) }
  expect(dependenciesHold().check(gone, {})).toMatchObject({
    guard: 'KAFKA',
    instead: expect.stringContaining('--partitions 1 --config cleanup.policy=compact'),
  })
})

describe('the row of the table', () => {
  it.each([
    ['every instance answers and one leads', withView(), 'healthy', /.*/],
    ['one does not answer', withView({ instances: [instance(1), instance(2, { reads: seen(false) })] }), 'schema-registry', /sr2/],
    [
      'one is stopped',
      changeMember(withView({ instances: [instance(1), instance(2, { reads: blind })] }), 'sr2', { state: seen('stopped') }),
      'schema-registry',
      /sr2/,
    ],
    ['nobody leads', withView({ leader: NONE }), 'schema-registry', /no leader/],
    ['the leader does not answer', withView({ leader: seen({ url: 'http://gone:1', answers: seen(false) }) }), 'schema-registry', /gone/],
    ['two advertise the same URL', withView({ identities: seen([1, 1].map((at) => ({ url: url(at), eligible: true }))) }), 'schema-registry', /advertises/],
    ['one is silent', withView({ instances: [instance(1), instance(2, { reads: blind })] }), 'unknown', /19082/],
    ['the group was not seen: 200 proves no writes', withView({ leader: blind, identities: blind }), 'unknown', /leader/],
    ['the registry was not seen', { ...withView(), registry: blind }, 'unknown', /registry/],
  ] as const)('%s', (_, survey, verdict, because) => {
    const found = diagnose(survey)
    expect(found.verdict, found.because).toBe(verdict)
    expect(found.because).toMatch(because)
  })

  it('is never healthy when any part of the registry was not seen', () => {
    for (const dim of dimmed(withView()).filter(({ path }) => /^registry(\.(instances\[\d\]\.reads|leader|leader\.answers))?$/.test(path))) {
      expect(diagnose(dim.survey).verdict, dim.path).not.toBe('healthy')
    }
  })
})

describe('what it depends on', () => {
  it.each([
    ['nothing in the way', withView(), null],
    ['no leader', withView({}, { leader: -1 }), '_schemas-0'],
    ['below min ISR', withView({}, { isr: [1] }), '_schemas-0'],
    ['another policy', withView({}, {}, { cleanupPolicy: seen('delete') }), '_schemas'],
    ['compact and delete', withView({}, {}, { cleanupPolicy: seen('compact,delete') }), '_schemas'],
    ['two partitions', withView({}, {}, {}, [row('_schemas', 1, [1, 2, 3])]), '_schemas'],
    ['a policy nobody saw', withView({}, {}, { cleanupPolicy: blind }), '_schemas'],
    ['a group without a coordinator', withoutCoordinator(), `__consumer_offsets-${coordinatorPartition('schema-registry', 3)}`],
    ['a topic that is gone', withoutTopic(), '_schemas'],
  ] as const)('%s', (_, survey, protects) => {
    expect(dependencyProblem(survey)?.protects ?? null).toEqual(protects === null ? null : [protects])
    expect(dependenciesHold().check(survey, {})?.force ?? null).toBeNull()
    expect(dependenciesHold().check(survey, {}) === null).toBe(protects === null)
  })

  it('tells where the group is kept as Kafka does', () => {
    // kafka.coordinator.group.GroupMetadataManager.partitionFor: Utils.abs("schema-registry".hashCode) % 50.
    expect(coordinatorPartition('schema-registry', 50)).toBe(29)
    // Its hash is Integer.MIN_VALUE, which Utils.abs turns into 0.
    expect(coordinatorPartition('polygenelubricants', 50)).toBe(0)
  })
})

function withoutTopic(): Survey {
  return { ...withView(), partitions: table([topic('orders'), topic('__consumer_offsets')], spread('__consumer_offsets', 3, 3)) }
}

function withoutCoordinator(): Survey {
  const at = coordinatorPartition('schema-registry', 3)
  const survey = withView()
  return survey.partitions.known
    ? {
        ...survey,
        partitions: seen(survey.partitions.value.map((one) => (one.topic === '__consumer_offsets' && one.partition === at ? { ...one, leader: -1 } : one))),
      }
    : survey
}

describe('guards', () => {
  const target = { member: 'sr1' }

  it('leave the last instance that serves alone', () => {
    const other = (reads: RegistryInstance['reads']) => withView({ instances: [instance(1), instance(2, { reads })] })
    expect(readsKept().check(other(seen(true)), target)).toBeNull()
    expect(readsKept().check(other(seen(false)), target)).toMatchObject({ guard: 'READS', force: null })
    expect(readsKept().check(other(blind), target)).toMatchObject({ guard: 'READS', force: null })
    expect(readsKept().check(withView({ instances: [instance(1)] }), target)).toBeNull()
  })

  it('keep what only memory holds, unless a manifest has it', () => {
    const empty = withView({ stored: seen({ records: 0, keys: [], configs: {}, modes: {} }) })
    expect(memoryKept(() => []).check(empty, target)).toMatchObject({
      guard: 'MEMORY',
      force: null,
      protects: expect.arrayContaining(['orders-value 1 (id 7)']),
    })
    expect(memoryKept(() => KEYS).check(empty, target)).toBeNull()
    expect(memoryKept(() => []).check(withView({ stored: blind }), target)).toMatchObject({ blind: true })
  })

  it('restore over nothing that the manifest does not have', () => {
    const check = nothingForeign(() => KEYS).check
    expect(check(withView(), {})).toBeNull()
    const foreign = withView({ stored: seen({ records: 1, keys: [key('other', 1, 7)], configs: {}, modes: {} }) })
    expect(check(foreign, {})).toMatchObject({ guard: 'EMPTY', force: null, protects: ['other 1 (id 7)'] })
    expect(check(withView({ stored: blind }), {})).toMatchObject({ blind: true, force: null })
  })

  it('write the topic only with every registry seen stopped', () => {
    const stopped = changeMember(changeMember(withView(), 'sr1', { state: seen('stopped') }), 'sr2', { state: seen('stopped') })
    expect(allStopped().check(stopped, {})).toBeNull()
    expect(allStopped().check(changeMember(stopped, 'sr2', { state: blind }), {})).toMatchObject({ protects: ['sr2'], force: null })
  })

  it('refuse where URLs are advertised twice', () => {
    expect(urlsUnique().check(withView(), {})).toBeNull()
    expect(urlsUnique().check(withView({ identities: seen([1, 1].map((at) => ({ url: url(at), eligible: true }))) }), {})).toMatchObject({ guard: 'URLS' })
  })

  it('never license a restart by what was not seen', () => {
    const paths = /^(partitions|registry)|minIsr$/
    for (const dim of dimmed(withView()).filter(({ path }) => paths.test(path) && /^(partitions(\.size)?|registry)$|_schemas\.minIsr/.test(path))) {
      expect(dependenciesHold().check(dim.survey, {}), dim.path).not.toBeNull()
    }
  })
})

const reads = fc.constantFrom(seen(true), seen(false), blind)
const keys = fc.uniqueArray(
  fc.record({ subject: fc.constantFrom('a', 'b'), version: fc.integer({ min: 1, max: 3 }), id: fc.integer({ min: 1, max: 4 }), deleted: fc.boolean() }),
  { selector: ({ subject, version }) => `${subject} ${version}` },
)

describe('properties', () => {
  it('only one that serves nothing, or all when none leads, needs a restart', () => {
    fc.assert(
      fc.property(reads, reads, fc.boolean(), (first, second, leads) => {
        const survey = withView({ instances: [instance(1, { reads: first }), instance(2, { reads: second })], ...(leads ? {} : { leader: NONE }) })
        for (const { instance: one } of restartNeeds(survey)) {
          const serves = one.reads.known && one.reads.value
          if (serves) expect(leads || !(first.known && first.value && second.known && second.value)).toBe(false)
        }
      }),
    )
  })

  it('what is restored is foreign to nothing, and everything else is refused', () => {
    fc.assert(
      fc.property(keys, keys, (stored, wanted) => {
        const survey = withView({ stored: seen({ records: stored.length, keys: stored, configs: {}, modes: {} }) })
        const names = (list: readonly SchemaKey[]) => new Set(list.map(({ subject, version, id }) => `${subject} ${version} ${id}`))
        const refused = nothingForeign(() => wanted).check(survey, {}) !== null
        const alien = [...names(stored)].some((name) => !names(wanted).has(name))
        if (alien) expect(refused).toBe(true)
        if (lacking(stored, wanted).length === 0) expect(refused).toBe(false)
      }),
    )
  })

  it('health passes only where every replica holds what is stored and all that has to be there', () => {
    fc.assert(
      fc.property(keys, keys, keys, (stored, held, expected) => {
        const survey = withView({ instances: [instance(1, { held: seen(held) })], stored: seen({ records: 9, keys: stored, configs: {}, modes: {} }) })
        const { result } = checkRegistryHealth(survey, expected).find(({ id }) => id === 'registry-schemas') ?? { result: 'none' }
        const same = lacking(stored, held).length + lacking(held, stored).length + lacking(expected, stored).length === 0
        expect(result).toBe(same ? 'PASS' : 'FAIL')
      }),
    )
  })
})
