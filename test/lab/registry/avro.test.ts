// Compatibility by avsc, at every level, with and without references.
import { describe, expect, it } from 'vitest'
import { canonical, incompatibilities, parseAvro, type Resolve } from '../../../src/lab/registry/avro.ts'
import { LEVELS, type Level } from '../../../src/lab/registry/records.ts'

const none: Resolve = () => null
const record = (...fields: readonly object[]) => ({ schema: JSON.stringify({ type: 'record', name: 'User', fields }), references: [] })
const parse = (source: { schema: string }) => parseAvro({ ...source, references: [] }, none)

const id = { name: 'id', type: 'long' }
const name = { name: 'name', type: 'string' }
const mail = { name: 'mail', type: ['null', 'string'], default: null }

const may = (level: Level, next: { schema: string }, ...earlier: readonly { schema: string }[]) =>
  incompatibilities(level, parse(next), earlier.map(parse)).length === 0

describe('levels', () => {
  // What each level says of: a field more with a default, one more without, one less that had none.
  const EXPECTED: Readonly<Record<Level, readonly [boolean, boolean, boolean]>> = {
    NONE: [true, true, true],
    BACKWARD: [true, false, true],
    BACKWARD_TRANSITIVE: [true, false, true],
    FORWARD: [true, true, false],
    FORWARD_TRANSITIVE: [true, true, false],
    FULL: [true, false, false],
    FULL_TRANSITIVE: [true, false, false],
  }
  it.each(LEVELS)('%s', (level) => {
    const changes = [may(level, record(id, mail), record(id)), may(level, record(id, name), record(id)), may(level, record(id), record(id, name))]
    expect(changes).toEqual(EXPECTED[level])
  })

  it('looks at all earlier versions only where it is transitive', () => {
    const versions = [record({ name: 'a', type: 'string' }), record({ name: 'a', type: 'string', default: '' }, id), record(id)] as const
    const next = record(id, { name: 'a', type: 'int', default: 0 })
    expect(may('BACKWARD', next, ...versions)).toBe(true)
    expect(may('BACKWARD_TRANSITIVE', next, ...versions)).toBe(false)
  })

  it('knows promotions, unions and enumerations', () => {
    const field = (type: unknown) => record({ name: 'f', type })
    expect(may('BACKWARD', field('long'), field('int'))).toBe(true)
    expect(may('BACKWARD', field('int'), field('long'))).toBe(false)
    expect(may('BACKWARD', field(['null', 'int']), field('int'))).toBe(true)
    expect(may('BACKWARD', field('int'), field(['null', 'int']))).toBe(false)
    const suit = (...symbols: string[]) => field({ type: 'enum', name: 'Suit', symbols })
    expect(may('BACKWARD', suit('A', 'B'), suit('A'))).toBe(true)
    expect(may('BACKWARD', suit('A'), suit('A', 'B'))).toBe(false)
  })
})

describe('references', () => {
  const sources: Readonly<Record<string, ReturnType<Resolve>>> = {
    'money 1': { schema: '{"type":"record","name":"Money","namespace":"shop","fields":[{"name":"cents","type":"long"}]}', references: [] },
    'line 1': {
      schema: '{"type":"record","name":"Line","namespace":"shop","fields":[{"name":"price","type":"shop.Money"}]}',
      references: [{ name: 'shop.Money', subject: 'money', version: 1 }],
    },
  }
  const resolve: Resolve = ({ subject, version }) => sources[`${subject} ${version}`] ?? null
  const money = { name: 'shop.Money', subject: 'money', version: 1 }
  const line = { name: 'shop.Line', subject: 'line', version: 1 }
  const order = (...fields: readonly object[]) => JSON.stringify({ type: 'record', name: 'Order', fields })

  it('are followed to the end, each once', () => {
    const schema = order({ name: 'total', type: 'shop.Money' }, { name: 'first', type: 'shop.Line' })
    const type = parseAvro({ schema, references: [line, money] }, resolve)
    expect(incompatibilities('FULL', type, [type])).toEqual([])
    const other = parse({ schema: order({ name: 'total', type: 'string' }) })
    expect(incompatibilities('BACKWARD', other, [type])).not.toEqual([])
  })

  it('are refused when they are not there, or not given', () => {
    const schema = order({ name: 'total', type: 'shop.Money' })
    expect(() => parseAvro({ schema, references: [{ ...money, version: 9 }] }, resolve)).toThrow(/No schema reference found for subject "money" and version 9/)
    expect(() => parseAvro({ schema, references: [] }, resolve)).toThrow(/Invalid schema/)
  })
})

it('drops blanks around words, and nothing else', () => {
  expect(canonical('{ "type" : "record",\n "name":"A b", "doc": "x \\" y", "default": 9223372036854775807 }')).toBe(
    '{"type":"record","name":"A b","doc":"x \\" y","default":9223372036854775807}',
  )
})
