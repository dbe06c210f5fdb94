// A majority that decides: the ZooKeeper servers or the KRaft controllers. Without more than half of them
// nothing is elected, registered or expired; what was decided before stays as it is.
import type { VirtualTime } from './clock.ts'
import type { Random } from './random.ts'
import { isUp, type SimMember } from './state.ts'

export class Ensemble {
  readonly members: readonly SimMember[]
  leader: number | null
  epoch = 1
  readonly #time: VirtualTime
  readonly #random: Random
  #electing = false
  #changed: () => void = () => undefined

  constructor(members: readonly SimMember[], time: VirtualTime, random: Random) {
    this.members = members
    this.#time = time
    this.#random = random
    this.leader = this.#highest()
  }

  get serving(): boolean {
    return this.leader !== null
  }

  onChange(changed: () => void): void {
    this.#changed = changed
  }

  /** After any member came up or went away. */
  review(): void {
    const majority = this.#majority()
    const leads = this.members.some((member) => member.id === this.leader && isUp(member))
    if (majority && leads) return
    const before = this.leader
    this.leader = null
    if (before !== null) this.#changed()
    if (majority && !this.#electing) this.#elect()
  }

  #elect(): void {
    this.#electing = true
    this.#time.after(this.#random.between(300, 900), () => {
      this.#electing = false
      if (!this.#majority()) return
      this.leader = this.#highest()
      this.epoch += 1
      this.#changed()
    })
  }

  #majority(): boolean {
    return this.members.filter(isUp).length * 2 > this.members.length
  }

  #highest(): number | null {
    const up = this.members.filter(isUp).map((member) => member.id)
    return up.length * 2 > this.members.length ? Math.max(...up) : null
  }
}
