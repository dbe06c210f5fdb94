// Whatever the rules: of every partition of every topic of every cluster the last copy that could be restored stays, and
// the last whole one; no child loses its parent, and nothing that cannot be read is deleted.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LooseArchive } from '../../../src/archive/loose.ts'
import type { Sidecar } from '../../../src/archive/manifest.ts'
import { type Held, type HeldTopic, keyOf, type Lack } from '../../../src/archive/prune/held.ts'
import type { Holding, Holdings } from '../../../src/archive/prune/holdings.ts'
import { type PrunePolicy, planPrune } from '../../../src/archive/prune/plan.ts'
import { KdrError } from '../../../src/errors.ts'
import { full, incremental } from '../sidecars.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-11-23T00:00:00Z')
const ago = (days: number): string => new Date(NOW - days * DAY).toISOString()

/** Of every partition, in all. */
const OFFSETS = 70

type Holes = Readonly<Record<number, readonly (readonly [number, number])[] | 'all'>>

/** `orders`, or `orders@id` of the topic with that id; two partitions, with holes where that is said. */
const heldOf = (text: string, holes: Holes = {}): HeldTopic => {
  const [topic = '', id = 'one'] = text.split('@')
  const lackOf = (ranges: Holes[number]): Lack =>
    ranges === 'all' ? { ranges: [[0n, BigInt(OFFSETS)]], all: true } : { ranges: ranges.map(([from, to]) => [BigInt(from), BigInt(to)]), all: false }
  return { topic, id: id === 'none' ? null : id, partitions: 2, lacks: new Map(Object.entries(holes).map(([at, ranges]) => [Number(at), lackOf(ranges)])) }
}
const held = (topics: readonly string[], holes: Holes = {}): Held => new Map(topics.map((text) => [keyOf(heldOf(text)), heldOf(text, holes)]))

/** A full backup `days` ago and one on top of it every day after, `length` in all. */
const chain = (name: string, days: number, length: number, topics: readonly string[] = ['orders'], change: Partial<Sidecar> = {}): readonly Holding[] => {
  const backups = [full(name, ago(days), change)]
  for (let at = 1; at < length; at += 1) backups.push(incremental(`${name}-${at}`, ago(days - at), backups[at - 1] as Sidecar, change))
  return backups.map((sidecar) => ({ sidecar, topics: held(topics), recipients: '', broken: null }))
}
/** With holes in the full backup, which make all of it incomplete. */
const holed = (name: string, days: number, length: number, holes: Holes, topics?: readonly string[]): readonly Holding[] =>
  chain(name, days, length, topics).map((one, at) =>
    at > 0 ? one : { ...one, sidecar: { ...one.sidecar, status: 'incomplete' as const }, topics: held(topics ?? ['orders'], holes) },
  )
const broken = (backups: readonly Holding[], at: number): readonly Holding[] =>
  backups.map((one, index) => (index === at ? { ...one, topics: held([]), broken: 'its part is missing' } : one))
const store = (backups: readonly Holding[], rest: Partial<Holdings> = {}): Holdings => ({ backups, unreadable: [], loose: [], ...rest })
const plan = (backups: readonly Holding[], policy: PrunePolicy) => planPrune(store(backups), policy, NOW)
const going = (backups: readonly Holding[], policy: PrunePolicy): readonly string[] =>
  plan(backups, policy)
    .chains.filter(({ action }) => action === 'delete')
    .map(({ name }) => name)
const whyOf = (backups: readonly Holding[], policy: PrunePolicy, name: string): string | undefined =>
  plan(backups, policy).chains.find((each) => each.name === name)?.why

const loose = (name: string, hours: number, kind: LooseArchive['kind'] = 'unfinished'): LooseArchive => ({
  name,
  parts: [{ name: `${name}.tar.gz`, bytes: 5, modified: NOW - hours * 3_600_000 }],
  kind,
  chain: null,
})

