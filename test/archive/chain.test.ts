// Chains: whole, with a link missing, and with links that do not belong together.
import { describe, expect, it } from 'vitest'
import { openChain } from '../../src/archive/chain.ts'
import type { ChainLink, Manifest, Sidecar } from '../../src/archive/manifest.ts'
import { type MemoryStore, memoryStore } from './memory-store.ts'
import { never, writeSample } from './sample.ts'

const NAMES = ['full_backup_20261123_000000', 'incremental_backup_20261123_010000', 'incremental_backup_20261123_020000']

const linkTo = ({ name, chain, manifest }: Sidecar): ChainLink => ({ id: chain.id, sequence: chain.sequence + 1, parent: { name, sha256: manifest.sha256 } })

const writeChain = async (store: MemoryStore, change: (manifest: Manifest, index: number) => Manifest = (manifest) => manifest, starts = [0n, 20n, 40n]) => {
  let chain: ChainLink = { id: 'chain', sequence: 0, parent: null }
  for (const [index, name] of NAMES.entries()) {
    const { sidecar } = await writeSample({ store, name, chain, start: starts[index]!, change: (manifest) => change(manifest, index) })
    chain = linkTo(sidecar)
  }
}

const open = (store: MemoryStore) => openChain(store, NAMES[2]!, null, never)

describe('a chain', () => {
  it('is opened with the full backup first', async () => {
    const store = memoryStore()
    await writeChain(store)
    expect((await open(store)).map(({ manifest }) => manifest.name)).toEqual(NAMES)
    expect((await openChain(store, NAMES[0]!, null, never)).map(({ manifest }) => manifest.name)).toEqual([NAMES[0]])
  })

  it.each([0, 1])('without link %i names what is missing', async (missing) => {
    const store = memoryStore()
    await writeChain(store)
    store.objects.delete(`${NAMES[missing]}.manifest.json`)
    await expect(open(store)).rejects.toMatchObject({
      code: 'chain-broken',
      exit: 'corrupt',
      message: `${NAMES[missing + 1]} stands on ${NAMES[missing]}, which is not in memory`,
    })
  })

  it('that stands on another archive of the same name is refused', async () => {
    const store = memoryStore()
    await writeChain(store)
    store.objects.delete(`${NAMES[1]}.manifest.json`)
    store.objects.delete(`${NAMES[1]}.tar.gz`)
    const { sidecar } = await writeSample({ store, name: 'full_backup_20261122_000000' })
    await writeSample({ store, name: NAMES[1]!, chain: linkTo(sidecar), start: 20n })
    await expect(open(store)).rejects.toMatchObject({ code: 'chain-broken', message: expect.stringContaining('SHA-256') })
  })

  it('with offsets missing between two links is refused', async () => {
    const store = memoryStore()
    await writeChain(store, undefined, [0n, 20n, 41n])
    await expect(open(store)).rejects.toMatchObject({
      code: 'chain-broken',
      message: expect.stringContaining('orders-0 begins at offset 41, where the one before ends at 40'),
    })
  })

  it.each([
    ['of another cluster', (manifest: Manifest) => ({ ...manifest, cluster_id: 'other' }), 'cluster'],
    [
      'of a topic made again',
      (manifest: Manifest) => ({ ...manifest, partitions: manifest.partitions.map((row) => ({ ...row, topicId: 'other' })) }),
      'another topic',
    ],
    ['of another chain', (manifest: Manifest) => ({ ...manifest, chain: { ...manifest.chain, id: 'other' } }), 'of chain'],
    ['of another number', (manifest: Manifest) => ({ ...manifest, chain: { ...manifest.chain, sequence: 7 } }), 'number'],
  ])('with a link %s is refused', async (_, change, words) => {
    const store = memoryStore()
    await writeChain(store, (manifest, index) => (index === 2 ? change(manifest) : manifest))
    await expect(open(store)).rejects.toMatchObject({ code: 'chain-broken', message: expect.stringContaining(words) })
  })

  it('with a damaged link is refused as damaged', async () => {
    const store = memoryStore()
    await writeChain(store)
    store.objects.set(`${NAMES[1]}.tar.gz`, store.objects.get(`${NAMES[1]}.tar.gz`)!.subarray(1))
    await expect(open(store)).rejects.toMatchObject({ code: 'archive-corrupt', exit: 'corrupt' })
  })
})
