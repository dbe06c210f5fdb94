// The registry's rules, over records that are written and read back as they would be in Kafka; and the election's.
import { describe, expect, it } from 'vitest'
import { assign, decodeAssignment, decodeIdentity, encodeAssignment, encodeIdentity } from '../../../src/lab/registry/group.ts'
import { Memory } from '../../../src/lab/registry/memory.ts'
import { AVRO, decodeEntry, encodeEntry } from '../../../src/lab/registry/records.ts'
import { Registry, type Submitted } from '../../../src/lab/registry/registry.ts'
import { readSettings } from '../../../src/lab/registry/settings.ts'
import type { RecordInput } from '../../../src/ports/kafka.ts'

const fresh = (log: readonly RecordInput[] = []) => {
  const memory = new Memory()
  const topic: RecordInput[] = []
  const append = (record: RecordInput) => {
    topic.push(record)
    const entry = decodeEntry(record)
    if (entry !== null) memory.apply(entry)
  }
  log.forEach(append)
  return { memory, topic, registry: new Registry(memory, async (entry) => append(encodeEntry(entry))) }
}

const avro = (schema: unknown, more: Partial<Submitted> = {}): Submitted => ({
  schema: JSON.stringify(schema),
  schemaType: AVRO,
  references: [],
  id: null,
  version: null,
  ...more,
})
const refused = (code: number) => expect.objectContaining({ name: 'RestError', code })

describe('ids and versions', () => {
  it('the same schema has the same id everywhere, whatever its blanks; a new one the next', async () => {
    const { registry, memory } = fresh()
    expect(await registry.register('a', avro('int'))).toBe(1)
    expect(await registry.register('a', avro('int'))).toBe(1)
    expect(await registry.register('b', { ...avro('int'), schema: ' "int" ' })).toBe(1)
    expect(await registry.register('a', avro('long'))).toBe(2)
    expect(memory.versions('a', 'without').map(({ version, id }) => [version, id])).toEqual([
      [1, 1],
      [2, 2],
    ])
  })

  it('a schema that comes back after a soft delete keeps its id and gets a new version', async () => {
    const { registry, memory } = fresh()
    await registry.register('a', avro('int'))
    expect(await registry.deleteSubject('a', false)).toEqual([1])
    expect(memory.withId(1)).toHaveLength(1)
    expect(await registry.register('a', avro('int'))).toBe(1)
    expect(memory.versions('a', 'with').map(({ version, deleted }) => [version, deleted])).toEqual([[2, false]])
  })

  it('ids go on after a hard delete', async () => {
    const { registry } = fresh()
    await registry.register('a', avro('int'))
    await registry.deleteSubject('a', false)
    await registry.deleteSubject('a', true)
    expect(await registry.register('a', avro('long'))).toBe(2)
  })

  it('everything read again from the topic is the same', async () => {
    const { registry, memory, topic } = fresh()
    await registry.register('a', avro('int'))
    await registry.register('a', avro('long'))
    await registry.register('b', avro('string'))
    await registry.deleteVersion('a', 1, false)
    await registry.deleteSubject('b', false)
    await registry.setLevel('a', 'FULL')
    const again = fresh(topic).memory
    expect(again.all('with')).toEqual(memory.all('with'))
    expect([again.maxId, again.level('a')]).toEqual([3, 'FULL'])
  })
})

describe('deleting', () => {
  it('hard only after soft, soft only once, and nothing that is referred to', async () => {
    const { registry } = fresh()
    await registry.register('money', avro({ type: 'record', name: 'Money', fields: [] }))
    await registry.register(
      'order',
      avro({ type: 'record', name: 'Order', fields: [{ name: 'm', type: 'Money' }] }, { references: [{ name: 'Money', subject: 'money', version: -1 }] }),
    )
    await expect(registry.deleteSubject('money', false)).rejects.toEqual(refused(42206))
    await expect(registry.deleteVersion('money', 1, false)).rejects.toEqual(refused(42206))
    await expect(registry.deleteSubject('order', true)).rejects.toEqual(refused(40405))
    await expect(registry.deleteVersion('order', 1, true)).rejects.toEqual(refused(40407))
    await registry.deleteVersion('order', 'latest', false)
    await expect(registry.deleteSubject('order', false)).rejects.toEqual(refused(40404))
    await expect(registry.deleteVersion('order', 1, false)).rejects.toEqual(refused(40406))
    expect(await registry.deleteVersion('order', 1, true)).toBe(1)
    await expect(registry.deleteSubject('order', false)).rejects.toEqual(refused(40401))
    await registry.deleteSubject('money', false)
  })

  it('a softly deleted subject loses its own settings', async () => {
    const { registry, memory } = fresh()
    await registry.register('a', avro('int'))
    await registry.setLevel('a', 'NONE')
    await registry.setMode('a', 'READWRITE', false)
    await registry.deleteSubject('a', false)
    expect([memory.level('a'), memory.mode('a')]).toEqual([null, null])
  })
})

