// One object from a stream, without a copy on any disk: in one request where it is small, else in parts. The
// server itself refuses a second object of that name, and what fails is taken back.
import { randomBytes } from 'node:crypto'
import type { CompletedPart } from '@aws-sdk/client-s3'
import { KdrError } from '../../errors.ts'
import { seconds } from '../../units.ts'
import { untilAborted } from '../stores/source.ts'
import type { Bucket } from './bucket.ts'
import { isConflict, s3Error } from './errors.ts'
import { MOST_PARTS, PartMemory, partSize } from './parts.ts'

const DAY = 86_400_000
/** What it takes to tidy up after a failure must not keep anybody waiting for long. */
const TIDYING = seconds(15)

interface Target {
  readonly bucket: Bucket
  readonly name: string
  readonly key: string
  /** Ours, among objects of this name: whether a write whose answer was lost has arrived. */
  readonly mark: string
  readonly signal: AbortSignal
  /** Throws when what allows us to write was lost meanwhile. */
  readonly check: () => void
}

const MARK = 'kdr-put'

export const encryptionOf = ({ options: { sse } }: Bucket) =>
  sse === undefined ? {} : { ServerSideEncryption: sse.kind, ...(sse.keyId === undefined ? {} : { SSEKMSKeyId: sse.keyId }) }

const headersOf = ({ bucket, mark }: Target) => {
  const { storageClass, objectLock } = bucket.options
  return {
    Metadata: { [MARK]: mark },
    ContentType: 'application/octet-stream',
    ...encryptionOf(bucket),
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as 'STANDARD' }),
    ...(objectLock === undefined
      ? {}
      : { ObjectLockMode: objectLock.mode, ObjectLockRetainUntilDate: new Date(Date.now() + Math.round(objectLock.days * DAY)) }),
  }
}

const objectExists = ({ bucket, name }: Target): KdrError =>
  new KdrError(`${name} is in ${bucket.where} already, and no backup is ever written over`, {
    code: 'object-exists',
    exit: 'refused',
    hint: 'choose another name',
  })

const lookUp = ({ bucket, key, name }: Target) => bucket.head(key, `look for ${name}`, AbortSignal.timeout(TIDYING))

/** After a write that seemed to fail: true when it is there all the same, ours and whole. */
const arrived = async (target: Target, bytes: number): Promise<boolean> => {
  const head = await lookUp(target).catch(() => null)
  return head?.Metadata?.[MARK] === target.mark && head.ContentLength === bytes
}

/** What to throw for a write that failed and has not arrived. */
const failure = async (thrown: unknown, target: Target): Promise<unknown> => {
  if (target.signal.aborted) return target.signal.reason
  const there = isConflict(thrown) ? await lookUp(target).catch(() => null) : null
  return there === null ? s3Error(thrown, target.bucket.place, `write ${target.name}`) : objectExists(target)
}

const putWhole = async (target: Target, body: Buffer): Promise<void> => {
  const { bucket, key, signal } = target
  target.check()
  try {
    await bucket.raw(signal, ({ sdk, client }) =>
      client.send(new sdk.PutObjectCommand({ Bucket: bucket.options.bucket, Key: key, Body: body, IfNoneMatch: '*', ...headersOf(target) }), {
        abortSignal: signal,
      }),
    )
  } catch (thrown) {
    if (!(await arrived(target, body.length))) throw await failure(thrown, target)
  }
}

/** An upload in parts. Its parts are stored side by side, and it becomes an object only when it is completed. */
class Multipart {
  readonly #target: Target
  readonly #memory: PartMemory
  readonly #parts: CompletedPart[] = []
  readonly #stop: (why: unknown) => void
  readonly #signal: AbortSignal
  readonly #id: string

  static async begin(target: Target, memory: PartMemory, signal: AbortSignal, stop: (why: unknown) => void): Promise<Multipart> {
    const { bucket, key, name } = target
    const { UploadId } = await bucket.run(`write ${name}`, signal, ({ sdk, client }) =>
      client.send(new sdk.CreateMultipartUploadCommand({ Bucket: bucket.options.bucket, Key: key, ChecksumAlgorithm: 'CRC32', ...headersOf(target) }), {
        abortSignal: signal,
      }),
    )
    if (UploadId === undefined) throw new KdrError(`${bucket.place.server} begins no upload of ${name}`, { code: 'store-failed' })
    return new Multipart(target, memory, signal, stop, UploadId)
  }