const four = [...chain('a', 60, 3), ...chain('b', 40, 20), ...chain('c', 20, 3), ...chain('d', 5, 2)]

describe('planPrune', () => {
  it('keeps chains by the age of their newest backup', () => {
    expect(going(four, { keepDays: 30 })).toEqual(['a'])
    expect(going(four, { keepDays: 10 })).toEqual(['a', 'b', 'c'])
  })

  it('keeps the newest chains that can be restored, and those that either rule wants', () => {
    expect(going(four, { keepFull: 2 })).toEqual(['a', 'b'])
    expect(going(four, { keepFull: 1, keepDays: 30 })).toEqual(['a'])
  })

  it('keeps the last chain whatever the rules, and the last complete one beside it', () => {
    expect(going(four, { keepDays: 0 })).toEqual(['a', 'b', 'c'])
    const last = [...four, ...chain('e', 1, 1, ['orders'], { status: 'incomplete' })]
    expect(going(last, { keepFull: 0 })).toEqual(['a', 'b', 'c'])
    expect(whyOf(last, { keepFull: 0 }, 'd')).toBe('the last complete copy')
    expect(whyOf(last, { keepFull: 0 }, 'e')).toBe('the last copy')
  })

  it('calls nothing complete that goes on from what is not', () => {
    const [gap, ...rest] = chain('e', 3, 3)
    const late = [{ ...(gap as Holding), sidecar: { ...(gap as Holding).sidecar, status: 'incomplete' as const } }, ...rest]
    expect(going([...four, ...late], { keepFull: 0 })).toEqual(['a', 'b', 'c'])
  })

  it('does not let the chains of one cluster push out those of another', () => {
    expect(going([...chain('x', 90, 2, ['orders'], { cluster_id: 'other' }), ...four], { keepFull: 1 })).toEqual(['a', 'b', 'c'])
  })

  it('does not let the chains of some topics push out those of others', () => {
    const payments = chain('p', 90, 2, ['payments', 'refunds', 'ledger'])
    expect(going([...payments, ...four], { keepFull: 1 })).toEqual(['a', 'b', 'c'])
    expect(whyOf([...payments, ...four], { keepFull: 1 }, 'p')).toBe('the newest of ledger, payments and 1 more')
    expect(going([...payments, ...four], { keepDays: 0 })).toEqual(['a', 'b', 'c'])
    expect(whyOf([...payments, ...four], { keepDays: 0 }, 'p')).toBe('the last copy of ledger, payments and 1 more')
    const often = Array.from({ length: 6 }, (_, at) => chain(`p${at}`, 10 - at, 1, ['payments'])).flat()
    expect(going([...four, ...often], { keepFull: 2 })).toEqual(['a', 'b', 'p0', 'p1', 'p2', 'p3'])
  })

  it('counts a topic of which only the increments know', () => {
    const [first, second] = chain('n', 90, 2)
    const late = [first as Holding, { ...(second as Holding), topics: held(['orders', 'new']) }]
    expect(whyOf([...late, ...four], { keepFull: 1 }, 'n')).toBe('the newest of new')
  })

  it('lets go of topics that are to be forgotten', () => {
    const old = chain('p', 90, 2, ['tmp-1', 'tmp-2'])
    expect(going([...old, ...four], { keepFull: 1, forget: ['tmp-*'] })).toEqual(['p', 'a', 'b', 'c'])
    expect(going([...old, ...four], { keepFull: 1, forget: ['tmp-1'] })).toEqual(['a', 'b', 'c'])
    expect(going(four, { keepFull: 1, forget: ['*'] })).toEqual(['a', 'b', 'c'])
  })

  it('says what forgetting gives up, and refuses to forget what is not there', () => {
    const store2 = [...chain('p', 90, 2, ['tmp-1']), ...chain('q', 80, 1, ['tmp-1', 'kept', 'tmp-2']), ...four]
    expect(plan(store2, { keepFull: 1, forget: ['tmp-*'] }).forgotten).toEqual([
      { topic: 'tmp-1', cluster: 'c', copies: 2, going: 1 },
      { topic: 'tmp-2', cluster: 'c', copies: 1, going: 0 },
    ])
    expect(plan(store2, { keepFull: 1, forget: ['tmp-*', 'kept'] }).forgotten.map(({ copies, going }) => [copies, going])).toEqual([
      [1, 1],
      [2, 2],
      [1, 1],
    ])
    expect(() => plan(store2, { keepFull: 1, forget: ['tmp-*', 'tpm-*'] })).toThrow(/--forget-topic tpm-\*: no backup/)
  })

  it('does not take a topic that was made again for the one before it', () => {
    const again = [...chain('old', 90, 2, ['orders@a']), ...chain('new', 40, 1, ['orders@b']), ...chain('newer', 20, 1, ['orders@b'])]
    expect(going(again, { keepFull: 1 })).toEqual(['new'])
    expect(whyOf(again, { keepFull: 1 }, 'old')).toBe('the newest of orders@a')
    expect(plan(again, { keepFull: 1 }).notes).toEqual([expect.stringMatching(/^orders@a was deleted, .* --forget-topic '\*@former' gives it up$/)])
    expect(going(again, { keepFull: 1, forget: ['orders@b'] })).toEqual(['new'])
    expect(going(again, { keepFull: 1, forget: ['orders@a'] })).toEqual(['old', 'new'])
    expect(going(again, { keepFull: 1, forget: ['*@former'] })).toEqual(['old', 'new'])
    // Without ids nobody can tell; with them from some day on, what has none is another.
    expect(going([...chain('old', 90, 2, ['orders@none']), ...chain('new', 40, 1, ['orders@none'])], { keepFull: 1 })).toEqual(['old'])
    expect(going([...chain('old', 90, 2, ['orders@none']), ...chain('new', 40, 1, ['orders@b'])], { keepFull: 1 })).toEqual([])
  })

  it('counts a copy with a hole as none of what it lacks, partition by partition', () => {
    // Neither is complete as a backup; c lacks offsets of orders-1, which b has.
    const gap = [...chain('a', 60, 2), ...holed('b', 40, 1, { 0: [[5, 9]] }), ...holed('c', 20, 2, { 1: [[7, 8]] })]
    expect(going(gap.slice(2), { keepDays: 0 })).toEqual([])
    expect(whyOf(gap.slice(2), { keepDays: 0 }, 'b')).toBe('the last complete copy of orders-1')
    expect(going(gap, { keepDays: 0 })).toEqual([])
    expect(whyOf(gap, { keepDays: 0 }, 'a')).toBe('the last complete copy')
    // Of another topic there is a hole in b, so that no backup but a is complete; b is the last whole copy of orders.
    const other = [...holed('b', 40, 1, { 0: [[5, 9]] }, ['payments']), ...holed('c', 20, 1, { 1: [[7, 8]] })].map((one) =>
      one.sidecar.name === 'b' ? { ...one, topics: new Map([...one.topics, ...held(['orders'])]) } : one,
    )
    expect(going([...other, ...holed('d', 5, 1, { 1: [[7, 8]] })], { keepDays: 0 })).toEqual(['c'])
    expect(whyOf(other, { keepDays: 0 }, 'b')).toBe('the last copy of payments')
  })

  it('keeps the last copy of a topic that is whole, though its backup lacks something else', () => {
    const whole = chain('a', 60, 1, ['orders'], { status: 'incomplete' })
    const holes = [...holed('b', 40, 1, { 0: [[5, 9]] }), ...holed('c', 20, 1, { 1: [[7, 8]] })]
    expect(going([...whole, ...holes], { keepDays: 0 })).toEqual([])
    expect(whyOf([...whole, ...holes], { keepDays: 0 }, 'a')).toBe('the last complete copy of orders')
  })

  it('keeps the offsets that only an older copy has, where none has all', () => {
    const holes = [
      ...holed('a', 60, 1, { 0: [[50, 60]] }),
      ...holed('b', 40, 1, {
        0: [
          [5, 9],
          [50, 55],
        ],
      }),
      ...holed('c', 20, 1, { 0: [[5, 9]] }),
    ]
    const last = [
      ...holes,
      ...holed('d', 5, 1, {
        0: [
          [5, 7],
          [50, 60],
        ],
      }),
    ]
    // a has 5 to 7, c 50 to 60; b has nothing that c lacks.
    expect(going(last, { keepDays: 0 })).toEqual(['b'])
    expect(whyOf(last, { keepDays: 0 }, 'a')).toBe('the last one with some offsets of orders-0')
  })

  it('keeps the last copy of a partition that the newest has nothing of', () => {
    const gone = [...holed('a', 60, 1, { 1: [[3, 4]] }), ...holed('b', 40, 1, { 1: 'all' }), ...holed('c', 20, 1, { 1: 'all' })]
    expect(going(gone, { keepDays: 0 })).toEqual(['b'])
  })

  it('counts days from the newest backup where that is long ago: nothing grows old because backups stopped', () => {
    const stopped = [...chain('a', 460, 3), ...chain('b', 440, 20), ...chain('c', 420, 3), ...chain('d', 405, 2)]
    expect(going(stopped, { keepDays: 30 })).toEqual(['a'])
  })

  it('neither counts nor deletes what is of a day still to come', () => {
    const future = [...four, ...chain('f', -300, 1)]
    expect(going(future, { keepFull: 1 })).toEqual(['a', 'b', 'c'])
    expect(whyOf(future, { keepFull: 1 }, 'f')).toMatch(/still to come: some clock is wrong$/)
  })

  it('leaves alone what somebody restores from', () => {
    expect(going(four, { keepFull: 1, inUse: [{ backup: 'b-3', run: 'r' }] })).toEqual(['a', 'c'])
    expect(whyOf(four, { keepFull: 1, inUse: [{ backup: 'b-3', run: 'r' }] }, 'b')).toMatch(/^left alone, for r restores from it/)
  })

  it('leaves alone what is of no known cluster', () => {
    expect(
      going([...chain('x', 90, 1, ['orders'], { cluster_id: null }), ...chain('y', 80, 1, ['orders'], { cluster_id: null }), ...four], { keepFull: 1 }),
    ).toEqual(['a', 'b', 'c'])
  })

  it('says so where what stays needs another key than what goes', () => {
    const sealed = chain('e', 1, 1).map((one) => ({ ...one, recipients: 'age1abc' }))
    expect(plan([...four, ...sealed], { keepFull: 2 }).notes).toEqual([])
    const opened = four.map((one) => ({ ...one, recipients: 'age1abc' }))
    expect(plan([...opened, ...chain('e', 1, 1)], { keepFull: 1 }).notes).toEqual([])
    expect(plan([...four, ...sealed], { keepFull: 1 }).notes).toEqual([expect.stringMatching(/opened without a key: .* with the key of age1abc/)])
  })

  it('leaves alone what cannot be read, says why, and counts it as no copy', () => {
    const torn = [...chain('a', 60, 3), ...broken(chain('b', 40, 3), 0), ...chain('c', 20, 1)]
    expect(going(torn, { keepFull: 1 })).toEqual(['a'])
    expect(going(torn, { keepFull: 2 })).toEqual([])
    expect(whyOf(torn, { keepFull: 1 }, 'b')).toBe('left alone, for it cannot be read whole: b: its part is missing')
    expect(going([...chain('a', 60, 3), ...broken(chain('b', 40, 3), 0)], { keepFull: 1, keepDays: 0 })).toEqual([])
  })

  it('counts what comes before a broken link, and no more', () => {
    const cut = broken(chain('b', 40, 3), 2)
    expect(going([...chain('a', 60, 3), ...cut], { keepFull: 1 })).toEqual(['a'])
    const new3 = cut.map((one, at) => (at === 2 ? { ...one, topics: held(['new']) } : one))
    expect(going([...chain('a', 60, 3, ['new']), ...new3], { keepFull: 1 })).toEqual([])
  })

  it('names orphans and sidecars that are none, and counts no chain by them', () => {
    const lost = chain('z', 1, 3).slice(1)
    const made = planPrune(store([...four, ...lost], { unreadable: [{ name: 'full_9', why: 'it is not JSON', chain: null }] }), { keepFull: 1 }, NOW)
    expect(made.broken.map(({ name }) => name)).toEqual(['z-1', 'z-2', 'full_9'])
    expect(made.chains.at(-1)).toMatchObject({ name: 'd', action: 'keep', bytes: 2000 })
  })

  it('leaves alone what an orphan, a backup with a torn sidecar or an archive without one is of', () => {
    const [first, , third] = chain('z', 90, 3)
    const orphaned = [...chain('y', 95, 1), first, third, ...four].filter((one) => one !== undefined)
    expect(going(orphaned, { keepFull: 1 })).toEqual(['y', 'a', 'b', 'c'])
    expect(whyOf(orphaned, { keepFull: 1 }, 'z')).toBe('left alone, for z-2 is of its chain, and cannot be restored as it is')
    const going2 = (rest: Partial<Holdings>) =>
      planPrune(store(four, rest), { keepFull: 1 }, NOW)
        .chains.filter(({ action }) => action === 'delete')
        .map(({ name }) => name)
    expect(going2({ unreadable: [{ name: 'inc', why: 'it is not JSON', chain: 'chain-of-b' }] })).toEqual(['a', 'c'])
    expect(going2({ loose: [{ ...loose('inc', 99), kind: 'whole', chain: { id: 'chain-of-b', sequence: 3, parent: null } }] })).toEqual(['a', 'c'])
  })

  it('lets go of what nobody finished once it is a day old, and of nothing else that has no sidecar', () => {
    const rest = { loose: [loose('old', 25), loose('new', 23), loose('mine', 9999, 'foreign'), loose('whole', 99, 'whole'), loose('cut', 99, 'unclear')] }
    const made = planPrune(store(four, rest), { keepFull: 9 }, NOW)
    expect(made.loose.map(({ name, action }) => `${action} ${name}`)).toEqual([
      'delete old.tar.gz',
      'keep new.tar.gz',
      'keep mine.tar.gz',
      'keep whole.tar.gz',
      'keep cut.tar.gz',
    ])
    expect(made.loose[3]?.why).toMatch(/^whole, but its sidecar is gone; kdr backup verify whole --relist/)
  })

  it('keeps what has no sidecar and no end where a backup goes on from it', () => {
    const lost = chain('z', 90, 2).slice(1)
    expect(planPrune(store([...four, ...lost], { loose: [loose('z', 99)] }), { keepFull: 9 }, NOW).loose).toEqual([
      expect.objectContaining({ action: 'keep', why: 'z-1 goes on from it; it has no sidecar, and its end is gone' }),
    ])
  })

  it('makes no plan without a rule', () => {
    for (const policy of [{}, { keepDays: -1 }, { keepFull: Number.NaN }]) expect(() => plan(four, policy)).toThrow(KdrError)
  })
})

