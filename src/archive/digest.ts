// SHA-256 beside the main thread: it costs as much as everything else that is done to a segment. Memory that is
// shared (SharedArrayBuffer) is handed over by reference; the rest is copied into such, or hashed here where it is small:
// what is copied to a thread piles up there.
import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { type Slab, Slabs } from '../model/slabs.ts'

const SMALL = 256 << 10
const THREADS = 2

/** Plain JavaScript as text, so that it runs alike from the sources and from what is published. */
const SOURCE = `
const { parentPort } = require('node:worker_threads')
const { createHash } = require('node:crypto')
parentPort.on('message', ({ id, pieces }) => {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  parentPort.postMessage({ id, digest: hash.digest('hex') })
})
`

interface Job {
  /** In shared memory. */
  readonly pieces: readonly Uint8Array[]
  readonly resolve: (digest: string) => void
}

interface Thread {
  readonly jobs: Map<number, Job>
  post(id: number, job: Job): void
}

const inline = (pieces: readonly Uint8Array[]): string => {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

const copies = new Slabs(32 << 20)

let threads: Thread[] = []
let usable = true
let next = 0

/** What a thread that died still had to do is done here, and no other thread is begun. */
const bury = (thread: Thread): void => {
  usable = false
  threads = threads.filter((other) => other !== thread)
  for (const job of thread.jobs.values()) job.resolve(inline(job.pieces))
  thread.jobs.clear()
}

const begin = (): Thread | null => {
  try {
    const worker = new Worker(SOURCE, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 } })
    const jobs = new Map<number, Job>()
    const thread: Thread = {
      jobs,
      post: (id, job) => {
        jobs.set(id, job)
        worker.ref()
        worker.postMessage({ id, pieces: job.pieces.map(({ buffer, byteOffset, length }) => new Uint8Array(buffer, byteOffset, length)) })
      },
    }
    worker.unref()
    worker.on('message', ({ id, digest }: { id: number; digest: string }) => {
      jobs.get(id)?.resolve(digest)
      jobs.delete(id)
      // An idle thread does not keep the process alive.
      if (jobs.size === 0) worker.unref()
    })
    worker.on('error', () => bury(thread))
    worker.on('exit', () => bury(thread))
    threads.push(thread)
    return thread
  } catch {
    usable = false
    return null
  }
}

/** An idle one, else another as long as there may be one, else the one with the least to do. */
const choose = (): Thread | null => {
  if (!usable) return null
  const idle = threads.find(({ jobs }) => jobs.size === 0)
  if (idle !== undefined) return idle
  return threads.length < THREADS ? begin() : threads.reduce((least, thread) => (thread.jobs.size < least.jobs.size ? thread : least))
}

/** In hexadecimal, of the pieces one after the other. They must stay as they are until it resolves. */
export const sha256 = (pieces: readonly Uint8Array[]): Promise<string> => {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const thread = bytes <= SMALL ? null : choose()
  if (thread === null) return Promise.resolve(inline(pieces))
  next += 1
  const id = next
  const taken: Slab[] = []
  const shared = pieces.map((piece) => {
    if (piece.buffer instanceof SharedArrayBuffer) return piece
    const slab = copies.take(piece.length)
    taken.push(slab)
    slab.bytes.set(piece)
    return slab.bytes.subarray(0, piece.length)
  })
  return new Promise<string>((resolve) => thread.post(id, { pieces: shared, resolve })).finally(() => {
    for (const slab of taken) slab.release()
  })
}
