// What a chain holds of a partition: every link of it, but nothing of a topic that only had its name.
import { describe, expect, it } from 'vitest'
import type { ChainLink, Manifest } from '../../../src/archive/manifest.ts'
import { openArchive } from '../../../src/archive/read-archive.ts'
import { recompressed } from '../../../src/archive/restore/recompressed.ts'
import { begunAnew, storedPartitions } from '../../../src/archive/restore/stored.ts'
import { memoryStore } from '../memory-store.ts'
import { never, writeSample } from '../sample.ts'

interface LinkShape {
  readonly start: bigint
  readonly id?: string
  readonly gone?: true
  readonly gap?: string
}

const shaped =
  ({ id, gap }: LinkShape) =>
  (manifest: Manifest): Manifest => ({
    ...manifest,
    partitions: manifest.partitions.map((row) => ({ ...row, topicId: id ?? row.topicId, gaps: gap === undefined ? [] : [{ from: '0', to: '1', why: gap }] })),
  })

const chainOf = async (...links: readonly LinkShape[]) => {
  const store = memoryStore()
  let chain: ChainLink = { id: 'chain', sequence: 0, parent: null }
  const archives = []
  for (const [at, link] of links.entries()) {
    const name = `${at === 0 ? 'full' : 'incremental'}_backup_20261123_0${at}0000`
    const { sidecar } = await writeSample({ store, name, chain, topic: link.gone ? 'invoices' : 'orders', start: link.start, change: shaped(link) })
    archives.push({ ...(await openArchive(store, name, null, never)) })
    chain = { id: 'chain', sequence: at + 1, parent: { name, sha256: sidecar.manifest.sha256 } }
  }
  return archives
}

describe('batches that are made anew', () => {
  it('are told of where zstd cannot be written, and only there', async () => {
    const stored = storedPartitions(await chainOf({ start: 0n }), ['orders'])
    expect(recompressed(stored, true)).toBeNull()
    expect(recompressed(stored, false)).toMatch(/2 partitions .* become gzip/)
    expect(recompressed([{ ...stored[0]!, segments: [] }], false)).toBeNull()
    expect(recompressed([{ ...stored[0]!, segments: [], dense: false }], false)).toMatch(/^batches of 1 partition have|^batches of one partition have/)
  })
})

describe('a partition of a chain', () => {
  it('has the segments of every link', async () => {
    const archives = await chainOf({ start: 0n }, { start: 20n, gap: 'lost' }, { start: 40n })
    const [first] = storedPartitions(archives, ['orders'])
    expect(first).toMatchObject({ records: 60, first: 0n, end: 60n, dense: true })
    expect(first?.gaps).toEqual([{ from: '0', to: '1', why: 'incremental_backup_20261123_010000: lost' }])
    expect(begunAnew(archives, ['orders'])).toEqual(new Map())
  })

  it('has nothing of a topic of its name that was deleted before', async () => {
    const archives = await chainOf({ start: 0n, gap: 'of the other' }, { start: 0n, gone: true }, { start: 0n, id: 'other' }, { start: 20n, id: 'other' })
    const stored = storedPartitions(archives, ['orders'])
    expect(stored).toHaveLength(2)
    expect(stored[0]).toMatchObject({ records: 40, first: 0n, end: 40n, dense: true, gaps: [] })
    expect(begunAnew(archives, ['orders'])).toEqual(new Map([['orders', 'incremental_backup_20261123_020000']]))
    // What was deleted at the end is no topic of the last archive.
    expect(storedPartitions(archives.slice(0, 2), ['orders'])).toEqual([])
  })
})