const anyHoles = fc.record(
  {
    0: fc.constantFrom('all' as const, [[1, 3] as const], [[2, 5] as const], [[1, 2] as const, [4, 6] as const]),
    1: fc.constantFrom([[1, 2] as const], 'all' as const),
  },
  { requiredKeys: [] },
)
const anyChain = fc.record({
  days: fc.integer({ min: 0, max: 100 }),
  length: fc.integer({ min: 1, max: 5 }),
  cluster: fc.constantFrom('c', 'd', null),
  topics: fc.subarray(['orders', 'orders@again', 'payments', 'tmp']),
  holes: fc.option(anyHoles),
  lost: fc.nat(9),
  swapped: fc.nat(9),
  torn: fc.nat(9),
  bad: fc.boolean(),
})
const anyStore = fc.array(anyChain, { maxLength: 7 }).map((chains) =>
  chains.flatMap(({ days, length, cluster, topics, holes, lost, swapped, torn, bad }, at) => {
    const status = bad || holes !== null ? 'incomplete' : 'complete'
    const backups = broken(chain(`f${at}`, days, length, topics, { cluster_id: cluster, status }), torn)
    return backups
      .map((one, link) => (link === 0 && holes !== null && one.broken === null ? { ...one, topics: held(topics, holes) } : one))
      .filter((_, link) => link !== lost)
      .map((one, link) => (link === swapped ? { ...one, sidecar: { ...one.sidecar, manifest: { ...one.sidecar.manifest, sha256: 'b'.repeat(64) } } } : one))
  }),
)
const anyPolicy = fc.record({ keepDays: fc.integer({ min: 0, max: 100 }), keepFull: fc.nat(3) })

