// Where backups lie: a folder or an S3 bucket with a prefix. Objects are written once and whole: nobody sees
// one before `put` has resolved, and none is ever written over.
import type { Instant } from '../units.ts'

export interface StoredObject {
  /** Relative to the store; `/` where the store has folders. */
  readonly name: string
  readonly bytes: number
  readonly modified: Instant
}

/** Bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Room behind what is asked for that lets a store read whole pages of a disk, past the page cache, into memory that begins at a page. */
export const PAGE_ROOM = 8192

/** Errors: `no-such-store`, `no-such-object` (both exit `noSuchStore`), `store-denied`, `store-unreachable`, `store-failed`. */
export interface BackupStoreReader {
  /** As a person names it: `/var/kafka-backups`, `s3://bucket/prefix`. */
  readonly where: string
  /** Objects of the store itself, in order of their names; with `prefix` only those that begin so. */
  list(options: { readonly prefix?: string }, signal: AbortSignal): AsyncIterable<StoredObject>
  /** null when there is none of that name. */
  head(name: string, signal: AbortSignal): Promise<StoredObject | null>
  /** Exactly these bytes, in `into` where that is given and long enough; not always at its front where it has `PAGE_ROOM` more. Throws `store-failed` when the object ends before. */
  read(name: string, range: ByteRange, signal: AbortSignal, into?: Buffer): Promise<Buffer>
  /** From the first byte to the last, or over `range`. A chunk is only good until the next is asked for. */
  stream(name: string, range: ByteRange | null, signal: AbortSignal): AsyncIterable<Buffer>
  close(): Promise<void>
}

/** Errors besides the reader's: `object-exists`, `store-full`, `store-locked` (exit `locked`), `object-locked` (Object Lock, immutable). */
export interface BackupStoreWriter {
  /** Bytes after which another object is begun rather than this one made longer: more would take more memory. Without it: any. */
  readonly partLimit?: number
  /** Durable when it resolves; nothing remains where it rejects. A chunk of `source` may be used again by its maker when the next but one is asked for. */
  put(name: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<{ readonly bytes: number }>
  /** One that is gone already is as wanted. In the order given, each before the next. */
  remove(names: readonly string[], signal: AbortSignal): Promise<void>
  /** What unfinished writes of `ours`, by name, left in the store itself and nobody works on: temporary files, open multipart uploads. Returns how many were cleared. */
  clear(options: { readonly olderThan: Instant; readonly ours: RegExp }, signal: AbortSignal): Promise<number>
  /** One holder at a time per `key` (create and prune of a chain); throws `store-locked` (exit 8) naming the holder. Renewed until released. */
  lock(key: string, holder: string, signal: AbortSignal): Promise<{ release(): Promise<void> }>
}

export type BackupStore = BackupStoreReader & BackupStoreWriter
