// Pruning never deletes the last chain that could be restored, never leaves a child without its parent, and
// whatever interrupts it, what is still listed is still whole.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { openDirectory } from '../../src/adapters/directory/open-directory.ts'
import { listBackups } from '../../src/archive/list-backups.ts'
import type { Sidecar } from '../../src/archive/manifest.ts'
import { type PrunePolicy, planPrune, prune } from '../../src/archive/prune.ts'
import { sidecarName } from '../../src/archive/sidecar.ts'
import { KdrError } from '../../src/errors.ts'
import type { BackupStore } from '../../src/ports/backup-store.ts'
import { namesOf, of } from '../contract/backup-store.contract.ts'
import { full, incremental } from './sidecars.ts'

const scratch = mkdtempSync(path.join(tmpdir(), 'kdr-prune-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const signal = new AbortController().signal
const DAY = 86_400_000
const NOW = Date.parse('2026-11-23T00:00:00Z')
const ago = (days: number): string => new Date(NOW - days * DAY).toISOString()

/** A full backup `days` ago and one on top of it every day after, `length` in all. */
const chain = (name: string, days: number, length: number, change: Partial<Sidecar> = {}): readonly Sidecar[] => {
  const backups = [full(name, ago(days), change)]
  for (let at = 1; at < length; at += 1) backups.push(incremental(`${name}-${at}`, ago(days - at), backups[at - 1] as Sidecar, change))
  return backups
}
const going = (backups: readonly Sidecar[], policy: PrunePolicy): readonly string[] =>
  planPrune(backups, policy, NOW)
    .chains.filter(({ action }) => action === 'delete')
    .map(({ name }) => name)

const stored = async (backups: readonly Sidecar[]): Promise<BackupStore> => {
  const store = openDirectory({ path: mkdtempSync(path.join(scratch, 'store-')) })
  for (const backup of backups) {
    for (const part of backup.parts) await store.put(part.name, of(Buffer.alloc(part.bytes)), signal)
    await store.put(sidecarName(backup.name), of(JSON.stringify(backup)), signal)
  }
  return store
}

describe('planPrune', () => {
  const four = [...chain('a', 60, 3), ...chain('b', 40, 20), ...chain('c', 20, 3), ...chain('d', 5, 2)]

  it('keeps chains by the age of their newest backup', () => {
    expect(going(four, { keepDays: 30 })).toEqual(['a'])
    expect(going(four, { keepDays: 10 })).toEqual(['a', 'b', 'c'])
  })

  it('keeps the newest chains that can be restored, and those that either rule wants', () => {
    expect(going(four, { keepFull: 2 })).toEqual(['a', 'b'])
    expect(going(four, { keepFull: 1, keepDays: 30 })).toEqual(['a'])
    expect(going(four, { keepFull: 2, damaged: new Set(['c']) })).toEqual(['a', 'c'])
  })

  it('keeps the last chain whatever the rules, and the last complete one beside it', () => {
    expect(going(four, { keepDays: 0 })).toEqual(['a', 'b', 'c'])
    expect(going([...four, ...chain('e', 1, 1, { status: 'incomplete' })], { keepFull: 0 })).toEqual(['a', 'b', 'c'])
  })

  it('does not let the chains of one cluster push out those of another', () => {
    expect(going([...chain('x', 90, 2, { cluster_id: 'other' }), ...four], { keepFull: 1 })).toEqual(['a', 'b', 'c'])
  })

  it('names orphans, and counts no chain by them', () => {
    const lost = [...chain('z', 1, 3)].slice(1)
    const plan = planPrune([...four, ...lost], { keepFull: 1 }, NOW)
    expect(plan.orphans.map(({ name }) => name)).toEqual(['z-1', 'z-2'])
    expect(plan).toMatchObject({ orphansGo: false })
    expect(plan.chains.at(-1)).toMatchObject({ name: 'd', action: 'keep', bytes: 2000 })
  })

  it('makes no plan without a rule', () => {
    for (const policy of [{}, { keepDays: -1 }, { keepFull: Number.NaN }]) expect(() => planPrune(four, policy, NOW)).toThrow(KdrError)
  })

  const days = fc.integer({ min: 0, max: 100 })
  const anyChain = fc.record({
    days,
    length: fc.integer({ min: 1, max: 5 }),
    cluster: fc.constantFrom('c', 'd'),
    lost: fc.nat(4),
    swapped: fc.nat(9),
    bad: fc.boolean(),
  })
  const anyStore = fc.array(anyChain, { maxLength: 7 }).map((chains) =>
    chains.flatMap(({ days: age, length, cluster, lost, swapped, bad }, at) => {
      const backups = chain(`f${at}`, age, length, { cluster_id: cluster, status: bad ? 'incomplete' : 'complete' })
      const missing = bad ? backups.filter((_, link) => link !== lost) : backups
      return missing.map((one, link) => (link === swapped ? { ...one, manifest: { ...one.manifest, sha256: 'b'.repeat(64) } } : one))
    }),
  )
  const anyPolicy = fc.record({ keepDays: days, keepFull: fc.nat(3), orphans: fc.boolean() })

  it('never deletes the last of a cluster that could be restored, nor a parent of what stays', () => {
    fc.assert(
      fc.property(anyStore, anyPolicy, (backups, policy) => {
        const plan = planPrune(backups, policy, NOW)
        const deleted = new Set(plan.chains.filter(({ action }) => action === 'delete').flatMap((each) => each.backups.map(({ name }) => name)))
        for (const { cluster_id: cluster, type } of backups)
          if (type === 'full') expect(backups.some((one) => one.type === 'full' && one.cluster_id === cluster && !deleted.has(one.name))).toBe(true)
        const orphans = new Set(plan.orphans.map(({ name }) => name))
        for (const one of backups)
          if (!deleted.has(one.name) && !orphans.has(one.name) && one.chain.parent !== null) expect(deleted.has(one.chain.parent.name)).toBe(false)
        expect(plan.chains.flatMap((each) => each.backups).length + plan.orphans.length).toBe(backups.length)
      }),
    )
  })
})

describe('prune', () => {
  it('deletes what the plan says, and nothing else', async () => {
    const [old, kept] = [chain('a', 60, 3), chain('b', 2, 2)]
    const store = await stored([...old, ...kept])
    await store.put('notes.txt', of('mine'), signal)
    const plan = planPrune(await listBackups(store, signal), { keepDays: 30 }, NOW)
    expect(await prune(store, plan, signal)).toEqual({ removed: ['a-2', 'a-1', 'a'], bytes: 3000, locked: [] })
    expect(await namesOf(store)).toEqual(['b-1.manifest.json', 'b-1.tar.gz', 'b.manifest.json', 'b.tar.gz', 'notes.txt'])
  })

  it('takes away what makes it a backup before its parts, and children before their parents', async () => {
    const store = await stored([...chain('a', 60, 3), ...chain('b', 2, 1)])
    const plan = planPrune(await listBackups(store, signal), { keepDays: 30 }, NOW)
    const order: string[] = []
    await prune({ ...store, remove: async (names) => void order.push(...names) }, plan, signal)
    expect(order).toEqual(['a-2.manifest.json', 'a-2.tar.gz', 'a-1.manifest.json', 'a-1.tar.gz', 'a.manifest.json', 'a.tar.gz'])
  })

  it('leaves orphans unless they are asked for', async () => {
    const store = await stored([...chain('z', 50, 3).slice(1), ...chain('b', 2, 1)])
    const all = await listBackups(store, signal)
    expect((await prune(store, planPrune(all, { keepDays: 1 }, NOW), signal)).removed).toEqual([])
    expect((await prune(store, planPrune(all, { keepDays: 1, orphans: true }, NOW), signal)).removed).toEqual(['z-2', 'z-1'])
  })

  it('keeps the parents of what is locked, and says so', async () => {
    const store = await stored([...chain('a', 60, 3), ...chain('b', 2, 1)])
    const locking: BackupStore = {
      ...store,
      remove: async (names, stop) => {
        if (names[0] === 'a-1.manifest.json') throw new KdrError('a-1 is kept until next year', { code: 'object-locked', exit: 'refused' })
        await store.remove(names, stop)
      },
    }
    const result = await prune(locking, planPrune(await listBackups(store, signal), { keepDays: 30 }, NOW), signal)
    expect(result).toMatchObject({ removed: ['a-2'], locked: [{ name: 'a-1', why: 'a-1 is kept until next year' }, { name: 'a' }] })
    expect((await listBackups(store, signal)).map(({ name }) => name)).toEqual(['a', 'a-1', 'b'])
  })

  it('stops before anything goes when a child was made meanwhile', async () => {
    const old = chain('a', 60, 2)
    const store = await stored([...old, ...chain('b', 2, 1)])
    const plan = planPrune(await listBackups(store, signal), { keepDays: 30 }, NOW)
    const child = incremental('late', ago(0), old[1] as Sidecar)
    await store.put(sidecarName('late'), of(JSON.stringify(child)), signal)
    await expect(prune(store, plan, signal)).rejects.toMatchObject({ code: 'plan-outdated', exit: 'refused' })
    expect(await listBackups(store, signal)).toHaveLength(4)
  })
})
