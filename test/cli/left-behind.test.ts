// What is made of a lock whose process is gone: the same restore goes on, a run that did nothing is stepped over,
// and anything else stays locked.
import { describe, expect, it } from 'vitest'
import { createSimulation } from '../../src/adapters/simulated/open.ts'
import type { RestoreOptions } from '../../src/archive/restore/options.ts'
import { leftBehind } from '../../src/cli/left-behind.ts'
import { encode } from '../../src/engine/codec.ts'
import { Journal } from '../../src/engine/journal.ts'
import type { LockHolder } from '../../src/ports/run-store.ts'

const OPTIONS: RestoreOptions = {
  store: '/backups',
  name: 'full_backup_20261123_031500',
  what: 'all',
  topics: [],
  topicPrefix: null,
  toTime: 1_700_000_000_000,
  existing: 'refuse',
  offsets: 'auto',
  replicationFactor: null,
  bytesPerSecond: null,
  acceptLossy: false,
  groups: true,
}
const RUN = '20261123-031500-restore-backup-000001'
const never = new AbortController().signal

const stage = ({
  scenario = 'restore-backup',
  options = OPTIONS,
  began = true,
  ended = false,
  alive = false as boolean | 'unknown',
  user = 'root',
  run = RUN,
} = {}) => {
  const simulation = createSimulation({ seed: 1, mode: 'kraft' })
  const { store, clock, ports } = simulation
  const folder = store.create(RUN)
  const journal = new Journal(folder, { clock, redact: (text) => text, events: () => {}, check: () => {} })
  const identity = { cluster: 'lab', platform: 'simulated', identity: 'lab' } as const
  if (began)
    journal.record({
      type: 'run.started',
      schema: 'kdr/events/1',
      run: RUN,
      scenario,
      title: 'Restore a backup',
      ...identity,
      options: encode(options),
      mode: 'scripted',
      actor: { user: 'root', host: 'here', pid: 1 },
      rtoTargetSeconds: 1,
      rpoTargetRecords: 0,
      pastRunsSeconds: [],
      fence: 1,
      planDigest: 'digest',
    })
  if (ended)
    journal.record({
      type: 'run.finished',
      run: RUN,
      outcome: 'recovered',
      exitCode: 0,
      rtoSeconds: 1,
      rpoRecords: 0,
      why: 'done',
      hint: null,
      gates: [],
    } as never)
  const holder: LockHolder = { run, user: 'root', host: 'here', pid: 1, processStart: '1', since: 0, fence: 1 }
  const lock = { covers: 'a test', acquire: () => Promise.reject(new Error('nobody acquires')), inspect: async () => ({ holder, alive }) }
  return leftBehind({ lock, ports }, { store, actor: { user, host: 'here', pid: 2 } }, OPTIONS, never)
}

describe('a lock left behind', () => {
  it('by the same restore, killed, is gone on with', async () => {
    expect(await stage()).toMatchObject({ goOn: { run: RUN } })
  })

  it('by a run that wrote nothing, or had ended, is taken over', async () => {
    expect(await stage({ began: false })).toEqual({ takeOver: RUN })
    expect(await stage({ ended: true })).toEqual({ takeOver: RUN })
  })

  it('by another restore, or a recovery, stays', async () => {
    expect(await stage({ options: { ...OPTIONS, topicPrefix: 'x.' } })).toBeNull()
    expect(await stage({ scenario: 'single-broker' })).toBeNull()
  })

  it('of a run that is not known here is taken over only where it was our own restore', async () => {
    const other = '20261123-031500-restore-backup-000002'
    expect(await stage({ run: other })).toEqual({ takeOver: other })
    expect(await stage({ run: other, user: 'another' })).toBeNull()
    expect(await stage({ run: '20261123-031500-single-broker-000002' })).toBeNull()
  })

  it('stays where its process lives, or nobody can tell', async () => {
    expect(await stage({ alive: true })).toBeNull()
    expect(await stage({ alive: 'unknown' })).toBeNull()
  })
})
