// One holder at a time, by an object that only one can create and only its holder renews. Whoever has not renewed
// it for two minutes of the server's own clock has lost it, and notices before he writes or removes anything more.
import { createHash, randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { KdrError } from '../../errors.ts'
import { formatInstant, type Millis, minutes, seconds } from '../../units.ts'
import { actor } from '../system/actor.ts'
import type { Bucket } from './bucket.ts'
import { isConflict, isMissing, noConditions, s3Error } from './errors.ts'
import { encryptionOf } from './upload.ts'

const STALE: Millis = minutes(2)
const RENEW: Millis = seconds(30)

const Holder = v.object({ id: v.string(), holder: v.string(), user: v.string(), host: v.string(), pid: v.number(), since: v.number(), renewed: v.number() })
type Holder = v.InferOutput<typeof Holder>

interface Seen {
  readonly holder: Holder | null
  readonly etag: string
  readonly silent: Millis
}

const parse = (text: string): Holder | null => {
  try {
    const parsed = v.safeParse(Holder, JSON.parse(text))
    return parsed.success ? parsed.output : null
  } catch {
    return null
  }
}

const locked = (where: string, seen: Seen | null): KdrError => {
  const holder = seen?.holder
  const who = holder ? `${holder.holder} (${holder.user}@${holder.host}, pid ${holder.pid}, since ${formatInstant(holder.since)})` : 'another kdr'
  return new KdrError(`${where} is locked by ${who}`, {
    code: 'store-locked',
    exit: 'locked',
    hint: 'wait for it; one that no longer runs loses the lock after two minutes',
  })
}

class LockObject {
  readonly #bucket: Bucket
  readonly #key: string
  #mine: Holder
  #etag = ''
  #heard = 0
  #lost: KdrError | null = null
  #renewing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(bucket: Bucket, key: string, holder: string) {
    const plain = /^\w[\w.-]{0,99}$/.test(key) ? key : createHash('sha256').update(key).digest('hex').slice(0, 32)
    this.#bucket = bucket
    this.#key = bucket.under(`.kdr-${plain}.lock`)
    this.#mine = { id: randomBytes(8).toString('hex'), holder, ...actor(), since: Date.now(), renewed: 0 }
  }

  get #what() {
    return { Bucket: this.#bucket.options.bucket, Key: this.#key }
  }

  /** null: nobody holds it. */
  async #look(signal: AbortSignal): Promise<Seen | null> {
    return this.#bucket.run('see the lock', signal, async ({ sdk, client, ahead }) => {
      try {
        const answer = await client.send(new sdk.GetObjectCommand(this.#what), { abortSignal: signal })
        const text = (await answer.Body?.transformToString()) ?? ''
        // Of which it is not said when it was renewed, that is nobody's to take.
        const silent = answer.LastModified === undefined ? 0 : Date.now() + ahead() - answer.LastModified.getTime()
        return { holder: parse(text), etag: answer.ETag ?? '', silent }
      } catch (thrown) {
        if (isMissing(thrown)) return null
        throw thrown
      }
    })
  }

  /** Whether it was written; false where the condition did not hold. */
  async #write(condition: { readonly IfMatch: string } | { readonly IfNoneMatch: '*' }, signal: AbortSignal): Promise<boolean> {
    const Body = JSON.stringify(this.#mine)
    try {
      const command = { ...this.#what, Body, ContentType: 'application/json', ...condition, ...encryptionOf(this.#bucket) }
      const { ETag } = await this.#bucket.raw(signal, ({ sdk, client }) => client.send(new sdk.PutObjectCommand(command), { abortSignal: signal }))
      this.#etag = ETag ?? ''
      this.#heard = performance.now()
      return true
    } catch (thrown) {
      if (signal.aborted) throw thrown
      if (isConflict(thrown) || isMissing(thrown)) return false
      throw s3Error(thrown, this.#bucket.place, 'write the lock')
    }
  }

  /** A write whose answer was lost is repeated by the SDK, and then finds itself in its way. */
  async #isMine(signal: AbortSignal): Promise<boolean> {
    const seen = await this.#look(signal)
    if (seen?.holder?.id !== this.#mine.id) return false
    this.#etag = seen.etag
    this.#heard = performance.now()
    return true
  }

  async acquire(signal: AbortSignal): Promise<void> {
    // Some servers make a bucket that is not there for whoever writes to it.
    await this.#bucket.head(this.#key, 'see the lock', signal)
    if (!(await this.#write({ IfNoneMatch: '*' }, signal)) && !(await this.#isMine(signal))) await this.#takeOver(signal)
    // A server that ignores conditions gives the lock to everyone who asks, and would write over backups.
    else if (await this.#write({ IfNoneMatch: '*' }, signal)) {
      await this.release()
      throw noConditions(this.#bucket.place)
    }
    this.#timer = setInterval(() => {
      this.#renewing = this.#renewing.then(() => this.#renew())
    }, RENEW)
    this.#timer.unref()
  }

  async #takeOver(signal: AbortSignal): Promise<void> {
    const seen = await this.#look(signal)
    const free = seen === null || seen.silent > STALE
    if (!free) throw locked(this.#bucket.where, seen)
    const taken = await this.#write(seen === null ? { IfNoneMatch: '*' } : { IfMatch: seen.etag }, signal)
    if (!taken && !(await this.#isMine(signal))) throw locked(this.#bucket.where, await this.#look(signal))
  }

  async #renew(): Promise<void> {
    const signal = AbortSignal.timeout(RENEW)
    try {
      this.#mine = { ...this.#mine, renewed: this.#mine.renewed + 1 }
      if (!(await this.#write({ IfMatch: this.#etag }, signal)) && !(await this.#isMine(signal)))
        this.#lost = locked(this.#bucket.where, await this.#look(signal))
    } catch {
      // Tried again soon; `check` counts how long it has not worked.
    }
  }

  /** Throws `store-locked` once it is another's, or could be. */
  check(): void {
    if (this.#lost === null && performance.now() - this.#heard < STALE - RENEW / 2) return
    throw new KdrError(this.#lost === null ? `the lock on ${this.#bucket.where} could not be renewed` : `lost the lock: ${this.#lost.message}`, {
      code: 'store-locked',
      exit: 'locked',
      hint: 'nothing more is done to this store; run it again',
    })
  }

  async release(): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewing
    const signal = AbortSignal.timeout(RENEW)
    if (!(await this.#isMine(signal))) return
    await this.#bucket.run('release the lock', signal, ({ sdk, client }) => client.send(new sdk.DeleteObjectCommand(this.#what), { abortSignal: signal }))
  }
}

/** Locks of one store. What is written or removed while one of them is lost is not ours to write or remove. */
export const locksOf = (bucket: Bucket) => {
  const held = new Set<LockObject>()
  return {
    check: () => {
      for (const lock of held) lock.check()
    },
    /** Throws `store-locked` (exit 8), `store-unfit` where the server has no conditional writes. */
    take: async (key: string, holder: string, signal: AbortSignal): Promise<{ release(): Promise<void> }> => {
      const lock = new LockObject(bucket, key, holder)
      await lock.acquire(signal)
      held.add(lock)
      return {
        release: async () => {
          if (held.delete(lock)) await lock.release()
        },
      }
    },
  }
}
