// Verification: the RTO clock stops here, and only here. Unknown never becomes PASS.
import { look, type Progress, type Step } from '../engine/step.ts'
import { few } from '../judgement/evidence.ts'
import { type Check, checkHealth, type Thresholds } from '../judgement/health.ts'
import { lossBound } from '../judgement/objectives.ts'
import { isKnownFalse, type Known, known, unknown } from '../model/known.ts'
import { type Aspect, brokerOf, type Survey } from '../model/survey.ts'
import { formatDuration, type Instant, type Millis, minutes, seconds } from '../units.ts'
import { canaryThrough } from './canary.ts'

/** Worth saying, but not what a recovered broker is measured by. */
const BESIDES: ReadonlySet<string> = new Set(['disk', 'leader-balance'])

const failing = (checks: readonly Check[]): readonly string[] =>
  checks.filter(({ result }) => result !== 'PASS').map(({ result, title, detail }) => `${title}: ${result}, ${detail}`)

/** What a recovery is verified about. */
export interface Proof {
  /** Brokers through which a canary record has to have come back. */
  readonly through: () => readonly number[]
  /** The cluster as this life of the run found it; null in a resumed one. */
  readonly before: () => Survey | null
  /** Partitions of which a stale replica may have been elected since the run began. */
  readonly inDoubt: () => readonly string[]
  readonly thresholds: Thresholds
  /** Checks of the scenario's own, besides those of every cluster. */
  readonly also?: (now: Survey) => readonly Check[]
  /** What those look at besides. */
  readonly alsoLooks?: readonly Aspect[]
  /** The part of the picture that has to be well; all of it when left out. */
  readonly scope?: (now: Survey) => Survey
  /** Acknowledged records lost, where the scenario knows better than the ISRs on record. */
  readonly lost?: (now: Survey) => Known<number>
}

interface Proven {
  readonly brokers: readonly number[]
  readonly inDoubt: readonly string[]
}

const all = (survey: Survey): Survey => survey

export const verifyRecovery = ({ through, before, inDoubt, thresholds, also, alsoLooks = [], scope = all, lost }: Proof): Step =>
  look<Proven>({
    id: 'verify-recovery',
    title: 'Verify the recovery',
    why: 'Every expected broker, every partition at full ISR with a leader, and a record through each broker that was brought back.',
    effect: 'read',
    proves: 'recovery',
    aspects: ['members', 'brokers', 'coordination', 'partitions', 'log-dirs', 'reassigning', ...alsoLooks],
    budget: { expected: seconds(5), deadline: minutes(5) },
    resolve: async () => ({ target: { brokers: through(), inDoubt: inDoubt() } }),
    preview: ({ brokers }, commands) => ({
      sentence: `check that ${brokers.length === 0 ? '' : `broker ${brokers.join(', ')} and `}the whole cluster ${brokers.length === 0 ? 'is' : 'are'} healthy`,
      changes: [],
      commands: [
        commands.kafka('kafka-topics', ['--describe', '--under-replicated-partitions']),
        commands.kafka('kafka-topics', ['--describe', '--unavailable-partitions']),
      ],
    }),
    expect: (now) => now,
    done: (now, { brokers }) => verified(now, brokers, [...checkHealth(scope(now), thresholds), ...(also?.(now) ?? [])]),
    loss: (now, target) => {
      if (lost !== undefined) return lost(now)
      const then = before()
      return then === null ? lossSince(now, target.inDoubt) : lossBound(then, now)
    },
  })

const verified = (now: Survey, brokers: readonly number[], all: readonly Check[]): Progress => {
  const checks = all.filter(({ id }) => !BESIDES.has(id))
  const besides = failing(all.filter(({ id }) => BESIDES.has(id)))
  const silent = brokers.filter((broker) => !canaryThrough(now, broker))
  const wrong = [...failing(checks), ...(silent.length === 0 ? [] : [`no canary record came back through broker ${few(silent)}`])]
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
  readonly brokers: readonly { readonly id: number; readonly incarnation: string }[]
}

/** Two samples an interval apart (and every look between them): reported on its own, outside the RTO. */
export const checkStability = ({
  through,
  thresholds,
  also,
  alsoLooks = [],
  scope = all,
  interval,
}: Omit<Proof, 'before' | 'inDoubt' | 'lost'> & { readonly interval: Millis }): Step =>
  look<Sample>({
    id: 'check-stability',
    title: `Check that it stays so for ${formatDuration(interval)}`,
    why: 'What comes back and goes again has not been recovered.',
    effect: 'read',
    proves: 'stability',
    aspects: ['members', 'brokers', 'coordination', 'partitions', 'reassigning', ...alsoLooks],
    budget: { expected: interval, deadline: interval + minutes(2) },
    resolve: async (world) => {
      const now = await world.survey()
      return { target: { since: now.takenAt, brokers: through().map((id) => ({ id, incarnation: incarnationOf(now, id) })) } }
    },
    preview: () => ({ sentence: `look again for ${formatDuration(interval)}`, changes: [], commands: [] }),
    expect: (now) => now,
    done: (now, { since, brokers }) => {
      const checks = [...checkHealth(scope(now), thresholds), ...(also?.(now) ?? [])]
      const wrong = failing(checks.filter(({ id }) => !BESIDES.has(id))).join('; ')
      const settled = wrong === '' && now.takenAt - since >= interval
      const detail = settled ? `healthy for ${formatDuration(now.takenAt - since)}` : wrong === '' ? 'healthy so far' : wrong
      const restarted = brokers.filter(({ id, incarnation }) => incarnationOf(now, id) !== incarnation).map(({ id }) => id)
      if (restarted.length > 0) return { state: 'under-way', detail, hopeless: `broker ${few(restarted)} was restarted meanwhile` }
      return settled ? { state: 'done', detail } : { state: 'under-way', detail }
    },
  })

const incarnationOf = (now: Survey, id: number): string => {
  const incarnation = brokerOf(now, id)?.incarnation
  return incarnation?.known === true ? incarnation.value.toString() : 'unknown'
}
