// Members of an archive on their way into the store: prepared side by side, written one after the other in the
// order they were asked for, as one stream with no more memory than a chunk of its own.

import { pageMemory } from '../model/slabs.ts'

/** What the store is handed at a time: members come in pieces of 64 KiB and 5 bytes, and a write costs more than a copy. */
const CHUNK = 1 << 20

export interface Place {
  readonly offset: number
  readonly length: number
}

interface Waiting {
  readonly member: Promise<Iterable<Buffer>>
  resolve(place: Place): void
  reject(reason: unknown): void
}

export interface MemberLine {
  /** Resolves when the member's memory has been read. */
  push(member: Promise<Iterable<Buffer>>): Promise<Place>
  /** Nothing more comes. */
  close(): void
  /** Ends everything that waits and everything to come with `reason`. */
  fail(reason: unknown): void
  readonly written: number
  /** A chunk is good until the next but one is asked for, and begins at a page. */
  chunks(): AsyncGenerator<Buffer>
}

/** Gathers pieces in `room`; what is full comes out. */
function* filled(piece: Buffer, room: { chunk: Buffer; other: Buffer; used: number }): Generator<Buffer> {
  for (let at = 0; at < piece.length; ) {
    const part = piece.subarray(at, at + room.chunk.length - room.used)
    room.chunk.set(part, room.used)
    at += part.length
    room.used += part.length
    if (room.used === room.chunk.length) {
      yield room.chunk
      ;[room.chunk, room.other] = [room.other, room.chunk]
      room.used = 0
    }
  }
}

export const openLine = (): MemberLine => {
  const waiting: Waiting[] = []
  let closed = false
  let failure: { readonly reason: unknown } | null = null
  let written = 0
  let wake: () => void = () => {}
  const fail = (reason: unknown): void => {
    failure ??= { reason }
    for (const job of waiting.splice(0)) job.reject(failure.reason)
    wake()
  }
  /** The next to be written; null when there will be none. */
  const nextJob = async (): Promise<Waiting | null> => {
    for (;;) {
      if (failure !== null) throw failure.reason
      const job = waiting[0]
      if (job !== undefined) return job
      if (closed) return null
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  async function* chunks(): AsyncGenerator<Buffer> {
    const room = { chunk: pageMemory(CHUNK), other: pageMemory(CHUNK), used: 0 }
    for (let job = await nextJob(); job !== null; job = await nextJob()) {
      const offset = written
      for (const piece of await job.member) {
        written += piece.length
        for (const chunk of filled(piece, room)) {
          yield chunk
          if (failure !== null) throw failure.reason
        }
      }
      waiting.shift()
      job.resolve({ offset, length: written - offset })
    }
    if (room.used > 0) yield room.chunk.subarray(0, room.used)
  }
  return {
    push: (member) => {
      member.catch(fail)
      if (failure !== null) return Promise.reject(failure.reason)
      return new Promise((resolve, reject) => {
        waiting.push({ member, resolve, reject })
        wake()
      })
    },
    close: () => {
      closed = true
      wake()
    },
    fail,
    get written() {
      return written
    },
    chunks,
  }
}
