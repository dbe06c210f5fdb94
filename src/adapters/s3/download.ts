// Bytes of an object by ranges, straight into memory that is given or used again. An answer that breaks off is
// asked for again from there, of the same object only.
import { setTimeout as sleep } from 'node:timers/promises'
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { KdrError } from '../../errors.ts'
import type { ByteRange } from '../../ports/backup-store.ts'
import type { Bucket } from './bucket.ts'
import { isMissing, noSuchObject, s3Error, statusOf } from './errors.ts'

const PIECE = 4 * 1024 * 1024
const PIECES = 4
const ATTEMPTS = 5

const failed = ({ where }: Bucket, name: string, why: string, hint?: string): KdrError =>
  new KdrError(`${name} in ${where} ${why}`, { code: 'store-failed', ...(hint === undefined ? {} : { hint }) })

const endsBefore = (bucket: Bucket, name: string, end: number): KdrError =>
  failed(bucket, name, `ends before byte ${end}`, 'it was cut: kdr backup verify tells what is left')

/** `bytes 5-9/10` → 10; null where the server did not answer with a range. */
const sizeIn = (contentRange: string | undefined): number | null => {
  const [, size] = /^bytes \d+-\d+\/(\d+)$/.exec(contentRange ?? '') ?? []
  return size === undefined ? null : Number(size)
}

const ask = async (bucket: Bucket, name: string, { start, end }: ByteRange, etag: string | undefined, signal: AbortSignal): Promise<GetObjectCommandOutput> => {
  const what = { Bucket: bucket.options.bucket, Key: bucket.key(name), Range: `bytes=${start}-${end - 1}`, ...(etag === undefined ? {} : { IfMatch: etag }) }
  return bucket.run(`read ${name}`, signal, async ({ sdk, client }) => {
    try {
      return await client.send(new sdk.GetObjectCommand(what), { abortSignal: signal })
    } catch (thrown) {
      if (isMissing(thrown)) throw noSuchObject(bucket.place, name)
      if (statusOf(thrown) === 416) throw endsBefore(bucket, name, end)
      if (statusOf(thrown) === 412) throw failed(bucket, name, 'was replaced while it was read')
      throw thrown
    }
  })
}

/** What comes of `body` goes to `into`; returns where it ended. */
const copy = async (body: AsyncIterable<Uint8Array>, into: Buffer, from: number): Promise<number> => {
  let at = from
  for await (const chunk of body) {
    if (at + chunk.byteLength > into.length) throw new Error('more bytes than asked for')
    into.set(chunk, at)
    at += chunk.byteLength
  }
  return at
}

/** Fills all of `into` from byte `start` on. */
const fill = async (bucket: Bucket, name: string, start: number, into: Buffer, known: string | undefined, signal: AbortSignal): Promise<Buffer> => {
  const end = start + into.length
  let [at, etag] = [0, known]
  for (let attempt = 1; at < into.length; attempt += 1) {
    const answer = await ask(bucket, name, { start: start + at, end }, etag, signal)
    etag = answer.ETag
    const body = answer.Body as unknown as AsyncIterable<Uint8Array> & { destroy(): void }
    const size = sizeIn(answer.ContentRange)
    if (size === null || size < end) {
      body.destroy()
      throw size === null ? failed(bucket, name, 'cannot be read by ranges: the server does not support them') : endsBefore(bucket, name, end)
    }
    // What has come is kept: the next answer goes on from there.
    const progress = { at }
    const counted = async function* () {
      for await (const chunk of body) {
        yield chunk
        progress.at += chunk.byteLength
      }
    }
    try {
      await copy(counted(), into, at)
    } catch (thrown) {
      signal.throwIfAborted()
      if (attempt >= ATTEMPTS) throw s3Error(thrown, bucket.place, `read ${name}`)
      await sleep(100 * 2 ** attempt, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
    at = progress.at
    if (attempt > ATTEMPTS) throw failed(bucket, name, `broke off at byte ${start + at}`)
  }
  return into
}

/** Of an empty range it is still told whether there is such an object, and that long. */
const nothingOf = async (bucket: Bucket, name: string, end: number, signal: AbortSignal): Promise<Buffer> => {
  const head = await bucket.head(bucket.key(name), `read ${name}`, signal)
  if (head === null) throw noSuchObject(bucket.place, name)
  if ((head.ContentLength ?? 0) < end) throw endsBefore(bucket, name, end)
  return Buffer.alloc(0)
}

export const readRange = async (bucket: Bucket, name: string, { start, end }: ByteRange, into: Buffer | undefined, signal: AbortSignal): Promise<Buffer> => {
  const length = Math.max(0, end - start)
  if (length === 0) return nothingOf(bucket, name, end, signal)
  const target = into !== undefined && into.length >= length ? into.subarray(0, length) : Buffer.allocUnsafe(length)
  return fill(bucket, name, start, target, undefined, signal)
}

/** Pieces of the range, a few of them fetched ahead side by side. A piece is only good until the next is asked for. */
export async function* streamRange(bucket: Bucket, name: string, range: ByteRange | null, signal: AbortSignal): AsyncGenerator<Buffer> {
  const head = await bucket.head(bucket.key(name), `read ${name}`, signal)
  if (head === null) throw noSuchObject(bucket.place, name)
  const size = head.ContentLength ?? 0
  const { start, end } = range ?? { start: 0, end: size }
  if (end > size) throw endsBefore(bucket, name, end)
  const count = Math.ceil((end - start) / PIECE)
  const memory = Array.from({ length: Math.min(PIECES, count) }, () => Buffer.allocUnsafe(Math.min(PIECE, end - start)))
  const stopping = new AbortController()
  const abort = () => stopping.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  const fetch = (piece: number): Promise<Buffer> => {
    const from = start + piece * PIECE
    const into = (memory[piece % PIECES] as Buffer).subarray(0, Math.min(PIECE, end - from))
    const reading = fill(bucket, name, from, into, head.ETag, stopping.signal)
    reading.catch(() => {}) // heard when it is waited for
    return reading
  }
  const ahead: Promise<Buffer>[] = memory.map((_, piece) => fetch(piece))
  try {
    for (let piece = 0; piece < count; piece += 1) {
      signal.throwIfAborted()
      yield await (ahead.shift() as Promise<Buffer>)
      if (piece + PIECES < count) ahead.push(fetch(piece + PIECES))
    }
  } finally {
    signal.removeEventListener('abort', abort)
    stopping.abort()
    await Promise.allSettled(ahead)
  }
}
