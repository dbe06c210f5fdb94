// How a restore ends for a script: what is not all back is 20, also where an objective was missed.
import { describe, expect, it } from 'vitest'
import type { RestoreReport } from '../../src/archive/restore/options.ts'
import { ended } from '../../src/cli/restore.ts'
import type { RunResult } from '../../src/engine/interaction.ts'
import type { Exit } from '../../src/errors.ts'

const result = (exit: Exit): RunResult => ({
  run: 'r',
  outcome: 'recovered',
  exit,
  why: '',
  hint: null,
  rtoSeconds: null,
  rpoRecords: null,
  survey: null,
  finding: {},
  gates: [],
})
const report = (status: RestoreReport['status']): RestoreReport => ({
  schema: 'kdr/restore/1',
  name: 'full',
  what: 'all',
  status,
  topics: 1,
  records: 1,
  offsets: 'preserved',
  groups: 0,
  partitions: [],
  notRestored: [],
})

describe('the exit of a restore', () => {
  it.each<[Exit, RestoreReport['status'] | null, Exit]>([
    ['ok', 'complete', 'ok'],
    ['ok', 'incomplete', 'backupIncomplete'],
    ['breached', 'incomplete', 'backupIncomplete'],
    ['breached', 'complete', 'breached'],
    ['failed', 'incomplete', 'failed'],
    ['ok', null, 'ok'],
  ])('%s of one that is %s: %s', (exit, status, wanted) => {
    expect(ended(result(exit), status === null ? null : report(status)).exit).toBe(wanted)
  })
})