describe('modes', () => {
  it('IMPORT is for an empty registry, unless it is forced', async () => {
    const { registry, memory } = fresh()
    await registry.register('a', avro('int'))
    await expect(registry.setMode(null, 'IMPORT', false)).rejects.toEqual(refused(42205))
    await registry.setMode('other', 'IMPORT', false)
    await registry.deleteSubject('a', false)
    await registry.setMode(null, 'IMPORT', false)
    expect(memory.all('with')).toEqual([])
    await registry.setMode(null, 'READWRITE', false)
    await registry.register('a', avro('int'))
    await registry.setMode(null, 'IMPORT', true)
  })

  it('IMPORT takes ids and versions as given, checks no compatibility, and never gives an id a second schema', async () => {
    const { registry, memory } = fresh()
    await expect(registry.register('a', avro('int', { id: 70, version: 3 }))).rejects.toEqual(refused(42205))
    await registry.setMode(null, 'IMPORT', false)
    await expect(registry.register('a', avro('int'))).rejects.toEqual(refused(42205))
    expect(await registry.register('a', avro('int', { id: 70, version: 3 }))).toBe(70)
    expect(await registry.register('a', avro('string', { id: 71, version: 1 }))).toBe(71)
    await expect(registry.register('b', avro('long', { id: 70, version: 1 }))).rejects.toEqual(refused(42205))
    expect(memory.versions('a', 'without').map(({ version, id }) => [version, id])).toEqual([
      [1, 71],
      [3, 70],
    ])
    await registry.setMode(null, 'READWRITE', false)
    expect(await registry.register('b', avro('bytes'))).toBe(72)
  })

  it('READONLY refuses every write but that of modes', async () => {
    const { registry } = fresh()
    await registry.register('a', avro('int'))
    await registry.setMode(null, 'READONLY', false)
    for (const write of [registry.register('a', avro('long')), registry.deleteSubject('a', false), registry.setLevel('a', 'FULL')])
      await expect(write).rejects.toEqual(refused(42205))
    await registry.setMode(null, 'READWRITE', false)
    await registry.register('a', avro('long'))
  })
})

it('refuses what is incompatible, no Avro, or no schema', async () => {
  const { registry } = fresh()
  await registry.register('a', avro('long'))
  await expect(registry.register('a', avro('string'))).rejects.toEqual(refused(409))
  await expect(registry.register('a', { ...avro(''), schema: '{oops' })).rejects.toEqual(refused(42201))
  await expect(registry.register('a', { ...avro('int'), schemaType: 'PROTOBUF' })).rejects.toEqual(refused(42201))
  await registry.setLevel('a', 'NONE')
  expect(await registry.register('a', avro('string'))).toBe(2)
})

describe('the election', () => {
  const identity = (port: number, eligible = true) => ({ scheme: 'http' as const, host: 'h', port, eligible })

  it('says of itself and of the leader what Confluent says', () => {
    expect(encodeIdentity(identity(8081)).toString()).toBe('{"version":1,"host":"h","port":8081,"master_eligibility":true,"scheme":"http"}')
    const assignment = assign([
      { memberId: 'sr-1-b', identity: identity(1) },
      { memberId: 'sr-1-a', identity: identity(2) },
    ])
    expect(encodeAssignment(assignment).toString()).toBe(
      '{"version":1,"error":0,"master":"sr-1-a","master_identity":{"version":1,"host":"h","port":2,"master_eligibility":true,"scheme":"http"}}',
    )
    expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment)
    expect(decodeIdentity(encodeIdentity(identity(3, false)))).toEqual(identity(3, false))
  })

  it('chooses nobody who may not lead, and tells duplicates to all', () => {
    expect(assign([{ memberId: 'a', identity: identity(1, false) }])).toEqual({ error: 0, master: null, identity: null })
    expect(
      assign([
        { memberId: 'a', identity: identity(1) },
        { memberId: 'b', identity: identity(1) },
      ]).error,
    ).toBe(1)
  })
})

it('reads its settings in Confluent’s names', () => {
  const text = 'listeners=http://0.0.0.0:8081\nhost.name=sr\nkafkastore.bootstrap.servers=PLAINTEXT://a:1, b:2\nleader.eligibility=false\n'
  expect(readSettings(text)).toMatchObject({
    listen: { host: '0.0.0.0', port: 8081 },
    identity: { host: 'sr', port: 8081, eligible: false },
    bootstrap: ['a:1', 'b:2'],
    topic: '_schemas',
    group: 'schema-registry',
  })
  expect(() => readSettings('listeners=https://x:1\nhost.name=sr\n')).toThrow(/listeners/)
})
