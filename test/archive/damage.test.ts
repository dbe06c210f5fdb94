// Whatever happens to the bytes of a backup, verify finds it, and nothing that is touched by it can be read.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openArchive } from '../../src/archive/read-archive.ts'
import { glanceAtFile, verifyFile } from '../../src/archive/verify-file.ts'
import type { KdrError } from '../../src/errors.ts'
import { type MemoryStore, memoryStore } from './memory-store.ts'
import { never, writeSample } from './sample.ts'

const NAME = 'full_backup_20261123_031500'
const TAR = `${NAME}.tar.gz`
const SIDECAR = `${NAME}.manifest.json`

/** What verify says; a glance, which a restore begins with, must find something wherever that does. */
const problemsOf = async (store: MemoryStore) => {
  const problems = await verifyFile(store, NAME, null, () => {}, never)
  const glanced = await glanceAtFile(store, NAME, () => {}, never)
  expect(glanced.length > 0, JSON.stringify({ problems, glanced })).toBe(problems.length > 0)
  return problems
}

const changed = (store: MemoryStore, name: string, change: (bytes: Buffer) => Buffer): MemoryStore => {
  const copy = memoryStore()
  for (const [key, bytes] of store.objects) copy.objects.set(key, Buffer.from(bytes))
  copy.objects.set(name, change(copy.objects.get(name)!))
  return copy
}

const flipped =
  (at: number, bits: number) =>
  (bytes: Buffer): Buffer => {
    bytes[at] = bytes[at]! ^ bits
    return bytes
  }

/** Reads all of it; the errors that came. */
const readAll = async (store: MemoryStore): Promise<readonly unknown[]> => {
  const errors: unknown[] = []
  try {
    const archive = await openArchive(store, NAME, null, never)
    await archive.metadata(never).catch((error) => errors.push(error))
    for (const partition of archive.manifest.partitions) {
      for (const segment of partition.segments) {
        await archive.segment(partition, segment, never).then(
          ({ release }) => release(),
          (error) => errors.push(error),
        )
      }
    }
  } catch (error) {
    errors.push(error)
  }
  return errors
}

const refusesAsCorrupt = async (store: MemoryStore): Promise<void> => {
  const errors = await readAll(store)
  expect(errors.length).toBeGreaterThan(0)
  for (const error of errors) expect((error as KdrError).exit).toBe('corrupt')
}

describe('a backup as it was written', () => {
  it.each(['none', 'gzip'] as const)('with compression %s has no problem', async (compression) => {
    const store = memoryStore()
    await writeSample({ store, compression })
    expect(await problemsOf(store)).toEqual([])
    expect(await readAll(store)).toEqual([])
  })
})

describe('damage', () => {
  it.each(['none', 'gzip'] as const)('of bytes all over an archive with compression %s is found', async (compression) => {
    const store = memoryStore()
    const { sidecar } = await writeSample({ store, compression, payload: 100 })
    const length = store.objects.get(TAR)!.length
    const untouched = { start: 0, end: (await openArchive(store, NAME, null, never)).manifest.entries[0]!.offset }
    for (let at = compression === 'none' ? 0 : 5; at < length; at += 29) {
      const damaged = changed(store, TAR, flipped(at, 1 << ((at * 5) % 8)))
      expect(await problemsOf(damaged), `byte ${at}`).not.toEqual([])
      // The provisional manifest and the end are nothing that a restore reads.
      if (at >= untouched.end && at < sidecar.manifest.offset + sidecar.manifest.length) await refusesAsCorrupt(damaged)
    }
  })

  it('of every single bit around the members is found', async () => {
    const store = memoryStore()
    await writeSample({ store })
    const { manifest } = await openArchive(store, NAME, null, never)
    // The last is deflated, the other stored.
    for (const { offset, length } of [manifest.entries.at(-1)!, manifest.entries.find(({ path }) => path.startsWith('data/'))!]) {
      for (const at of [...Array(22).keys(), ...[...Array(9).keys()].map((back) => length - 1 - back)]) {
        for (let bit = 0; bit < 8; bit += 1) expect(await problemsOf(changed(store, TAR, flipped(offset + at, 1 << bit)))).not.toEqual([])
      }
    }
  })

  it('of every single byte of the sidecar is found', async () => {
    const store = memoryStore()
    await writeSample({ store })
    for (let at = 0; at < store.objects.get(SIDECAR)!.length; at += 1) {
      const damaged = changed(store, SIDECAR, flipped(at, 1 << (at % 8)))
      expect(await problemsOf(damaged), `byte ${at}`).not.toEqual([])
      await refusesAsCorrupt(damaged)
    }
  })

  it('of any byte to anything is found, in larger archives too', async () => {
    const store = memoryStore()
    await writeSample({ store, payload: 200_000 })
    const length = store.objects.get(TAR)!.length
    await fc.assert(
      fc.asyncProperty(fc.nat(length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        expect(await problemsOf(changed(store, TAR, flipped(at, bits)))).not.toEqual([])
      }),
      { numRuns: 40 },
    )
  })

  it('names the archive, the entry and the fault', async () => {
    const store = memoryStore()
    await writeSample({ store })
    const { manifest } = await openArchive(store, NAME, null, never)
    const entry = manifest.entries.find(({ path }) => path.startsWith('data/orders/0'))!
    const damaged = changed(store, TAR, flipped(entry.offset + 700, 1))
    expect(await problemsOf(damaged)).toEqual([{ where: `${TAR}: ${entry.path}`, what: 'the CRC-32 of its gzip member is wrong' }])
    const archive = await openArchive(damaged, NAME, null, never)
    const [partition] = manifest.partitions
    await expect(archive.segment(partition!, partition!.segments[0]!, never)).rejects.toMatchObject({
      code: 'archive-corrupt',
      message: expect.stringContaining(`${TAR}: ${entry.path}: its SHA-256 is `),
    })
    expect((await archive.segment(partition!, partition!.segments[1]!, never)).bytes.length).toBe(partition!.segments[1]!.bytes)
  })

  it('in two places is told twice', async () => {
    const store = memoryStore()
    await writeSample({ store })
    const { manifest } = await openArchive(store, NAME, null, never)
    const [first, second] = manifest.entries.filter(({ path }) => path.startsWith('data/'))
    const damaged = changed(store, TAR, (bytes) => flipped(second!.offset + 700, 1)(flipped(first!.offset + 700, 1)(bytes)))
    expect((await problemsOf(damaged)).map(({ where }) => where)).toEqual([`${TAR}: ${first!.path}`, `${TAR}: ${second!.path}`])
  })
})

