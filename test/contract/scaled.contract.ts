// What a platform must do whose brokers are made by a set: say what it cannot see of members that were scaled away,
// look at their disks when asked, and start the one that was asked for, and nobody stale beside it.
import { beforeAll, describe, expect, it } from 'vitest'
import type { Member, Workload } from '../../src/model/member.ts'
import type { PlatformReader, PlatformWriter, WorkloadWriter } from '../../src/ports/platform.ts'
import type { Millis } from '../../src/units.ts'
import { codeOf, seen } from './subject.ts'

/** Three members, ids 1 to 3, of an ordered set; all run. */
export interface ScaledSubject {
  readonly platform: PlatformReader
  readonly write: PlatformWriter
  readonly names: readonly [string, string, string]
  soon(length?: Millis): AbortSignal
  sleep(length: Millis): Promise<void>
}

const LOOK = { replicas: false }

export const scaledContract = (name: string, setUp: () => Promise<ScaledSubject>): void => {
  describe(`${name}: members that a set makes`, () => {
    let subject: ScaledSubject
    let workloads: WorkloadWriter
    beforeAll(async () => {
      subject = await setUp()
      if (subject.write.workloads === null) throw new Error('this platform has no sets')
      workloads = subject.write.workloads
    })

    const all = async (): Promise<readonly Member[]> => {
      const members = await subject.platform.members(subject.soon())
      return subject.names.map((each) => members.find((member) => member.name === each)).filter((member) => member !== undefined)
    }
    const one = async (at: 0 | 1 | 2): Promise<Member> => {
      const found = (await all()).find((member) => member.name === subject.names[at])
      if (found === undefined) throw new Error(`${subject.names[at]} is not listed`)
      return found
    }
    const set = async (): Promise<Workload> => {
      const workload = seen((await one(0)).workload)
      if (workload === null) throw new Error('no set makes it')
      return workload
    }
    const states = async () => (await all()).map(({ state }) => seen(state))
    const eventually = async (wanted: readonly string[], look: () => Promise<readonly string[]> = states) => {
      for (let looks = 0; looks < 240; looks += 1) {
        if ((await look()).join() === wanted.join()) return
        await subject.sleep(500)
      }
      expect(await look()).toEqual(wanted)
    }
    const disks = async () =>
      (await all()).map(({ id, volumes }) => [id.known ? id.value : null, volumes.map(({ state }) => (state.known ? state.value : '')).join()])

    it('says of those that are scaled away that nobody looked at their disks', async () => {
      await workloads.scale(await set(), 0, subject.soon())
      await eventually(['stopped', 'stopped', 'stopped'])
      // A container has ended a moment before its pod is gone.
      await eventually(Array(3).fill('ScaledDown'), async () => (await all()).map(({ waiting }) => seen(waiting)?.reason ?? ''))
      const members = await all()
      expect(members.map(({ waiting, revives }) => [seen(waiting)?.reason, revives])).toEqual(Array(3).fill(['ScaledDown', 'never']))
      expect(members.flatMap(({ volumes }) => volumes.map(({ state, backing }) => [state.known, backing?.phase]))).toEqual(Array(3).fill([false, 'Bound']))
      expect(await set()).toMatchObject({ kind: 'StatefulSet', replicas: 0, first: 0, ordered: true })
    })

    it('looks at the disk that it is asked for, as long as nobody has it', async () => {
      expect(await codeOf(subject.write.inspect({ name: subject.names[2], uid: 'another' }, LOOK, subject.soon()))).toBe('member-changed')
      expect(await codeOf(subject.write.inspect({ name: 'nobody', uid: null }, LOOK, subject.soon()))).toBe('no-such-member')
      expect(await codeOf(subject.platform.replicas(subject.names[2], subject.soon()))).toBe('data-unreachable')
      await subject.write.inspect({ name: subject.names[2], uid: null }, LOOK, subject.soon(120_000))
      expect(await codeOf(subject.platform.replicas(subject.names[2], subject.soon()))).toBe('data-unreachable')
      expect((await disks())[2]).toEqual([3, 'intact'])
      expect((await disks())[1]).toEqual([null, ''])
    })

    it('starts the one that it is asked for, and no other', async () => {
      await subject.write.start({ name: subject.names[2], uid: null }, subject.soon(120_000))
      await eventually(['stopped', 'stopped', 'running'])
      expect(await set()).toMatchObject({ first: 2, replicas: 1 })
      expect(await codeOf(subject.write.inspect({ name: subject.names[2], uid: null }, LOOK, subject.soon()))).toBe('member-changed')
    })

    it('makes the set anew under what runs, keeping its manifest first', async () => {
      const { uid } = await one(2)
      const kept: string[] = []
      const stale = await set()
      await workloads.recreate(stale, { podManagementPolicy: 'Parallel', replicas: 1 }, (manifest) => kept.push(manifest), subject.soon(120_000))
      expect(await codeOf(workloads.recreate(stale, { podManagementPolicy: 'Parallel', replicas: 1 }, () => {}, subject.soon()))).toBe('workload-changed')
      expect(await set()).toMatchObject({ first: 2, replicas: 1, ordered: false })
      expect(seen((await one(2)).uid)).toBe(seen(uid))
      expect(kept).toHaveLength(1)
      expect(kept[0]).toContain('StatefulSet')
    })

    it('starts the lowest, and whoever is between', async () => {
      await subject.write.start({ name: subject.names[0], uid: null }, subject.soon(120_000))
      await eventually(['running', 'running', 'running'])
      expect(await set()).toMatchObject({ first: 0, replicas: 3 })
    })
  })
}
