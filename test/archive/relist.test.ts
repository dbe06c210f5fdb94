// A sidecar that was lost, written again to the byte: of every kind of archive, and never of one that is not whole.
import { describe, expect, it } from 'vitest'
import { openSealer } from '../../src/archive/encryption.ts'
import { endingOf } from '../../src/archive/last-manifest.ts'
import { lostSidecar, relist } from '../../src/archive/relist.ts'
import { verifyFile } from '../../src/archive/verify-file.ts'
import { memoryStore } from './memory-store.ts'
import { never, type SampleOptions, writeSample } from './sample.ts'

const NAME = 'full_backup_20261123_031500'
const SIDECAR = `${NAME}.manifest.json`

const lost = async (how: Partial<SampleOptions> & { readonly partLimit?: number } = {}) => {
  const store = memoryStore()
  const { partLimit, ...rest } = how
  await writeSample({ ...rest, store: partLimit === undefined ? store : { ...store, partLimit } })
  const sidecar = store.objects.get(SIDECAR) ?? Buffer.alloc(0)
  store.objects.delete(SIDECAR)
  return { store, sidecar }
}

const kinds: readonly (readonly [string, () => Promise<Parameters<typeof lost>[0]>])[] = [
  ['deflated', async () => ({ compression: 'gzip' })],
  ['stored', async () => ({ compression: 'none' })],
  ['sealed', async () => ({ sealer: await openSealer({ recipients: [], passphrase: 'a long passphrase' }) })],
  ['of several files', async () => ({ partLimit: 6000, payload: 4000, inTurn: true })],
  [
    'with a manifest that is longer than a first look',
    async () => ({ change: (manifest) => ({ ...manifest, incomplete: noisy(4000), status: 'incomplete' }) }),
  ],
]
const noisy = (count: number): string[] => Array.from({ length: count }, (_, at) => `${(at * 2654435761) % 4294967291} ${(at * 40503) % 65521} is missing`)

describe('of an archive', () => {
  it.each(kinds)('%s, a lost sidecar is written again as it was', async (_, how) => {
    const { store, sidecar } = await lost(await how())
    const found = await lostSidecar(store, NAME, never)
    expect(found?.text.toString()).toBe(sidecar.toString())
    if (found !== null) await relist(store, found, never)
    expect(await verifyFile(store, NAME, null, () => {}, never)).toEqual([])
    expect(await lostSidecar(store, NAME, never)).toBeNull()
  })

  it('that is not whole, none is', async () => {
    const { store } = await lost({ partLimit: 6000, payload: 4000, inTurn: true })
    const parts = [...store.objects.keys()].filter((name) => name.endsWith('.tar.gz')).sort()
    const last = `${NAME}.part-${parts.length}.tar.gz`
    const bytes = store.objects.get(last) ?? Buffer.alloc(0)
    store.objects.delete(last)
    await expect(lostSidecar(store, NAME, never)).rejects.toMatchObject({ exit: 'corrupt', message: expect.stringContaining('never finished') })
    store.objects.set(last, bytes)
    const second = store.objects.get(`${NAME}.part-2.tar.gz`) ?? Buffer.alloc(0)
    store.objects.set(`${NAME}.part-2.tar.gz`, second.subarray(0, -1))
    await expect(lostSidecar(store, NAME, never)).rejects.toMatchObject({ exit: 'corrupt' })
    store.objects.delete(`${NAME}.tar.gz`)
    await expect(lostSidecar(store, NAME, never)).rejects.toMatchObject({ code: 'no-such-backup' })
  })

  it('that was renamed, none is', async () => {
    const { store } = await lost()
    store.objects.set('full_backup_20300101_000000.tar.gz', store.objects.get(`${NAME}.tar.gz`) ?? Buffer.alloc(0))
    await expect(lostSidecar(store, 'full_backup_20300101_000000', never)).rejects.toMatchObject({ exit: 'corrupt' })
  })

  it('nothing is written over what came meanwhile', async () => {
    const { store } = await lost()
    const found = await lostSidecar(store, NAME, never)
    store.objects.set(SIDECAR, Buffer.from('{}'))
    if (found !== null) await expect(relist(store, found, never)).rejects.toMatchObject({ code: 'archive-changed' })
    expect(store.objects.get(SIDECAR)?.toString()).toBe('{}')
  })
})

it('an end that was cut or changed at any byte is never taken for one that nobody finished', async () => {
  const { store } = await lost()
  const name = `${NAME}.tar.gz`
  const whole = store.objects.get(name) ?? Buffer.alloc(0)
  const ending = (bytes: Buffer) => {
    store.objects.set(name, bytes)
    return endingOf(store, { name, bytes: bytes.length, modified: 0 }, never)
  }
  expect(await ending(whole)).toMatchObject({ manifest: { name: NAME } })
  for (let cut = 1; cut < 3000; cut += 7) expect(await ending(whole.subarray(0, -cut))).toBe('unclear')
  for (let at = 1; at < 3000; at += 7) {
    const bytes = Buffer.from(whole)
    bytes.writeUInt8(bytes.readUInt8(bytes.length - at) ^ 0x10, bytes.length - at)
    expect(await ending(bytes)).not.toBe('none')
  }
})
