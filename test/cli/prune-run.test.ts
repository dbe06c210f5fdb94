// A pruning that breaks off half-way: how many are gone, how many are left, and what to do next, in the error, in the
// journal, and after a second Ctrl-C.
import { describe, expect, it } from 'vitest'
import { createSimulation } from '../../src/adapters/simulated/open.ts'
import { holdingsOf } from '../../src/archive/prune/holdings.ts'
import { planPrune } from '../../src/archive/prune/plan.ts'
import { type RemovalRecord, removalsOf, remove } from '../../src/archive/prune/remove.ts'
import { listenForSignals } from '../../src/cli/interruption.ts'
import type { Invocation } from '../../src/cli/invocation.ts'
import { beginPruneRun, endOf } from '../../src/cli/prune-run.ts'
import { readJournal } from '../../src/engine/journal.ts'
import { KdrError } from '../../src/errors.ts'
import type { BackupStore } from '../../src/ports/backup-store.ts'
import { memoryStore } from '../archive/memory-store.ts'
import { never, writeSample } from '../archive/sample.ts'

const A = 'full_backup_20250101_000000'
const B = 'full_backup_20250102_000000'
const C = 'full_backup_20250103_000000'
const D = 'full_backup_20250104_000000'

const stage = async () => {
  const { store: runs, clock } = createSimulation({ seed: 1, mode: 'kraft' })
  const store = memoryStore()
  for (const name of [A, B, C, D]) {
    const date = `${name.slice(12, 16)}-${name.slice(16, 18)}-${name.slice(18, 20)}T00:00:00Z`
    await writeSample({ store, name, date, chain: { id: name, sequence: 0, parent: null } })
  }
  const plan = planPrune(await holdingsOf(store, never), { keepFull: 1 }, Date.parse('2026-01-01'))
  const said: string[] = []
  const exits: number[] = []
  const interruption = listenForSignals({ on: () => {}, exit: (code: number) => exits.push(code) } as unknown as NodeJS.Process, (text) => said.push(text))
  const invocation = {
    terminal: { redact: (text: string) => text, interactive: false },
    interruption,
    options: {},
    globals: {},
    env: {},
    args: [],
  } as unknown as Invocation
  const run = beginPruneRun(invocation, { store: runs, clock, actor: { user: 'ann', host: 'here', pid: 1 } }, store.where, plan, {
    keepFull: 1,
  })
  return { store, plan, run, said, exits, interruption, lines: () => readJournal(runs.find(run.id)).lines }
}

/** Which fails at the archive of `name`, when its sidecar is gone already. */
const failing = (store: BackupStore, name: string): BackupStore => ({
  ...store,
  remove: async (names, signal) => {
    if (names[0] !== `${name}.manifest.json`) return store.remove(names, signal)
    await store.remove(names.slice(0, 1), signal)
    throw new KdrError('the bucket does not answer', { code: 'store-unreachable', hint: 'see the network' })
  },
})

const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (thrown: unknown) => thrown,
  )

describe('a pruning that breaks off', () => {
  it('says how many are gone and how many are left, and what was begun is still a backup', async () => {
    const { store, plan, run, lines } = await stage()
    const thrown = await thrownBy(remove(failing(store, B), removalsOf(plan), run.record, never))
    const told = run.failed(thrown)
    expect(told).toMatchObject({
      code: 'store-unreachable',
      exit: 'failed',
      message: `the pruning of memory broke off: 1 of 3 deletions made, 2 left, of which ${B} may be gone in part: the bucket does not answer`,
      hint: `see the network; kdr runs show ${run.id} says what is gone, kdr backup prune --store memory plans anew`,
    })
    expect([...store.objects.keys()].sort()).toEqual([B, C, D].flatMap((name) => [`${name}.manifest.json`, `${name}.tar.gz`]).sort())
    expect(lines().at(-2)).toMatchObject({ type: 'step.failed', key: `delete-backup/${B}`, kind: 'failed' })
    expect(lines().at(-1)).toMatchObject({ type: 'run.finished', outcome: 'failed', exitCode: 1 })
  })

  it('is as it was where nothing was begun', async () => {
    const { run } = await stage()
    const refused = new KdrError('the store changed', { code: 'plan-outdated', exit: 'refused' })
    expect(run.failed(refused)).toBe(refused)
  })

  it('says so where it is interrupted, and offers no resuming', async () => {
    const { store, plan, run, said, exits, interruption } = await stage()
    const record: RemovalRecord = {
      ...run.record,
      announce: (removal) => {
        if (removal.name === B) interruption.raise('SIGINT')
        run.record.announce(removal)
      },
    }
    const pruned = await remove(store, removalsOf(plan), record, interruption.signal)
    expect(endOf(plan, pruned, 'interrupted')).toEqual({ exit: 'stopped', why: '2 deletions made, then interrupted with 1 left' })
    interruption.raise('SIGINT')
    expect(said.join('\n')).toContain('kdr backup prune --store memory plans anew')
    expect(said.join('\n')).not.toContain('runs resume')
    expect(exits).toEqual([6])
  })
})
