// Whatever the rules: of every topic of every cluster the last copy that could be restored stays, no child loses its
// parent, and nothing that cannot be read is deleted.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Sidecar } from '../../../src/archive/manifest.ts'
import type { Holding, Holdings } from '../../../src/archive/prune/holdings.ts'
import { type PrunePolicy, planPrune } from '../../../src/archive/prune/plan.ts'
import { KdrError } from '../../../src/errors.ts'
import { full, incremental } from '../sidecars.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-11-23T00:00:00Z')
const ago = (days: number): string => new Date(NOW - days * DAY).toISOString()

/** A full backup `days` ago and one on top of it every day after, `length` in all. */
const chain = (name: string, days: number, length: number, topics: readonly string[] = ['orders'], change: Partial<Sidecar> = {}): readonly Holding[] => {
  const backups = [full(name, ago(days), change)]
  for (let at = 1; at < length; at += 1) backups.push(incremental(`${name}-${at}`, ago(days - at), backups[at - 1] as Sidecar, change))
  return backups.map((sidecar) => ({ sidecar, topics, broken: null }))
}
const broken = (backups: readonly Holding[], at: number): readonly Holding[] =>
  backups.map((one, index) => (index === at ? { ...one, topics: [], broken: 'its part is missing' } : one))
const store = (backups: readonly Holding[], rest: Partial<Holdings> = {}): Holdings => ({ backups, unreadable: [], unfinished: [], foreign: [], ...rest })
const plan = (backups: readonly Holding[], policy: PrunePolicy) => planPrune(store(backups), policy, NOW)
const going = (backups: readonly Holding[], policy: PrunePolicy): readonly string[] =>
  plan(backups, policy)
    .chains.filter(({ action }) => action === 'delete')
    .map(({ name }) => name)
const whyOf = (backups: readonly Holding[], policy: PrunePolicy, name: string): string | undefined =>
  plan(backups, policy).chains.find((each) => each.name === name)?.why

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
    const late = [first as Holding, { ...(second as Holding), topics: ['orders', 'new'] }]
    expect(whyOf([...late, ...four], { keepFull: 1 }, 'n')).toBe('the newest of new')
  })

  it('lets go of topics that are to be forgotten', () => {
    const old = chain('p', 90, 2, ['tmp-1', 'tmp-2'])
    expect(going([...old, ...four], { keepFull: 1, forget: ['tmp-*'] })).toEqual(['p', 'a', 'b', 'c'])
    expect(going([...old, ...four], { keepFull: 1, forget: ['tmp-1'] })).toEqual(['a', 'b', 'c'])
    expect(going(four, { keepFull: 1, forget: ['*'] })).toEqual(['a', 'b', 'c'])
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
    const new3 = cut.map((one, at) => (at === 2 ? { ...one, topics: ['new'] } : one))
    expect(going([...chain('a', 60, 3, ['new']), ...new3], { keepFull: 1 })).toEqual([])
  })

  it('names orphans and sidecars that are none, and counts no chain by them', () => {
    const lost = chain('z', 1, 3).slice(1)
    const made = planPrune(store([...four, ...lost], { unreadable: [{ name: 'full_9', why: 'it is not JSON' }] }), { keepFull: 1 }, NOW)
    expect(made.broken.map(({ name }) => name)).toEqual(['z-1', 'z-2', 'full_9'])
    expect(made.chains.at(-1)).toMatchObject({ name: 'd', action: 'keep', bytes: 2000 })
  })

  it('lets go of what nobody finished once it is a day old, and never of what is not kdr’s', () => {
    const object = (name: string, hours: number) => ({ name, bytes: 5, modified: NOW - hours * 3_600_000 })
    const rest = { unfinished: [object('old.tar.gz', 25), object('new.tar.gz', 23)], foreign: [object('mine.tar.gz', 9999)] }
    expect(planPrune(store(four, rest), { keepFull: 9 }, NOW).loose.map(({ name, action }) => `${action} ${name}`)).toEqual([
      'delete old.tar.gz',
      'keep new.tar.gz',
      'keep mine.tar.gz',
    ])
  })

  it('makes no plan without a rule', () => {
    for (const policy of [{}, { keepDays: -1 }, { keepFull: Number.NaN }]) expect(() => plan(four, policy)).toThrow(KdrError)
  })
})

const anyChain = fc.record({
  days: fc.integer({ min: 0, max: 100 }),
  length: fc.integer({ min: 1, max: 5 }),
  cluster: fc.constantFrom('c', 'd', null),
  topics: fc.subarray(['orders', 'payments', 'tmp']),
  lost: fc.nat(9),
  swapped: fc.nat(9),
  torn: fc.nat(9),
  bad: fc.boolean(),
})
const anyStore = fc.array(anyChain, { maxLength: 7 }).map((chains) =>
  chains.flatMap(({ days, length, cluster, topics, lost, swapped, torn, bad }, at) => {
    const backups = broken(chain(`f${at}`, days, length, topics, { cluster_id: cluster, status: bad ? 'incomplete' : 'complete' }), torn)
    return backups
      .filter((_, link) => link !== lost)
      .map((one, link) => (link === swapped ? { ...one, sidecar: { ...one.sidecar, manifest: { ...one.sidecar.manifest, sha256: 'b'.repeat(64) } } } : one))
  }),
)
const anyPolicy = fc.record({ keepDays: fc.integer({ min: 0, max: 100 }), keepFull: fc.nat(3) })

/** `cluster topic` of all that could be restored from these, by a walk of its own. */
const restorable = (backups: readonly Holding[], complete: boolean): ReadonlySet<string> => {
  const found = new Set<string>()
  const walk = (one: Holding, topics: readonly string[]): void => {
    if (one.broken !== null || (complete && one.sidecar.status !== 'complete')) return
    const here = [...topics, ...one.topics]
    for (const topic of here) found.add(`${one.sidecar.cluster_id} ${topic}`)
    for (const child of backups) {
      const { parent } = child.sidecar.chain
      if (parent?.name === one.sidecar.name && parent.sha256 === one.sidecar.manifest.sha256) walk(child, here)
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
      for (const complete of [false, true]) expect(restorable(left, complete)).toEqual(restorable(backups, complete))
      const orphans = new Set(made.broken.map(({ name }) => name))
      for (const { sidecar } of left)
        if (!orphans.has(sidecar.name) && sidecar.chain.parent !== null) expect(deleted.has(sidecar.chain.parent.name)).toBe(false)
      for (const { sidecar, broken: why } of backups) if (why !== null) expect(deleted.has(sidecar.name)).toBe(false)
      expect(made.chains.flatMap((each) => each.backups).length + made.broken.length).toBe(backups.length)
    }),
    { numRuns: 500 },
  )
})
