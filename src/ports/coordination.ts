// ZooKeeper, read only: four-letter words and znodes. KRaft's quorum answers through the Kafka port.
import type { Known } from '../model/known.ts'

export interface ZNode {
  readonly data: Buffer
  /** Transaction that created it: a broker's incarnation. */
  readonly czxid: bigint
  readonly version: number
}

export interface CoordinationReader {
  /** `srvr`, `mntr` or `ruok` of every server asked at once, by `host:port`. */
  word(word: 'srvr' | 'mntr' | 'ruok', servers: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Known<string>>>
  /** null when the znode does not exist. Throws `zookeeper-unreachable` when no server serves. */
  get(path: string, signal: AbortSignal): Promise<ZNode | null>
  /** null when the znode does not exist. */
  children(path: string, signal: AbortSignal): Promise<readonly string[] | null>
  close(): Promise<void>
}
