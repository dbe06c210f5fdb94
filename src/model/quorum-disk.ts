// What a quorum member's disk is worth, by the names of its files: a server that was started on an empty disk
// writes files too, and none of them is data.
import { type Known, known } from './known.ts'

/** Of ZooKeeper's `version-2`: `begun` is what a server that was started empty leaves there (db.autocreate, ZOOKEEPER-3644). */
export type ZooKeeperContent = 'data' | 'begun' | 'nothing'

/** A transaction log, or a snapshot later than transaction 0, was written by a server that took part (FileTxnSnapLog). */
const DATA = /^(?:log\.[0-9a-f]+|snapshot\.0*[1-9a-f][0-9a-f]*(?:\.\w+)?)$/

/** `names` of the files in `version-2`; null: there is no such folder. */
export const zooKeeperContent = (names: readonly string[] | null): ZooKeeperContent => {
  if (names === null) return 'nothing'
  if (names.some((name) => DATA.test(name))) return 'data'
  return names.some((name) => name.startsWith('snapshot.')) ? 'begun' : 'nothing'
}

/** Where snapshots and transaction logs are on disks of their own, the first snapshot is data beside logs that go on from it. */
export const zooKeeperState = (own: ZooKeeperContent, all: readonly ZooKeeperContent[], by: string): Known<'intact' | 'blank'> =>
  known(own === 'data' || (own === 'begun' && all.includes('data')) ? 'intact' : 'blank', by)

const ZXID = /^(?:log|snapshot)\.([0-9a-f]+)(?:\.\w+)?$/

/** The highest transaction that is named by a file: a log by its first, a snapshot by its last (FileTxnLog, FileSnap). At least that much is there; null: none says. */
export const lastZxid = (names: readonly string[]): bigint | null =>
  names.reduce<bigint | null>((last, name) => {
    const hex = ZXID.exec(name)?.[1]
    const zxid = hex === undefined ? null : BigInt(`0x${hex}`)
    return zxid !== null && zxid > (last ?? -1n) ? zxid : last
  }, null)

/** A controller's log; a disk that was only formatted has an identity and no log yet (KafkaRaftManager). */
export const METADATA_LOG = '__cluster_metadata-0'
