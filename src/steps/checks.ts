// Verification: the RTO clock stops here, and only here. Unknown never becomes PASS.
import { type Decision, look, type Progress, type Step } from '../engine/step.ts'
import { type Check, checkHealth, type Thresholds } from '../judgement/health.ts'
import { lossBound } from '../judgement/objectives.ts'
import { isKnownFalse, type Known, known, unknown } from '../model/known.ts'
import { brokerOf, type Survey } from '../model/survey.ts'
import { formatDuration, type Instant, type Millis, minutes, seconds } from '../units.ts'
import { canaryThrough } from './canary.ts'
import type { FailedBroker, Found } from './failed-broker.ts'

/** Worth saying, but not what a recovered broker is measured by. */
const BESIDES: ReadonlySet<string> = new Set(['disk', 'leader-balance'])

const failing = (checks: readonly Check[]): readonly string[] =>
  checks.filter(({ result }) => result !== 'PASS').map(({ result, title, detail }) => `${title}: ${result}, ${detail}`)

export const verifyRecovery = ({ from, thresholds }: { readonly from: Found; readonly thresholds: Thresholds }): Step =>
  look<FailedBroker>({
    id: 'verify-recovery',
    title: 'Verify the recovery',
    why: 'Every expected broker, every partition at full ISR with a leader, and a record through the broker itself.',
    effect: 'read',
    proves: 'recovery',
    aspects: ['members', 'brokers', 'coordination', 'partitions', 'log-dirs', 'reassigning'],
    budget: { expected: seconds(5), deadline: minutes(5) },
    resolve: async () => ({ target: from.value() }),
    preview: ({ broker }, commands) => ({
      sentence: `check that broker ${broker} and the whole cluster are healthy`,
      changes: [],
      commands: [
        commands.kafka('kafka-topics', ['--describe', '--under-replicated-partitions']),
        commands.kafka('kafka-topics', ['--describe', '--unavailable-partitions']),
      ],
    }),
    expect: (now) => now,
    done: (now, { broker }) => verified(now, broker, thresholds),
    loss: (now, { inDoubt }) => {
      const before = from.before()
      return before === null ? lossSince(now, inDoubt) : lossBound(before, now)
    },
  })

const verified = (now: Survey, broker: number, thresholds: Thresholds): Progress => {
  const all = checkHealth(now, thresholds)
  const checks = all.filter(({ id }) => !BESIDES.has(id))
  const besides = failing(all.filter(({ id }) => BESIDES.has(id)))
  const wrong = [...failing(checks), ...(canaryThrough(now, broker) ? [] : [`no canary record came back through broker ${broker}`])]
  const measure = { done: checks.length + 1 - wrong.length, total: checks.length + 1, unit: 'checks' }
  return wrong.length === 0
    ? { state: 'done', detail: `${measure.total} checks passed${besides.length > 0 ? `; besides: ${besides.join('; ')}` : ''}`, measure }
    : { state: 'under-way', detail: wrong.join('; '), measure }
}

/** A resumed run no longer has the picture it began with, but it knows where a stale replica could have been elected. */
const lossSince = (now: Survey, inDoubt: readonly string[]): Known<number> => {
  const by = 'journal and survey'
  if (inDoubt.length > 0) return unknown(`it could not be ruled out for ${inDoubt.slice(0, 3).join(', ')}`, by)
  if (!now.partitions.known) return unknown(now.partitions.why, now.partitions.by)
  const { topics } = now.partitions.value
  const unclean = topics.find(({ uncleanElection }) => !isKnownFalse(uncleanElection))
  return unclean === undefined ? known(0, by) : unknown(`unclean election is not known to be off for ${unclean.name}`, by)
}

interface Sample {
  readonly since: Instant
  readonly incarnation: string
}

/** Two samples an interval apart (and every look between them): reported on its own, outside the RTO. */
export const checkStability = ({
  from,
  thresholds,
  interval,
}: {
  readonly from: Decision<FailedBroker>
  readonly thresholds: Thresholds
  readonly interval: Millis
}): Step =>
  look<Sample>({
    id: 'check-stability',
    title: `Check that it stays so for ${formatDuration(interval)}`,
    why: 'A broker that comes back and goes again has not been recovered.',
    effect: 'read',
    proves: 'stability',
    aspects: ['members', 'brokers', 'coordination', 'partitions', 'reassigning'],
    budget: { expected: interval, deadline: interval + minutes(2) },
    resolve: async (world) => {
      const now = await world.survey()
      return { target: { since: now.takenAt, incarnation: incarnationOf(now, from.value().broker) } }
    },
    preview: () => ({ sentence: `look again for ${formatDuration(interval)}`, changes: [], commands: [] }),
    expect: (now) => now,
    done: (now, { since, incarnation }) => {
      const wrong = failing(checkHealth(now, thresholds).filter(({ id }) => !BESIDES.has(id))).join('; ')
      const settled = wrong === '' && now.takenAt - since >= interval
      const detail = settled ? `healthy for ${formatDuration(now.takenAt - since)}` : wrong === '' ? 'healthy so far' : wrong
      if (incarnationOf(now, from.value().broker) !== incarnation)
        return { state: 'under-way', detail, hopeless: `broker ${from.value().broker} was restarted meanwhile` }
      return settled ? { state: 'done', detail } : { state: 'under-way', detail }
    },
  })

const incarnationOf = (now: Survey, id: number): string => {
  const incarnation = brokerOf(now, id)?.incarnation
  return incarnation?.known === true ? incarnation.value.toString() : 'unknown'
}
