// A majority that decides: the ZooKeeper servers or the KRaft controllers. Without more than half of them
// nothing is elected, registered or expired; what was decided before stays as it is. A majority of empty disks
// elects one of them all the same, and what the cluster knew is gone.
import type { VirtualTime } from './clock.ts'
import type { Random } from './random.ts'
import { isUp, type SimMember } from './state.ts'

export class Ensemble {
  readonly members: readonly SimMember[]
  leader: number | null
  epoch = 1
  /** An empty disk was elected: everybody follows it to emptiness (ZooKeeper's db.autocreate, apache/kafka#12597). */
  emptied = false
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #elects: boolean
  #electing = false
  #changed: () => void = () => undefined

  constructor(members: readonly SimMember[], time: VirtualTime, random: Random, elects: boolean) {
    this.members = members
    this.#time = time
    this.#random = random
    this.#elects = elects
    this.leader = this.#best()
  }

  get serving(): boolean {
    return this.leader !== null
  }

  /** Takes part: leads, or follows with everything the leader has. */
  serves(member: SimMember): boolean {
    return this.serving && isUp(member) && member.disk === 'intact'
  }

  onChange(changed: () => void): void {
    this.#changed = changed
  }

  /** After any member came up or went away. */
  review(): void {
    const majority = this.#majority()
    const leads = this.members.some((member) => member.id === this.leader && isUp(member))
    if (majority && leads) {
      this.#sync()
      return
    }
    const before = this.leader
    this.leader = null
    if (before !== null) this.#changed()
    if (majority && this.#elects && !this.#electing) this.#elect()
  }

  #elect(): void {
    this.#electing = true
    this.#time.after(this.#random.between(300, 900), () => {
      this.#electing = false
      const best = this.#best()
      if (best === null) return
      this.leader = best
      this.epoch += 1
      const leader = this.members.find(({ id }) => id === best)
      if (leader?.disk === 'blank') {
        this.emptied = true
        leader.disk = 'intact'
      }
      this.#sync()
      this.#changed()
    })
  }

  /** Empty disks of those that follow are filled from the leader's. */
  #sync(): void {
    for (const member of this.members) {
      if (!isUp(member) || member.disk === 'intact') continue
      const { boot } = member
      this.#time.after(this.#random.between(500, 2500), () => {
        if (!this.serving || member.boot !== boot || !isUp(member) || member.disk === 'intact') return
        member.disk = 'intact'
        this.#changed()
      })
    }
  }

  #majority(): boolean {
    return this.members.filter(isUp).length * 2 > this.members.length
  }

  /** Who has data before who has none, then the highest id (FastLeaderElection.totalOrderPredicate). */
  #best(): number | null {
    if (!this.#majority()) return null
    const up = this.members.filter(isUp)
    const full = up.filter(({ disk }) => disk === 'intact')
    return Math.max(...(full.length > 0 ? full : up).map(({ id }) => id))
  }
}
