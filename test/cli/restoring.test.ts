// Backups from which a restore of this machine has not come to its end: pruning would take its source away.
import { expect, it } from 'vitest'
import { createSimulation } from '../../src/adapters/simulated/open.ts'
import { restoredFrom } from '../../src/cli/restoring.ts'
import { encode } from '../../src/engine/codec.ts'
import { Journal } from '../../src/engine/journal.ts'

const DAY = 86_400_000
const NAME = 'full_backup_20261123_031500'

const stage = () => {
  const { store, clock } = createSimulation({ seed: 1, mode: 'kraft' })
  let runs = 0
  return {
    store,
    now: () => clock.now(),
    begin: (
      where: string,
      how: { readonly scenario?: string; readonly mode?: 'scripted' | 'dry-run'; readonly acted?: boolean; readonly ended?: 'recovered' | 'stopped' } = {},
    ) => {
      const { scenario = 'restore-backup', mode = 'scripted', acted = true, ended } = how
      runs += 1
      const run = `20261123-031500-${scenario}-00000${runs}`
      const journal = new Journal(store.create(run), { clock, redact: (text) => text, events: () => {}, check: () => {} })
      journal.record({
        type: 'run.started',
        schema: 'kdr/events/1',
        run,
        scenario,
        title: 'Restore a backup',
        cluster: 'lab',
        platform: 'simulated',
        identity: 'lab',
        options: encode({ store: where, name: NAME }),
        mode,
        actor: { user: 'root', host: 'here', pid: 1 },
        rtoTargetSeconds: 1,
        rpoTargetRecords: 0,
        pastRunsSeconds: [],
        fence: 1,
        planDigest: 'digest',
      })
      const preview = { sentence: 'Create topics', changes: [], commands: [] }
      if (acted) journal.record({ type: 'step.intent', step: 's', key: 's', effect: 'change', target: null, preview })
      const ending = { rtoSeconds: null, rpoRecords: null, why: '', hint: null }
      if (ended !== undefined) journal.record({ type: 'run.finished', run, outcome: ended, exitCode: 0, ...ending })
      return run
    },
  }
}

it('are those of restores that run, were killed, or stopped part-way', () => {
  const { store, now, begin } = stage()
  const open = [begin('/b'), begin('/b', { ended: 'stopped' })]
  begin('/b', { ended: 'recovered' })
  begin('/b', { acted: false, ended: 'stopped' })
  begin('/b', { mode: 'dry-run' })
  begin('/b', { scenario: 'single-broker' })
  begin('/elsewhere')
  expect(restoredFrom(store, '/b', now())).toEqual(expect.arrayContaining(open.map((run) => ({ backup: NAME, run }))))
  expect(restoredFrom(store, '/b', now())).toHaveLength(2)
  expect(restoredFrom(store, '/b', now() + 8 * DAY)).toEqual([])
})