  private constructor(target: Target, memory: PartMemory, signal: AbortSignal, stop: (why: unknown) => void, id: string) {
    this.#target = target
    this.#memory = memory
    this.#signal = signal
    this.#stop = stop
    this.#id = id
  }

  get #what() {
    return { Bucket: this.#target.bucket.options.bucket, Key: this.#target.key, UploadId: this.#id }
  }

  send(number: number, buffer: Buffer, length: number): void {
    const Body = buffer.subarray(0, length)
    const send = async () => {
      const { ETag, ChecksumCRC32 } = await this.#target.bucket.run(`write ${this.#target.name}`, this.#signal, ({ sdk, client }) =>
        client.send(new sdk.UploadPartCommand({ ...this.#what, PartNumber: number, Body, ChecksumAlgorithm: 'CRC32' }), { abortSignal: this.#signal }),
      )
      this.#parts[number - 1] = { PartNumber: number, ETag, ChecksumCRC32 }
    }
    this.#memory.lend(buffer, send, this.#stop)
  }

  async complete(bytes: number): Promise<void> {
    const target = this.#target
    target.check()
    const command = { ...this.#what, IfNoneMatch: '*', MultipartUpload: { Parts: this.#parts }, MpuObjectSize: bytes }
    try {
      await target.bucket.raw(target.signal, ({ sdk, patient }) =>
        patient.send(new sdk.CompleteMultipartUploadCommand(command), { abortSignal: target.signal }),
      )
    } catch (thrown) {
      if (!(await arrived(target, bytes))) throw await failure(thrown, target)
    }
  }

  /** Once no part is under way any more: one that lands later would stay, and be paid for. */
  async abandon(): Promise<void> {
    const late = AbortSignal.timeout(TIDYING)
    // What cannot be taken back now, because the server is gone, `clear` finds later.
    await this.#target.bucket
      .raw(late, ({ sdk, client }) => client.send(new sdk.AbortMultipartUploadCommand(this.#what), { abortSignal: late }))
      .catch(() => {})
  }
}

const tooLarge = ({ name }: Target): KdrError =>
  new KdrError(`${name} becomes larger than what ${MOST_PARTS} parts of an S3 upload hold`, { code: 'store-failed' })

const uploadParts = async (target: Target, source: AsyncIterable<Uint8Array>, stopping: AbortController): Promise<number> => {
  const memory = new PartMemory()
  const stop = (why: unknown) => stopping.abort(why)
  let upload: Multipart | null = null
  let [number, filled, bytes] = [1, 0, 0]
  let buffer = await memory.take(partSize(number))
  try {
    for await (const chunk of untilAborted(source, stopping.signal)) {
      bytes += chunk.byteLength
      for (let at = 0; at < chunk.byteLength; ) {
        const taken = Math.min(buffer.length - filled, chunk.byteLength - at)
        buffer.set(chunk.subarray(at, at + taken), filled)
        at += taken
        filled += taken
        if (filled < buffer.length) continue
        if (number === MOST_PARTS) throw tooLarge(target)
        upload ??= await Multipart.begin(target, memory, stopping.signal, stop)
        upload.send(number, buffer, filled)
        number += 1
        filled = 0
        buffer = await memory.take(partSize(number))
      }
    }
    if (upload === null) return await putWhole(target, buffer.subarray(0, filled)).then(() => bytes)
    if (filled > 0) upload.send(number, buffer, filled)
    await memory.landed()
    stopping.signal.throwIfAborted()
    await upload.complete(bytes)
    return bytes
  } catch (thrown) {
    stop(thrown)
    await memory.landed()
    await upload?.abandon()
    throw thrown
  }
}

/** Throws `object-exists`, `store-denied`, `store-full`, `store-unreachable`, `store-failed`, what `source` throws, and the signal's reason. */
export const upload = async (
  bucket: Bucket,
  name: string,
  source: AsyncIterable<Uint8Array>,
  check: () => void,
  signal: AbortSignal,
): Promise<{ readonly bytes: number }> => {
  signal.throwIfAborted()
  const target: Target = { bucket, name, key: bucket.key(name), mark: randomBytes(12).toString('hex'), signal, check }
  // Early, for an hour's upload is not to be refused at its end; who may not look is told then.
  const there = await bucket.head(target.key, `look for ${name}`, signal).catch((thrown: unknown) => {
    if (thrown instanceof KdrError && thrown.code === 'store-denied') return null
    throw thrown
  })
  if (there !== null) throw objectExists(target)
  const stopping = new AbortController()
  const abort = () => stopping.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return { bytes: await uploadParts(target, source, stopping) }
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
