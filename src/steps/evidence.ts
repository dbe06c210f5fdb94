// Evidence before anything is changed: logs of the dead incarnation and the one before it, and what was
// surveyed, into the run's folder. What a restart overwrites is gone for the postmortem.
import { type Decision, decide, look, type Step } from '../engine/step.ts'
import { within } from '../engine/within.ts'
import { wordsOf } from '../errors.ts'
import { classifyFailure } from '../judgement/classify.ts'
import { partitionName } from '../model/partitions.ts'
import type { Survey } from '../model/survey.ts'
import type { ReadWorld } from '../ports/world.ts'
import { minutes, seconds } from '../units.ts'
import type { FailedBroker } from './failed-broker.ts'

export interface Kept {
  readonly files: readonly string[]
  readonly missing: readonly string[]
}

const LOG_LINES = 5000
/** Partitions written out one by one; the counts cover all of them. */
const ROWS = 2000

/** Decided, so that a resumed run keeps what was found first instead of overwriting it. */
export const captureEvidence = ({ from }: { readonly from: Decision<FailedBroker> }): Decision<Kept> =>
  decide<Kept>({
    id: 'capture-evidence',
    title: 'Capture evidence',
    why: 'Logs of the dead process and the cluster as it was found; a restart overwrites what explains the failure.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(1) },
    resolve: async (world) => ({ target: await captureMembers(world, [from.value().member]) }),
    preview: (_, commands) => ({ sentence: 'keep logs and metadata in the folder of the run', changes: [], commands: [commands.logs(from.value().member)] }),
    expect: (now) => now,
    done: (_, { files, missing }) => ({
      state: 'done',
      detail: `kept ${files.join(', ')}${missing.length > 0 ? `; not to be had: ${missing.join(', ')}` : ''}`,
    }),
  })

/** Logs of the members, of this incarnation and the one before it, and the survey. */
export const captureMembers = async (world: ReadWorld, members: readonly string[]): Promise<Kept> => {
  const files: string[] = []
  const missing: string[] = []
  for (const member of members) {
    for (const previous of [false, true]) {
      const name = `${member}${previous ? '.previous' : ''}.log`
      try {
        const lines = await readLog(world, member, previous)
        if (lines.length === 0) missing.push(`${name} (empty)`)
        else files.push(world.evidence(name, `${lines.join('\n')}\n`))
      } catch (thrown) {
        missing.push(`${name} (${wordsOf(thrown)})`)
      }
    }
  }
  files.push(
    world.evidence(
      'survey.json',
      `${JSON.stringify(plainSurvey(await world.survey()), (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 1)}\n`,
    ),
  )
  return { files, missing }
}

/** A dead disk may be why the broker died: reading from it must not take the run with it. */
const readLog = (world: ReadWorld, member: string, previous: boolean): Promise<readonly string[]> => {
  const limit = world.clock.deadline(seconds(15))
  return within(world.platform.logs(member, { tail: LOG_LINES, previous }, limit), limit)
}

/** A survey as JSON can hold it: the partition table as counts and rows. */
const plainSurvey = (survey: Survey): unknown => {
  const { partitions, ...rest } = survey
  if (!partitions.known) return { ...rest, partitions }
  const rows = Array.from(partitions.value.rows())
  const interesting = rows.filter(({ leader, isr, replicas }) => leader < 0 || isr.length < replicas.length)
  const kept = (interesting.length > 0 ? interesting : rows).slice(0, ROWS)
  return {
    ...rest,
    partitions: {
      by: partitions.by,
      topics: partitions.value.topics.length,
      count: rows.length,
      notInSync: interesting.length,
      rows: kept.map((row) => ({ name: partitionName(row), ...row })),
    },
  }
}

interface Class {
  readonly kind: string
  readonly because: string
}

/** Stops the run where a restart cannot help or would hurt, with what to do instead. */
export const classifyStep = ({ from }: { readonly from: Decision<FailedBroker> }): Step =>
  look<Class>({
    id: 'classify-failure',
    title: 'Classify the failure',
    why: 'A full disk, a wrong identity or a missing node is not healed by a restart, and log recovery is only lengthened by one.',
    effect: 'read',
    aspects: ['signals'],
    budget: { expected: seconds(3), deadline: minutes(1) },
    resolve: async (world) => {
      const { kind, restart, because, instead } = classifyFailure(await world.survey(), from.value().broker)
      if (restart === 'no') return { blocked: `${kind}: ${because}`, ...(instead === null ? {} : { hint: instead }) }
      // A restart brings it back; what keeps it from happening again is said too.
      return { target: { kind, because: instead === null ? because : `${because}; ${instead}` } }
    },
    preview: ({ kind }, commands) => ({ sentence: `the failure looks like: ${kind}`, changes: [], commands: [commands.logs(from.value().member)] }),
    expect: (now) => now,
    done: (_, { kind, because }) => ({ state: 'done', detail: `${kind}: ${because}` }),
  })