/** All that could be restored from these, by a walk of its own: topics, whole topics, whole partitions, single offsets. */
const restorable = (backups: readonly Holding[]): ReadonlySet<string> => {
  const found = new Set<string>()
  const lacking = (of: Holding, key: string, partition: number, offset: number): boolean => {
    return (
      of.topics
        .get(key)
        ?.lacks.get(partition)
        ?.ranges.some(([from, to]) => from <= offset && offset < to) === true
    )
  }
  const walk = (one: Holding, before: readonly Holding[]): void => {
    if (one.broken !== null) return
    const line = [...before, one]
    const all = line.every(({ sidecar }) => sidecar.status === 'complete')
    found.add(`${one.sidecar.cluster_id}`)
    if (all) found.add(`${one.sidecar.cluster_id} complete`)
    for (const key of one.topics.keys()) {
      const name = `${one.sidecar.cluster_id} ${key}`
      found.add(name)
      if (all) found.add(`${name} complete`)
      if (line.every(({ topics }) => topics.get(key)?.lacks.size === 0)) found.add(`${name} whole`)
      for (const partition of [0, 1]) {
        if (line.every(({ topics }) => !topics.get(key)?.lacks.has(partition))) found.add(`${name} ${partition} whole`)
        for (let at = 0; at < 7; at += 1) if (!lacking(line[0] as Holding, key, partition, at)) found.add(`${name} ${partition} ${at}`)
      }
    }
    for (const child of backups) {
      const { parent } = child.sidecar.chain
      if (parent?.name === one.sidecar.name && parent.sha256 === one.sidecar.manifest.sha256) walk(child, line)
    }
  }
  for (const one of backups) if (one.sidecar.type === 'full') walk(one, [])
  return found
}

it('never deletes the last copy of a topic, the last complete one, a parent of what stays, nor what cannot be read', () => {
  fc.assert(
    fc.property(anyStore, anyPolicy, (backups, policy) => {
      const made = plan(backups, policy)
      const deleted = new Set(made.chains.filter(({ action }) => action === 'delete').flatMap((each) => each.backups.map(({ name }) => name)))
      const left = backups.filter(({ sidecar }) => !deleted.has(sidecar.name))
      expect(restorable(left)).toEqual(restorable(backups))
      for (const { sidecar } of left) if (sidecar.chain.parent !== null) expect(deleted.has(sidecar.chain.parent.name)).toBe(false)
      for (const { sidecar, broken: why } of backups) if (why !== null) expect(deleted.has(sidecar.name)).toBe(false)
      expect(made.chains.flatMap((each) => each.backups).length + made.broken.length).toBe(backups.length)
    }),
    { numRuns: 1000 },
  )
})
