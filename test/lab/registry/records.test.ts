// The shapes of `_schemas` records are Confluent's: written out here by hand, so that a change of them is seen.
import { describe, expect, it } from 'vitest'
import { decodeEntry, type Entry, encodeEntry, type StoredSchema } from '../../../src/lab/registry/records.ts'

const user: StoredSchema = { subject: 'u', version: 2, id: 7, schemaType: 'AVRO', references: [], schema: '"int"', deleted: false }

const SHAPES: readonly (readonly [what: string, entry: Entry, key: string, value: string | null])[] = [
  [
    'a schema',
    { type: 'schema', subject: 'u', version: 2, value: user },
    '{"keytype":"SCHEMA","subject":"u","version":2,"magic":1}',
    '{"subject":"u","version":2,"id":7,"schema":"\\"int\\"","deleted":false}',
  ],
  [
    'a softly deleted schema with a type and references',
    { type: 'schema', subject: 'u', version: 2, value: { ...user, schemaType: 'JSON', references: [{ name: 'n', subject: 's', version: 1 }], deleted: true } },
    '{"keytype":"SCHEMA","subject":"u","version":2,"magic":1}',
    '{"subject":"u","version":2,"id":7,"schemaType":"JSON","references":[{"name":"n","subject":"s","version":1}],"schema":"\\"int\\"","deleted":true}',
  ],
  ['a hard delete', { type: 'schema', subject: 'u', version: 2, value: null }, '{"keytype":"SCHEMA","subject":"u","version":2,"magic":1}', null],
  ["everybody's level", { type: 'config', subject: null, level: 'FULL' }, '{"keytype":"CONFIG","subject":null,"magic":0}', '{"compatibilityLevel":"FULL"}'],
  [
    "a subject's level",
    { type: 'config', subject: 'u', level: 'NONE' },
    '{"keytype":"CONFIG","subject":"u","magic":0}',
    '{"subject":"u","compatibilityLevel":"NONE"}',
  ],
  ['a level that is gone', { type: 'config', subject: 'u', level: null }, '{"keytype":"CONFIG","subject":"u","magic":0}', null],
  ['a mode', { type: 'mode', subject: null, mode: 'IMPORT' }, '{"keytype":"MODE","subject":null,"magic":0}', '{"mode":"IMPORT"}'],
  [
    'a deleted subject',
    { type: 'delete-subject', subject: 'u', version: 2 },
    '{"keytype":"DELETE_SUBJECT","subject":"u","magic":0}',
    '{"subject":"u","version":2}',
  ],
  ['a cleared registry', { type: 'clear-subject', subject: null }, '{"keytype":"CLEAR_SUBJECT","subject":null,"magic":0}', '{}'],
  ['nothing', { type: 'noop' }, '{"keytype":"NOOP","magic":0}', null],
]

describe('records of _schemas', () => {
  it.each(SHAPES)('%s', (_, entry, key, value) => {
    const record = encodeEntry(entry)
    expect([record.key?.toString(), record.value?.toString() ?? null]).toEqual([key, value])
    expect(decodeEntry(record)).toEqual(entry)
  })

  it('leaves alone what it does not know, and what is no record of a registry', () => {
    const of = (key: string | null, value: string | null = null) =>
      decodeEntry({ key: key === null ? null : Buffer.from(key), value: value === null ? null : Buffer.from(value) })
    expect(of('{"keytype":"CONTEXT","tenant":"t","context":".","magic":0}', '{}')).toBeNull()
    expect(of(null)).toBeNull()
    expect(of('{"keytype":')).toBeNull()
    // A tombstone that compaction has not removed yet deletes nothing.
    expect(of('{"keytype":"DELETE_SUBJECT","subject":"u","magic":0}')).toBeNull()
  })

  it('reads fields that other versions of the registry add', () => {
    const key = Buffer.from('{"keytype":"SCHEMA","subject":"u","version":2,"magic":1}')
    const value = Buffer.from('{"subject":"u","version":2,"id":7,"guid":"x","md5":"AA==","schema":"\\"int\\"","ts":5,"deleted":false}')
    expect(decodeEntry({ key, value })).toEqual({ type: 'schema', subject: 'u', version: 2, value: user })
  })
})
