// Memory for batches on their way, shared by all partitions: however many are read side by side and however
// large their batches are, no more than this is under way, but for one batch that alone is larger.

interface Waiting {
  readonly bytes: number
  readonly go: () => void
}

export class Memory {
  readonly #limit: number
  #used = 0
  readonly #waiting: Waiting[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** False where it would have to wait; nobody who waits is overtaken. */
  tryTake(bytes: number): boolean {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) return false
    this.#used += bytes
    return true
  }

  /** Whoever waits must hold nothing himself, or all might wait for one another. Rejects with the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.tryTake(bytes)) return
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        bytes,
        go: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        this.#admit()
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiting)
    })
  }

  /** Takes more, or less where negative, without waiting: what a fetch brought is there already. */
  adjust(bytes: number): void {
    this.#used += bytes
    this.#admit()
  }

  give(bytes: number): void {
    this.adjust(-bytes)
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#limit
  }

  #admit(): void {
    for (let [first] = this.#waiting; first !== undefined && this.#fits(first.bytes); [first] = this.#waiting) {
      this.#waiting.shift()
      this.#used += first.bytes
      first.go()
    }
  }
}
