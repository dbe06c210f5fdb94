// What every clock must do, whether its time is real or virtual.
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/ports/clock.ts'

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it resolved',
    (thrown) => thrown,
  )

export const clockContract = (name: string, setUp: () => Clock): void => {
  describe(`${name}: clock`, () => {
    const clock = setUp()

    it('passes the time it sleeps, on both its scales', async () => {
      const [wall, monotonic] = [clock.now(), clock.monotonic()]
      await clock.sleep(40)
      // A timer may fire a millisecond early, and a wall clock counts whole ones.
      expect(clock.monotonic() - monotonic).toBeGreaterThanOrEqual(39)
      expect(clock.now() - wall).toBeGreaterThanOrEqual(38)
      expect(Number.isInteger(clock.now())).toBe(true)
    })

    it('wakes sleepers in the order of their times', async () => {
      const woken: string[] = []
      const sleeper = async (label: string, length: number) => {
        await clock.sleep(length)
        woken.push(label)
      }
      await Promise.all([sleeper('last', 120), sleeper('first', 20), sleeper('second', 70)])
      expect(woken).toEqual(['first', 'second', 'last'])
    })

    it('wakes early with the reason of its signal', async () => {
      const reason = new Error('enough')
      expect(await caught(clock.sleep(10_000, AbortSignal.abort(reason)))).toBe(reason)
      const controller = new AbortController()
      const sleeping = caught(clock.sleep(10_000, controller.signal))
      const start = clock.monotonic()
      controller.abort(reason)
      expect(await sleeping).toBe(reason)
      expect(clock.monotonic() - start).toBeLessThan(5000)
    })

    it('aborts at a deadline, not before', async () => {
      const signal = clock.deadline(60)
      await clock.sleep(10)
      expect(signal.aborted).toBe(false)
      await clock.sleep(200)
      expect(signal.aborted).toBe(true)
      expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
    })

    it('ends a sleep at a deadline', async () => {
      expect(await caught(clock.sleep(10_000, clock.deadline(50)))).toMatchObject({ name: 'TimeoutError' })
    })

    it('aborts with its parent, for the same reason', () => {
      const reason = new Error('stopped')
      const parent = new AbortController()
      const signal = clock.deadline(10_000, parent.signal)
      expect(signal.aborted).toBe(false)
      parent.abort(reason)
      expect([signal.aborted, signal.reason]).toEqual([true, reason])
      expect(clock.deadline(10_000, parent.signal).reason).toBe(reason)
    })

    it('gives another random name each time', () => {
      const names = Array.from({ length: 50 }, () => clock.randomHex(8))
      for (const each of names) expect(each).toMatch(/^[0-9a-f]{16}$/)
      expect(new Set(names).size).toBe(50)
    })
  })
}
