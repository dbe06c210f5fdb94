// A store's backups are those with a sidecar; what is damaged is named beside them and hides none of them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { openDirectory } from '../../src/adapters/directory/open-directory.ts'
import { findBackup } from '../../src/archive/find-backup.ts'
import { listBackups, scanStore } from '../../src/archive/list-backups.ts'
import type { Sidecar } from '../../src/archive/manifest.ts'
import { sidecarName } from '../../src/archive/sidecar.ts'
import type { BackupStore } from '../../src/ports/backup-store.ts'
import { of } from '../contract/backup-store.contract.ts'
import { full, incremental } from './sidecars.ts'

const scratch = mkdtempSync(path.join(tmpdir(), 'kdr-list-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const signal = new AbortController().signal
let store: BackupStore
beforeEach(() => {
  store = openDirectory({ path: mkdtempSync(path.join(scratch, 'store-')) })
})

const first = full('full_backup_20261120_000000', '2026-11-20T00:00:00Z')
const second = incremental('incremental_backup_20261121_000000', '2026-11-21T00:00:00Z', first)
const third = incremental('incremental_backup_20261122_000000', '2026-11-22T00:00:00Z', second, { status: 'incomplete' })

const put = async (sidecar: Sidecar, { part = true, as = sidecar.name } = {}): Promise<void> => {
  if (part) for (const { name, bytes } of sidecar.parts) await store.put(name, of(Buffer.alloc(bytes)), signal)
  await store.put(sidecarName(as), of(JSON.stringify(sidecar)), signal)
}

describe('scanStore', () => {
  it('gives backups oldest first, and what else lies there apart', async () => {
    for (const each of [third, first, second]) await put(each)
    await store.put('full_backup_20250101_000000.tar.gz', of('of the old script, or left unfinished'), signal)
    await store.put('notes.txt', of(''), signal)
    const { backups, damaged, loose } = await scanStore(store, signal)
    expect([backups, damaged]).toEqual([[first, second, third], []])
    expect(loose.map(({ name }) => name)).toEqual(['full_backup_20250101_000000.tar.gz'])
  })

  it('names what is damaged, and lists the others', async () => {
    await put(first)
    await put(second, { part: false })
    await store.put(sidecarName('cut'), of('{"format":'), signal)
    await store.put('cut.tar.gz', of('x'), signal)
    await put(first, { part: false, as: 'renamed' })
    await store.put(sidecarName('huge'), of(Buffer.alloc(2 ** 20 + 1)), signal)
    await put(
      { ...third, bytes: 9, parts: [{ name: `${third.name}.tar.gz`, bytes: 9 }], manifest: { ...third.manifest, offset: 0, length: 9 } },
      { part: false },
    )
    await store.put(`${third.name}.tar.gz`, of('too short'.slice(2)), signal)
    const { backups, damaged, loose } = await scanStore(store, signal)
    expect(backups).toHaveLength(3)
    expect(loose).toEqual([])
    const whys = Object.fromEntries(damaged.map(({ name, why }) => [name, why]))
    expect(Object.keys(whys).sort()).toEqual(['cut', 'huge', second.name, third.name, 'renamed'].sort())
    expect(whys[second.name]).toBe(`its part ${second.name}.tar.gz is missing`)
    expect(whys[third.name]).toContain('has 7 bytes, not 9')
    expect(whys['renamed']).toContain(first.name)
  })

  it('reads thousands, thirty-two at a time', async () => {
    const many = Array.from({ length: 3000 }, (_, at) => full(`full_backup_${at + 10_000}`, new Date(1_600_000_000_000 + at * 60_000).toISOString()))
    const texts = new Map(many.map((one) => [sidecarName(one.name), JSON.stringify(one)]))
    let [under, most] = [0, 0]
    const counting: BackupStore = {
      ...store,
      list: async function* () {
        for (const [name, text] of texts) yield { name, bytes: text.length, modified: 0 }
      },
      read: async (name) => {
        under += 1
        most = Math.max(most, under)
        await Promise.resolve()
        under -= 1
        return Buffer.from(texts.get(name) ?? '')
      },
    }
    expect(await listBackups(counting, signal)).toEqual(many)
    expect(most).toBe(32)
  })
})

describe('findBackup', () => {
  it('finds by name, and by the names of its files', async () => {
    await put(first)
    for (const name of [first.name, `${first.name}.tar.gz`, `${first.name}.manifest.json`]) expect(await findBackup(store, name, signal)).toEqual(first)
  })

  it('takes for the latest the newest whose chain is whole, complete or not', async () => {
    await expect(findBackup(store, 'latest', signal)).rejects.toMatchObject({ code: 'no-such-backup', exit: 'noSuchStore' })
    for (const each of [first, second, third]) await put(each)
    expect(await findBackup(store, 'latest', signal)).toEqual(third)
    await store.remove([`${second.name}.tar.gz`], signal)
    expect(await findBackup(store, 'latest', signal)).toEqual(first)
    await store.remove([sidecarName(first.name)], signal)
    await expect(findBackup(store, 'latest', signal)).rejects.toThrow(second.name)
  })

  it('says what is no backup, and why', async () => {
    await store.put('half.tar.gz', of('x'), signal)
    await expect(findBackup(store, 'half', signal)).rejects.toMatchObject({ exit: 'noSuchStore', message: expect.stringContaining('half.manifest.json') })
    for (const name of ['none', '../none', '']) await expect(findBackup(store, name, signal)).rejects.toMatchObject({ code: 'no-such-backup' })
    await put(first, { as: 'other' })
    await expect(findBackup(store, 'other', signal)).rejects.toMatchObject({ code: 'archive-corrupt', exit: 'corrupt' })
  })
})
