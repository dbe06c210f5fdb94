// Pruning of a real folder: only what the plan says goes, announced before; whatever interrupts it, what is still listed
// is still whole.
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { openDirectory } from '../../../src/adapters/directory/open-directory.ts'
import { listBackups } from '../../../src/archive/list-backups.ts'
import { holdingsOf } from '../../../src/archive/prune/holdings.ts'
import { planPrune } from '../../../src/archive/prune/plan.ts'
import { type RemovalRecord, removalsOf, remove } from '../../../src/archive/prune/remove.ts'
import { KdrError } from '../../../src/errors.ts'
import type { BackupStore } from '../../../src/ports/backup-store.ts'
import { namesOf, of } from '../../contract/backup-store.contract.ts'
import { writeSample } from '../sample.ts'

const scratch = mkdtempSync(path.join(tmpdir(), 'kdr-prune-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const signal = new AbortController().signal
const NOW = Date.parse('2027-11-23T00:00:00Z')
const A = 'full_backup_20261123_031500'
const A1 = 'incremental_backup_20261124_031500'
const B = 'full_backup_20261125_031500'

const stored = async () => {
  const folder = mkdtempSync(path.join(scratch, 'store-'))
  const store = openDirectory({ path: folder })
  const { sidecar } = await writeSample({ store, name: A, chain: { id: 'a', sequence: 0, parent: null } })
  await writeSample({ store, name: A1, chain: { id: 'a', sequence: 1, parent: { name: A, sha256: sidecar.manifest.sha256 } }, start: 20n })
  await writeSample({ store, name: B, chain: { id: 'b', sequence: 0, parent: null }, date: '2026-11-25T03:15:00.250Z' })
  return { folder, store }
}
const planOf = async (store: BackupStore) => planPrune(await holdingsOf(store, signal), { keepFull: 1 }, NOW)
const recording = () => {
  const lines: string[] = []
  const record: RemovalRecord = {
    announce: ({ name }) => void lines.push(`delete ${name}`),
    gone: ({ name }) => void lines.push(`gone ${name}`),
    stays: ({ name }) => void lines.push(`stays ${name}`),
  }
  return { lines, record }
}

describe('prune', () => {
  it('deletes what the plan says, children first, each announced, and nothing else', async () => {
    const { store } = await stored()
    await store.put('notes.txt', of('mine'), signal)
    const { lines, record } = recording()
    const { removed, locked, stopped } = await remove(store, removalsOf(await planOf(store)), record, signal)
    expect({ removed: removed.map(({ name }) => name), locked, stopped }).toEqual({ removed: [A1, A], locked: [], stopped: false })
    expect(lines).toEqual([`delete ${A1}`, `gone ${A1}`, `delete ${A}`, `gone ${A}`])
    expect(await namesOf(store)).toEqual([`${B}.manifest.json`, `${B}.tar.gz`, 'notes.txt'])
  })

  it('takes away what makes it a backup before its parts', async () => {
    const { store } = await stored()
    const order: string[] = []
    await remove({ ...store, remove: async (names) => void order.push(...names) }, removalsOf(await planOf(store)), recording().record, signal)
    expect(order).toEqual([`${A1}.manifest.json`, `${A1}.tar.gz`, `${A}.manifest.json`, `${A}.tar.gz`])
  })

  it('deletes nothing that could not be announced', async () => {
    const { store } = await stored()
    const before = await namesOf(store)
    const record = {
      ...recording().record,
      announce: () => {
        throw new Error('the journal cannot be written')
      },
    }
    await expect(remove(store, removalsOf(await planOf(store)), record, signal)).rejects.toThrow('the journal')
    expect(await namesOf(store)).toEqual(before)
  })

  it('stops between two of them, and what is left is whole', async () => {
    const { store } = await stored()
    const stop = new AbortController()
    const { record } = recording()
    const stopping = { ...record, gone: () => stop.abort() }
    const pruned = await remove(store, removalsOf(await planOf(store)), stopping, stop.signal)
    expect(pruned).toMatchObject({ removed: [{ name: A1 }], stopped: true })
    expect((await listBackups(store, signal)).map(({ name }) => name)).toEqual([A, B])
  })

  it('keeps the parents of what is locked, and that still as a backup', async () => {
    const { store } = await stored()
    const locking: BackupStore = {
      ...store,
      remove: async (names, stop) => {
        // As of an archive that is immutable, and a sidecar that is not.
        if (names[0] === `${A1}.manifest.json`) await store.remove(names.slice(0, 1), stop)
        throw new KdrError('it is kept until next year', { code: 'object-locked', exit: 'refused' })
      },
    }
    const { lines, record } = recording()
    const pruned = await remove(locking, removalsOf(await planOf(store)), record, signal)
    expect(pruned).toMatchObject({ removed: [], locked: [{ name: A1, why: 'it is kept until next year' }, { name: A }] })
    expect(lines).toEqual([`delete ${A1}`, `stays ${A1}`])
    expect((await listBackups(store, signal)).map(({ name }) => name)).toEqual([A, A1, B])
  })
})

describe('holdingsOf', () => {
  it('reads the topics of every backup from its manifest, and tells what it cannot', async () => {
    const { store, folder } = await stored()
    const bytes = readFileSync(path.join(folder, `${B}.tar.gz`))
    bytes.fill(0, bytes.length - 1500, bytes.length - 600)
    writeFileSync(path.join(folder, `${B}.tar.gz`), bytes)
    await store.put('full_backup_20261130_000000.manifest.json', of('{'), signal)
    const { backups, unreadable } = await holdingsOf(store, signal)
    expect(backups.map(({ sidecar, topics, broken }) => [sidecar.name, [...topics.keys()], broken === null])).toEqual([
      [A, ['orders abcdefghijklmnopqrstuw'], true],
      [A1, ['orders abcdefghijklmnopqrstuw'], true],
      [B, [], false],
    ])
    expect(unreadable).toEqual([expect.objectContaining({ name: 'full_backup_20261130_000000', chain: null })])
    // The newest is no copy: what is older stays.
    expect(removalsOf(await planOf(store))).toEqual([])
  })

  it('counts none that a restore would refuse, because its sidecar says something else than its archive', async () => {
    const { store, folder } = await stored()
    const file = path.join(folder, `${B}.manifest.json`)
    writeFileSync(file, readFileSync(file, 'utf8').replace('"records": 40', '"records": 41'))
    const { backups } = await holdingsOf(store, signal)
    expect(backups.map(({ broken }) => broken)).toEqual([null, null, expect.stringContaining('does not agree with the manifest of the archive in records')])
    expect(removalsOf(await planOf(store))).toEqual([])
  })

  it('reads of which chain it is from the archive of a backup whose sidecar is torn', async () => {
    const { store, folder } = await stored()
    writeFileSync(path.join(folder, `${A1}.manifest.json`), '{')
    expect((await holdingsOf(store, signal)).unreadable).toEqual([expect.objectContaining({ name: A1, chain: 'a' })])
    // A1 still stands on A.
    expect(removalsOf(await planOf(store))).toEqual([])
  })

  it('tells an archive that kdr never finished from one that is whole, is cut off, or is not its own', async () => {
    const { store, folder } = await stored()
    // Killed after the first of its files; finished, and its sidecar lost; copied half; somebody's.
    const small: BackupStore = { ...store, partLimit: 6000 }
    const torn = 'full_backup_20261126_000000'
    const { sidecar } = await writeSample({ store: small, name: torn, payload: 4000, inTurn: true })
    expect(sidecar.parts.length).toBeGreaterThan(2)
    await store.remove([`${torn}.manifest.json`, ...sidecar.parts.slice(2).map(({ name }) => name)], signal)
    await store.remove([`${A1}.manifest.json`], signal)
    const half = 'full_backup_20261127_000000.tar.gz'
    writeFileSync(path.join(folder, half), readFileSync(path.join(folder, `${A}.tar.gz`)).subarray(0, -700))
    writeFileSync(path.join(folder, 'full_backup_20250101_000000.tar.gz'), 'of somebody')
    writeFileSync(path.join(folder, `${B}.part-2.tar.gz`), 'of a backup that has a sidecar')
    const { loose } = await holdingsOf(store, signal)
    expect(loose.map(({ name, kind, chain }) => [name, kind, chain?.id])).toEqual([
      ['full_backup_20250101_000000', 'foreign', undefined],
      [torn, 'unfinished', undefined],
      ['full_backup_20261127_000000', 'unclear', undefined],
      [A1, 'whole', 'a'],
    ])
    const policy = { keepDays: 36_500 }
    const now = Date.now()
    const files = [`${torn}.tar.gz`, `${torn}.part-2.tar.gz`]
    for (const name of [half, `${A1}.tar.gz`, files[0] ?? ''])
      utimesSync(path.join(folder, name), new Date(now - 25 * 3_600_000), new Date(now - 25 * 3_600_000))
    // One of its files is younger than a day.
    expect(removalsOf(planPrune(await holdingsOf(store, signal), policy, now))).toEqual([])
    utimesSync(path.join(folder, files[1] ?? ''), new Date(now - 25 * 3_600_000), new Date(now - 25 * 3_600_000))
    expect(removalsOf(planPrune(await holdingsOf(store, signal), policy, now)).map(({ objects }) => objects)).toEqual([files])
  })

  it.each([0, 3, 20, 200])('takes an archive that was killed after %i bytes for unfinished, and no file of the old script', async (bytes) => {
    const { store, folder } = await stored()
    const killed = 'full_backup_20261126_000000'
    writeFileSync(path.join(folder, `${killed}.tar.gz`), readFileSync(path.join(folder, `${A}.tar.gz`)).subarray(0, bytes))
    writeFileSync(path.join(folder, 'full_backup_20250101_000000.tar.gz'), gzipSync('folder/').subarray(0, 20))
    const { loose } = await holdingsOf(store, signal)
    expect(loose.map(({ name, kind }) => [name, kind])).toEqual([
      ['full_backup_20250101_000000', 'foreign'],
      [killed, 'unfinished'],
    ])
    expect(removalsOf(planPrune(await holdingsOf(store, signal), { keepDays: 36_500 }, Date.now()))).toEqual([])
    utimesSync(path.join(folder, `${killed}.tar.gz`), new Date(Date.now() - 25 * 3_600_000), new Date(Date.now() - 25 * 3_600_000))
    expect(removalsOf(planPrune(await holdingsOf(store, signal), { keepDays: 36_500 }, Date.now())).map(({ objects }) => objects)).toEqual([
      [`${killed}.tar.gz`],
    ])
  })

  it('never deletes a full backup that lost its sidecar while increments stand on it', async () => {
    const { store } = await stored()
    await store.remove([`${A}.manifest.json`], signal)
    const made = planPrune(await holdingsOf(store, signal), { keepFull: 1 }, NOW)
    expect(removalsOf(made)).toEqual([])
    expect(made.loose).toEqual([
      expect.objectContaining({
        name: `${A}.tar.gz`,
        why: expect.stringMatching(`^${A1} goes on from it; whole, but its sidecar is gone; kdr backup verify ${A} --relist`),
      }),
    ])
  })

  it('takes nothing for unfinished because a listing lacks its sidecar', async () => {
    const { store } = await stored()
    const forgetful: BackupStore = {
      ...store,
      list: async function* (options, stop) {
        for await (const object of store.list(options, stop)) if (object.name !== `${B}.manifest.json`) yield object
      },
    }
    expect((await holdingsOf(forgetful, signal)).loose).toEqual([])
  })
})