describe('an archive', () => {
  it('cut anywhere is refused', async () => {
    const store = memoryStore()
    await writeSample({ store })
    const length = store.objects.get(TAR)!.length
    await fc.assert(
      fc.asyncProperty(fc.nat(length - 1), async (end) => {
        const cut = changed(store, TAR, (bytes) => bytes.subarray(0, end))
        expect(await problemsOf(cut)).toContainEqual({ where: TAR, what: expect.stringContaining(`it has ${end} bytes`) })
        await refusesAsCorrupt(cut)
      }),
      { numRuns: 40 },
    )
  })

  it('with anything behind it is refused', async () => {
    const store = memoryStore()
    await writeSample({ store })
    for (const more of [Buffer.alloc(1), Buffer.alloc(10_240), Buffer.from('garbage')]) {
      const longer = changed(store, TAR, (bytes) => Buffer.concat([bytes, more]))
      expect(await problemsOf(longer)).not.toEqual([])
      await refusesAsCorrupt(longer)
    }
  })

  it('with two members of one size swapped is refused', async () => {
    const store = memoryStore()
    await writeSample({ store, compression: 'none' })
    const { manifest } = await openArchive(store, NAME, null, never)
    const data = manifest.entries.filter(({ path }) => path.startsWith('data/'))
    for (const [a, b] of [
      [data[0]!, data[1]!],
      [data[0]!, data[2]!],
      [data[2]!, data[3]!],
    ] as const) {
      expect(a.length).toBe(b.length)
      const swapped = changed(store, TAR, (bytes) => {
        const kept = Buffer.from(bytes.subarray(a.offset, a.offset + a.length))
        bytes.copy(bytes, a.offset, b.offset, b.offset + b.length)
        kept.copy(bytes, b.offset)
        return bytes
      })
      const found = await problemsOf(swapped)
      expect(found).toHaveLength(2)
      expect(found[0]!.what).toBe(`"${b.path}" lies in its place`)
      await refusesAsCorrupt(swapped)
    }
  })

  it('without its part is refused, and without its sidecar is none', async () => {
    const store = memoryStore()
    await writeSample({ store })
    const bytes = store.objects.get(TAR)!
    store.objects.delete(TAR)
    await refusesAsCorrupt(store)
    expect(await problemsOf(store)).not.toEqual([])
    store.objects.set(TAR, bytes)
    store.objects.delete(SIDECAR)
    await expect(openArchive(store, NAME, null, never)).rejects.toMatchObject({
      code: 'no-such-backup',
      exit: 'noSuchStore',
      message: expect.stringContaining('in-progress'),
    })
    await expect(problemsOf(store)).rejects.toMatchObject({ code: 'no-such-backup' })
    await expect(openArchive(store, 'full_backup_20200101_000000', null, never)).rejects.toMatchObject({ code: 'no-such-backup' })
    await expect(openArchive(store, '../../etc/passwd', null, never)).rejects.toMatchObject({ code: 'no-such-backup' })
  })
})
