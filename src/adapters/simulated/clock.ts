// Virtual time: it stands still while anything can run, and jumps to the next event when everything
// waits. One event at a time, in order of time and then of asking, so that concurrent sleepers always
// interleave the same way.
import { getEventListeners, setMaxListeners } from 'node:events'
import process from 'node:process'
import type { Clock } from '../../ports/clock.ts'
import type { Instant, Millis } from '../../units.ts'
import type { Life } from './life.ts'
import type { Random } from './random.ts'

interface Event {
  readonly at: Millis
  readonly order: number
  readonly run: () => void
  /** Somebody sleeps until then. A deadline or a change in the world alone never moves time. */
  readonly awaited: boolean
  /** Somebody listens: a deadline that everybody has forgotten sets nothing off, and needs no turn of the event loop. */
  readonly noticed: () => boolean
}

const ALWAYS = () => true

/** Three in the morning, UTC: when virtual time is zero. */
export const EPOCH: Instant = Date.UTC(2026, 0, 15, 3, 0, 0)

/** File reads, such as a lazy import: real work that must end before time may move, or a run would depend on the disk's speed. */
const busyWithFiles = (): boolean => process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'))

export class VirtualTime {
  #now: Millis = 0
  #asked = 0
  #awaited = 0
  #calls = 0
  #pumping = false
  readonly #queue: Event[] = []

  now(): Millis {
    return this.#now
  }

  /** Runs `run` after `length`, in milliseconds. Returns what cancels it. */
  after(length: Millis, run: () => void, awaited = false, noticed = ALWAYS): () => void {
    this.#asked += 1
    const event: Event = { at: this.#now + Math.max(0, length), order: this.#asked, run, awaited, noticed }
    this.#queue.splice(this.#placeOf(event), 0, event)
    if (awaited) this.#awaited += 1
    this.#pump()
    return () => this.#remove(event)
  }

  /** A port call is under way: time may move for it even if nobody sleeps. Returns what ends it. */
  begin(): () => void {
    this.#calls += 1
    this.#pump()
    return () => {
      this.#calls -= 1
    }
  }

  #placeOf(event: Event): number {
    let low = 0
    let high = this.#queue.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#queue[middle] as Event
      if (other.at < event.at || (other.at === event.at && other.order < event.order)) low = middle + 1
      else high = middle
    }
    return low
  }

  #remove(event: Event): void {
    const at = this.#placeOf(event)
    if (this.#queue[at] !== event) return
    this.#queue.splice(at, 1)
    if (event.awaited) this.#awaited -= 1
  }

  #wanted(): boolean {
    return this.#queue.length > 0 && this.#awaited + this.#calls > 0
  }

  /** Two turns of the event loop: whatever the last event set off, one setImmediate of its own included, has run by then. */
  #pump(): void {
    if (this.#pumping || !this.#wanted()) return
    this.#pumping = true
    setImmediate(() => setImmediate(() => this.#turn()))
  }

  #turn(): void {
    this.#pumping = false
    if (!this.#wanted()) return
    if (busyWithFiles()) {
      this.#pump()
      return
    }
    try {
      while (this.#wanted() && !this.#next());
    } finally {
      this.#pump()
    }
  }

  /** Whether anybody may have noticed. */
  #next(): boolean {
    const event = this.#queue[0] as Event
    this.#remove(event)
    this.#now = Math.max(this.#now, event.at)
    const noticed = event.noticed()
    event.run()
    return noticed
  }
}

const sleepIn = (time: VirtualTime, length: Millis, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const aborted = () => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = time.after(
      length,
      () => {
        signal?.removeEventListener('abort', aborted)
        resolve()
      },
      true,
    )
    signal?.addEventListener('abort', aborted, { once: true })
  })

/** One for each length: most of what a run in virtual time costs would be stack traces that nobody reads. */
const reasons = new Map<Millis, DOMException>()
const tooLate = (length: Millis): DOMException => {
  const reason = reasons.get(length) ?? new DOMException(`no answer within ${length} ms`, 'TimeoutError')
  reasons.set(length, reason)
  return reason
}

const deadlineIn = (time: VirtualTime, length: Millis, parent?: AbortSignal): AbortSignal => {
  if (parent?.aborted === true) return AbortSignal.abort(parent.reason)
  const controller = new AbortController()
  // A survey makes all its calls on one signal, a run has all its deadlines under one: many listeners are not a leak.
  setMaxListeners(0, controller.signal, ...(parent === undefined ? [] : [parent]))
  const early = () => {
    cancel()
    controller.abort(parent?.reason)
  }
  const late = () => {
    parent?.removeEventListener('abort', early)
    controller.abort(tooLate(length))
  }
  const cancel = time.after(length, late, false, () => getEventListeners(controller.signal, 'abort').length > 0)
  parent?.addEventListener('abort', early, { once: true })
  return controller.signal
}

/** The port, as one process life sees it. Sleeping in a killed life throws `Killed`. */
export const createClock = (time: VirtualTime, random: Random, life: Life): Clock => ({
  now: () => EPOCH + time.now(),
  monotonic: () => time.now(),
  sleep: async (length, signal) => {
    life.check()
    await sleepIn(time, length, signal)
    life.check()
  },
  randomHex: (bytes) => random.hex(bytes),
  deadline: (length, parent) => deadlineIn(time, length, parent),
})

/** Virtual milliseconds for the world itself, whoever still lives. */
export const pass = sleepIn
