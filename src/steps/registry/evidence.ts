// Evidence of a registry before it is touched: logs, the survey, and what every instance still has in its
// memory, which a restart throws away.
import { type Decision, decide } from '../../engine/step.ts'
import { minutes, seconds } from '../../units.ts'
import { captureMembers, type Kept } from '../evidence.ts'
import type { FoundCase } from './case.ts'

export const captureRegistry = ({ value }: FoundCase): Decision<Kept> =>
  decide<Kept>({
    id: 'capture-registry',
    title: 'Capture evidence',
    why: 'Logs and what each instance holds by subject, version and id, as they were found: a restart overwrites both.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(2) },
    resolve: async (world) => ({ target: await captureMembers(world, value().members) }),
    preview: (_, commands) => ({
      sentence: 'keep logs and what the registry holds in the folder of the run',
      changes: [],
      commands: value().members.map((member) => commands.logs(member)),
    }),
    expect: (now) => now,
    done: (_, { files, missing }) => ({
      state: 'done',
      detail: `kept ${files.join(', ')}${missing.length > 0 ? `; not to be had: ${missing.join(', ')}` : ''}`,
    }),
  })
