// The files of one archive on their way into the store: members go to the last of them, and where the store could
// take a longer one only with more memory, the next is begun.
import type { BackupStoreWriter } from '../ports/backup-store.ts'
import { storedMember } from './gzip-member.ts'
import { partName } from './layout.ts'
import type { PartFile } from './manifest.ts'
import { type MemberLine, openLine, type Place } from './member-line.ts'
import { sidecarName } from './sidecar.ts'
import { tarEnd } from './tar-head.ts'

interface Part {
  readonly name: string
  readonly line: MemberLine
  readonly stored: Promise<{ readonly bytes: number }>
}

export interface PartFiles {
  /** Resolves when the member's memory has been read. */
  push(member: Promise<Iterable<Buffer>>): Promise<Place & { readonly part: number }>
  /** All of them, once the store has their last byte. */
  close(): Promise<readonly PartFile[]>
  /** Ends everything under way and to come with `reason`. */
  fail(reason: unknown): void
  /** After `fail`, or once all is closed: nothing remains of them in the store, nor of the sidecar. */
  remove(): Promise<void>
  readonly written: number
}

/** `begin`: the member that every part begins with. */
export const openPartFiles = (store: BackupStoreWriter, name: string, begin: () => Promise<Iterable<Buffer>>, signal: AbortSignal): PartFiles => {
  const { partLimit = Number.POSITIVE_INFINITY } = store
  const parts: Part[] = []
  const ended: Promise<PartFile>[] = []
  let failed = false
  const fail = (reason: unknown): void => {
    failed = true
    for (const { line } of parts) line.fail(reason)
  }
  const next = (): Part => {
    const line = openLine()
    const part = { name: partName(name, parts.length + 1), line, stored: store.put(partName(name, parts.length + 1), line.chunks(), signal) }
    // Told to whoever pushes or closes.
    part.stored.catch(fail)
    parts.push(part)
    // Whoever pushes next hears of it when this fails.
    line.push(begin()).catch(() => {})
    return part
  }
  let last = next()
  const end = async ({ name: file, line, stored }: Part): Promise<PartFile> => {
    await line.push(Promise.resolve(storedMember([tarEnd()])))
    line.close()
    const { bytes } = await stored
    if (bytes !== line.written) throw new Error(`the store took ${bytes} bytes of ${file}, which has ${line.written}`)
    return { name: file, bytes }
  }
  const endLast = (): void => {
    const ending = end(last)
    ending.catch(fail)
    ended.push(ending)
  }
  return {
    push: async (member) => {
      if (last.line.written >= partLimit && !failed) {
        endLast()
        last = next()
      }
      const part = parts.length
      return { ...(await last.line.push(member)), part }
    },
    close: async () => {
      endLast()
      return await Promise.all(ended)
    },
    fail,
    remove: async () => {
      const stored = await Promise.allSettled(parts.map((part) => part.stored))
      const there = parts.filter((_, at) => stored[at]?.status === 'fulfilled').map((part) => part.name)
      if (there.length > 0) await store.remove([sidecarName(name), ...there], new AbortController().signal)
    },
    get written() {
      return parts.reduce((sum, { line }) => sum + line.written, 0)
    },
  }
}
