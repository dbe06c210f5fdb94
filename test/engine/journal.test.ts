// The journal: what it says is what was durable, edits are evident, and targets keep their bigints.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSimulation } from '../../src/adapters/simulated/open.ts'
import { decode, encode, sameTarget } from '../../src/engine/codec.ts'
import { Journal, readJournal } from '../../src/engine/journal.ts'

const written = (count: number) => {
  const { store, clock } = createSimulation({ seed: 1, mode: 'kraft' })
  const folder = store.create('run-1')
  const journal = new Journal(folder, { clock, redact: (text) => text, events: () => {}, check: () => {} })
  for (let index = 0; index < count; index += 1) journal.record({ type: 'note', text: `note ${index}` })
  return folder
}

describe('the journal', () => {
  it('reads back what was recorded, in a chain that holds', () => {
    const reading = readJournal(written(5))
    expect(reading.broken).toBeNull()
    expect(reading.lines.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4])
  })

  it('shows any line that was changed, removed or put elsewhere', () => {
    const folder = written(6)
    const { lines } = folder.read()
    const tamper = fc.record({ at: fc.integer({ min: 0, max: 4 }), kind: fc.constantFrom('change', 'remove', 'swap') })
    fc.assert(
      fc.property(tamper, ({ at, kind }) => {
        const copy = [...lines]
        if (kind === 'change') copy[at] = (copy[at] ?? '').replace('note ', 'noted')
        else if (kind === 'remove') copy.splice(at, 1)
        else [copy[at], copy[at + 1]] = [copy[at + 1] ?? '', copy[at] ?? '']
        expect(readJournal({ ...folder, read: () => ({ lines: copy, torn: false }) }).broken).not.toBeNull()
      }),
    )
  })

  it('keeps targets, bigints included', () => {
    const target = fc.dictionary(fc.string(), fc.oneof(fc.bigInt(), fc.integer(), fc.string(), fc.boolean(), fc.constant(null), fc.array(fc.bigInt())))
    fc.assert(
      fc.property(target, (value) => {
        expect(sameTarget(decode(JSON.parse(JSON.stringify(encode(value)))), value)).toBe(true)
      }),
    )
  })
})
