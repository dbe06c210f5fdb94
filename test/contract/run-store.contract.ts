// What must be true of journals, evidence and locks wherever they are kept: a line that was appended is
// there after any crash, and two runs never work on one target.
import { beforeEach, describe, expect, it } from 'vitest'
import type { TargetIdentity } from '../../src/model/member.ts'
import type { Lock, RunStore } from '../../src/ports/run-store.ts'
import { codeOf } from './subject.ts'

export interface StoreSubject {
  readonly store: RunStore
  /** The same disk, as a later process sees it. */
  later(): RunStore
  /** Appends these lines to a new run, dies half-way through `torn`, and gives the disk as a later process sees it. */
  crashWhileAppending(run: string, lines: readonly string[], torn: string): RunStore
  /** Permissions of a file in a run's folder; null where there are no files. */
  modeOf(run: string, path: string): number | null
}

export const runStoreContract = (name: string, setUp: () => StoreSubject): void => {
  describe(`${name}: run store`, () => {
    let subject: StoreSubject
    beforeEach(() => {
      subject = setUp()
    })

    it('keeps every line that was appended, in order', () => {
      const journal = subject.store.create('20260115-a').open()
      const lines = ['{"type":"run.started"}', '{"text":"ä ✓ \\n"}', '']
      for (const [at, line] of lines.entries()) {
        journal.append(line)
        // Durable as soon as append returns: another process sees it.
        expect(subject.later().find('20260115-a').read()).toEqual({ lines: lines.slice(0, at + 1), torn: false })
      }
      journal.close()
    })

    it('goes on with a journal where it ended', () => {
      const first = subject.store.create('20260115-b').open()
      first.append('one')
      first.close()
      const second = subject.later().find('20260115-b').open()
      second.append('two')
      second.close()
      expect(subject.later().find('20260115-b').read().lines).toEqual(['one', 'two'])
    })

    it('leaves a torn last line out, says so, and cuts it off before it goes on', () => {
      const later = subject.crashWhileAppending('20260115-c', ['one', 'two'], '{"type":"step.intent"}')
      const run = later.find('20260115-c')
      expect(run.read()).toEqual({ lines: ['one', 'two'], torn: true })
      const journal = run.open()
      journal.append('three')
      journal.close()
      expect(run.read()).toEqual({ lines: ['one', 'two', 'three'], torn: false })
    })

    it('does not find a run that is not there, nor begin one twice', async () => {
      expect(await codeOf(Promise.resolve().then(() => subject.store.find('20260115-none')))).toBe('run-not-found')
      subject.store.create('20260115-d')
      expect(() => subject.store.create('20260115-d')).toThrow()
    })

    it('lists the newest run first', () => {
      expect(subject.store.list()).toEqual([])
      for (const id of ['20260115-e', '20260116-f', '20260117-g']) subject.store.create(id)
      expect(subject.later().list()).toEqual(['20260117-g', '20260116-f', '20260115-e'])
    })

    it('keeps evidence apart, for its owner only, and overwrites none', () => {
      const run = subject.store.create('20260115-h')
      const [first, second] = [run.evidence('kafka1.log', 'one'), run.evidence('kafka1.log', 'two')]
      expect(first).not.toBe(second)
      expect(first).toContain('kafka1')
      const modes = [first, second].map((path) => subject.modeOf('20260115-h', path))
      expect(modes.every((mode) => mode === null || mode === 0o600)).toBe(true)
    })
  })
}

export interface LockSubject {
  readonly lock: Lock
  /** Another process that takes the lock for this run, and dies when told to. */
  elsewhere(run: string): Promise<{ die(): Promise<void> }>
}

const TARGET: TargetIdentity = { platform: 'process', cluster: 'lab', identity: '/labs/lab#1' }

export const lockContract = (name: string, setUp: () => LockSubject): void => {
  describe(`${name}: lock`, () => {
    let subject: LockSubject
    const refused = (run: string, takeOver: string | null = null) =>
      Promise.resolve()
        .then(() => subject.lock.acquire(TARGET, run, takeOver))
        .then(
          () => 'acquired',
          (thrown: unknown) => thrown,
        )
    beforeEach(() => {
      subject = setUp()
    })

    it('has one holder at a time, and names it', async () => {
      expect(await subject.lock.inspect(TARGET)).toBeNull()
      const held = await subject.lock.acquire(TARGET, 'run-1', null)
      expect(await subject.lock.inspect(TARGET)).toMatchObject({ holder: held.holder, alive: true })
      expect(await refused('run-2')).toMatchObject({ code: 'locked', exit: 'locked', message: expect.stringContaining('run-1') })
      held.check()
      await held.release()
      expect(await subject.lock.inspect(TARGET)).toBeNull()
    })

    it('keeps targets apart', async () => {
      const one = await subject.lock.acquire(TARGET, 'run-1', null)
      const other = await subject.lock.acquire({ ...TARGET, identity: '/labs/lab#2' }, 'run-2', null)
      one.check()
      other.check()
    })

    it('raises the fence with every holder', async () => {
      const fences: number[] = []
      for (const run of ['run-1', 'run-2', 'run-3']) {
        const held = await subject.lock.acquire(TARGET, run, null)
        await held.release()
        fences.push(held.holder.fence)
      }
      expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    })

    it('is taken over only from the run that is named, which then knows', async () => {
      const first = await subject.lock.acquire(TARGET, 'run-1', null)
      expect(await refused('run-2', 'run-9')).toMatchObject({ code: 'locked' })
      const second = await subject.lock.acquire(TARGET, 'run-2', 'run-1')
      expect(second.holder.fence).toBeGreaterThan(first.holder.fence)
      // A file tells at once, a Lease when it is next renewed.
      await expect.poll(() => codeOf(Promise.resolve().then(() => first.check())), { timeout: 15_000 }).toBe('lock-lost')
      await first.release()
      second.check()
    })

    it('belongs to a living process, even for its own run', async () => {
      const other = await subject.elsewhere('run-1')
      expect(await subject.lock.inspect(TARGET)).toMatchObject({ holder: { run: 'run-1' }, alive: true })
      expect(await refused('run-1')).toMatchObject({ code: 'locked' })
      await other.die()
    })

    it('goes back to its own run once that process is gone, and to no other', async () => {
      const other = await subject.elsewhere('run-1')
      await other.die()
      const left = await subject.lock.inspect(TARGET)
      expect(left).toMatchObject({ holder: { run: 'run-1' }, alive: false })
      expect(await refused('run-2')).toMatchObject({ code: 'locked' })
      const back = await subject.lock.acquire(TARGET, 'run-1', null)
      expect(back.holder.fence).toBeGreaterThan(left?.holder.fence ?? Number.POSITIVE_INFINITY)
      back.check()
    })
  })
}

export const LOCK_TARGET = TARGET
