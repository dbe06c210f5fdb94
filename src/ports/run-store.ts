// Where a run keeps its journal and its evidence, and who holds the lock on a target.
import type { TargetIdentity } from '../model/member.ts'
import type { Instant } from '../units.ts'

/** Append-only; one line per entry. A line is durable when `append` returns. */
export interface JournalFile {
  append(line: string): void
  close(): void
}

export interface RunFolder {
  readonly id: string
  /** Where an operator finds it; shown, never parsed. */
  readonly path: string
  /** Lines so far, without the line ends; a torn last line is left out and `torn` says so. */
  read(): { readonly lines: readonly string[]; readonly torn: boolean }
  /** Cuts a torn last line off before anything is appended. */
  open(): JournalFile
  /** Evidence under the run's folder, mode 0600. Returns its relative path. */
  evidence(name: string, content: string): string
  /** Bytes as they come, mode 0600; there only when all of them were. Returns its relative path. */
  keep(name: string, source: AsyncIterable<Uint8Array>): Promise<string>
}

export interface RunStore {
  create(id: string): RunFolder
  /** Throws `run-not-found`. */
  find(id: string): RunFolder
  /** Newest first. */
  list(): readonly string[]
}

export interface LockHolder {
  readonly run: string
  readonly user: string
  readonly host: string
  readonly pid: number
  /** Start of that process, so that a recycled id is not taken for it. */
  readonly processStart: string
  readonly since: Instant
  /** Rises with every holder. */
  readonly fence: number
}

export interface HeldLock {
  readonly holder: LockHolder
  /** Throws `lock-lost` when somebody took it over, or when it could not be kept (a lease that was not renewed in time). */
  check(): void
  release(): Promise<void>
}

export interface Lock {
  /** What it covers, in words: a lock file covers one host. */
  readonly covers: string
  /** Throws `locked` (exit 8) naming the holder; `takeOver` is the run it may be taken from. A run always gets its own lock back once its process is gone. */
  acquire(target: TargetIdentity, run: string, takeOver: string | null): Promise<HeldLock>
  /** Who holds it now, and whether that process still lives (unknown on another host). */
  inspect(target: TargetIdentity): Promise<{ readonly holder: LockHolder; readonly alive: boolean | 'unknown' } | null>
}
