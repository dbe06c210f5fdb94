// Which archives: the whole chain is opened and every link of it checked before anything is decided.
import type { RestoreOptions } from '../../archive/restore/options.ts'
import { type Decision, decide } from '../../engine/step.ts'
import { hours, seconds } from '../../units.ts'
import type { Chosen, Restoring } from './restoring.ts'

export const chooseBackup = (options: RestoreOptions, open: Restoring['open']): Decision<Chosen> =>
  decide<Chosen>({
    id: 'choose-backup',
    title: 'Read the backup from its first byte to its last',
    why: 'A chain with a missing link, or with one damaged byte, is refused before anything is created.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: hours(24) },
    resolve: async (world) => {
      const { archives, lossy } = await open(world, world.clock.deadline(hours(24)))
      const named = archives.at(-1)
      if (named === undefined) return { blocked: `${options.name} holds nothing` }
      if (lossy !== null && !options.acceptLossy)
        return { blocked: `${options.name} does not hold what was there: ${lossy}`, hint: 'repeat the command with --lossy to restore what it has' }
      if (options.toTime !== null && Number.isNaN(options.toTime)) return { blocked: 'the time to restore to is not a time' }
      const broken = archives.flatMap(({ manifest }) => (manifest.status === 'complete' ? [] : manifest.incomplete.map((why) => `${manifest.name}: ${why}`)))
      return {
        target: {
          name: named.manifest.name,
          archives: archives.map(({ sidecar }) => ({ name: sidecar.name, sha256: sidecar.manifest.sha256 })),
          status: archives.every(({ manifest }) => manifest.status === 'complete') ? 'complete' : 'incomplete',
          incomplete: broken,
          lossy,
          date: named.manifest.backup_date,
        },
      }
    },
    preview: ({ archives }) => ({
      sentence: `restore from ${archives.map(({ name }) => name).join(', then ')}`,
      changes: [],
      commands: [`kdr backup show ${options.name}`],
    }),
    expect: (now) => now,
    done: (_, { archives, status, date, incomplete, lossy }) => ({
      state: 'done',
      detail: [
        `${archives.length === 1 ? 'one archive' : `${archives.length} archives`} of ${date}, ${status}`,
        ...incomplete.slice(0, 3),
        ...(lossy === null ? [] : [`LOSSY: ${lossy}`]),
      ].join('; '),
    }),
  })
