// What file names in ZooKeeper's version-2 say: whether there is data, and how far it reaches at least.
import { describe, expect, it } from 'vitest'
import { lastZxid, zooKeeperContent } from '../../src/model/quorum-disk.ts'

describe("ZooKeeper's version-2", () => {
  it('reaches at least the highest transaction that a file is named after, whatever their order or length', () => {
    expect(lastZxid(['log.fffffffff', 'snapshot.1000000000', 'log.200', 'acceptedEpoch'])).toBe(0x1000000000n)
    expect(lastZxid(['snapshot.0'])).toBe(0n)
    expect(lastZxid(['snapshot.1a.gz', 'log.2'])).toBe(0x1an)
    expect(lastZxid(['acceptedEpoch', 'currentEpoch', 'log.xyz', 'log.'])).toBeNull()
    expect(lastZxid([])).toBeNull()
  })

  it('holds data only where a server took part', () => {
    expect(zooKeeperContent(null)).toBe('nothing')
    expect(zooKeeperContent(['acceptedEpoch'])).toBe('nothing')
    expect(zooKeeperContent(['snapshot.0'])).toBe('begun')
    expect(zooKeeperContent(['snapshot.0', 'log.100000001'])).toBe('data')
  })
})
