// The run lock in memory: its holders are lives of the process, and a killed one is known to be gone.
import { KdrError } from '../../errors.ts'
import type { TargetIdentity } from '../../model/member.ts'
import type { HeldLock, Lock, LockHolder } from '../../ports/run-store.ts'
import type { Instant } from '../../units.ts'
import type { Life } from './life.ts'

interface Held {
  readonly holder: LockHolder
  readonly life: Life
}

export class LockTable {
  readonly held = new Map<string, Held>()
  #fence = 0

  nextFence(): number {
    this.#fence += 1
    return this.#fence
  }
}

const refusal = (holder: LockHolder, alive: boolean): KdrError =>
  new KdrError(`run ${holder.run} of ${holder.user}@${holder.host} (process ${holder.pid}${alive ? '' : ', gone'}) holds the lock`, {
    code: 'locked',
    exit: 'locked',
    hint: alive
      ? `wait for it, or take it over knowingly: --take-over ${holder.run}`
      : `resume it: kdr runs resume ${holder.run}, or take it over: --take-over ${holder.run}`,
  })

export const createLock = (table: LockTable, life: Life, now: () => Instant): Lock => ({
  covers: 'this simulation',
  acquire: async (target: TargetIdentity, run, takeOver): Promise<HeldLock> => {
    life.check()
    const current = table.held.get(target.identity)
    if (current !== undefined && takeOver !== current.holder.run && (current.life.alive || current.holder.run !== run)) {
      throw refusal(current.holder, current.life.alive)
    }
    const holder: LockHolder = {
      run,
      user: 'simulated',
      host: 'simulated',
      pid: 1000 + life.number,
      processStart: `life-${life.number}`,
      since: now(),
      fence: table.nextFence(),
    }
    table.held.set(target.identity, { holder, life })
    const holds = () => table.held.get(target.identity)?.holder.fence === holder.fence
    return {
      holder,
      check: () => {
        life.check()
        if (!holds())
          throw new KdrError(`the lock was taken over by run ${table.held.get(target.identity)?.holder.run ?? 'unknown'}`, {
            code: 'lock-lost',
            exit: 'locked',
          })
      },
      release: async () => {
        life.check()
        if (holds()) table.held.delete(target.identity)
      },
    }
  },
  inspect: async (target) => {
    life.check()
    const current = table.held.get(target.identity)
    return current === undefined ? null : { holder: current.holder, alive: current.life.alive }
  },
})
