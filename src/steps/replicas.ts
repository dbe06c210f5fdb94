// Steps about the replicas a broker hosts: back in the ISR, and leading where they are preferred.
import { act, type Decision, look, type Progress, type Step } from '../engine/step.ts'
import { classifyFailure } from '../judgement/classify.ts'
import { few } from '../judgement/evidence.ts'
import { governed } from '../judgement/guards.ts'
import { skewedLeaders } from '../judgement/leaders.ts'
import { failedDirs, failedDirsWords } from '../judgement/log-dirs.ts'
import { brokerStatus } from '../judgement/status.ts'
import { isKnownFalse } from '../model/known.ts'
import { partitionName } from '../model/partitions.ts'
import { brokerOf, memberOf, type Survey } from '../model/survey.ts'
import { isProjected, withBrokerBack, withLeadersPreferred } from '../survey/project.ts'
import { minutes, seconds } from '../units.ts'
import type { FailedBroker } from './failed-broker.ts'

type From = { readonly from: Decision<FailedBroker> }

export const awaitIsr = ({ from }: From): Step =>
  look<FailedBroker>({
    id: 'await-isr',
    title: 'Wait until its replicas are back in the ISR',
    why: 'Until then every partition it hosts has one copy fewer than it should.',
    effect: 'read',
    aspects: ['members', 'brokers', 'partitions', 'log-dirs'],
    budget: { expected: minutes(5), deadline: minutes(60) },
    resolve: async () => ({ target: from.value() }),
    preview: ({ broker }, commands) => ({
      sentence: `wait until every partition of broker ${broker} has it in its ISR`,
      changes: [],
      commands: [commands.kafka('kafka-topics', ['--describe', '--under-replicated-partitions'])],
    }),
    expect: (now, { broker }) => withBrokerBack(now, broker),
    done: (now, { broker, member }) => inSync(now, broker, member),
  })

const inSync = (now: Survey, broker: number, member: string): Progress => {
  const runs = memberOf(now, member)
  if (runs?.state.known === true && runs.state.value === 'pending') {
    const { restart, because, instead } = classifyFailure(now, broker)
    // Nobody starts it before somebody has mended that.
    if (restart === 'no') return { state: 'under-way', detail: because, hopeless: `${because}${instead === null ? '' : `; ${instead}`}` }
  }
  const registered = brokerOf(now, broker)?.registered
  if (runs?.state.known === true && runs.state.value !== 'running' && runs.revives === 'never' && registered !== undefined && isKnownFalse(registered)) {
    return { state: 'under-way', detail: `${member} is ${runs.state.value}`, hopeless: `broker ${broker} is down again: ${brokerStatus(now, broker).because}` }
  }
  if (!now.partitions.known) return { state: 'unknown', detail: `the partitions were not seen: ${now.partitions.why}` }
  const hosted = Array.from(now.partitions.value.rows()).filter(({ replicas }) => replicas.includes(broker))
  const back = hosted.filter(({ isr, leader }) => isr.includes(broker) && leader >= 0).length
  const measure = { done: back, total: hosted.length, unit: 'partitions in ISR' }
  const detail = `${back} of ${hosted.length} partitions of broker ${broker} have it in their ISR`
  if (back === hosted.length) return { state: 'done', detail, measure }
  // What is left on its other disks is copied all the same; only a restart makes it whole.
  return { state: 'under-way', detail, measure, ...(failedDirs(now, broker) === null ? {} : { hopeless: `${detail}; ${failedDirsWords(now, [broker])}` }) }
}

interface Skewed {
  /** null: whoever is preferred. */
  readonly broker: number | null
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

const preferred = (broker: number | null): string => (broker === null ? 'the preferred replicas' : `broker ${broker}`)
const lead = (broker: number | null): string => `${preferred(broker)} ${broker === null ? 'lead' : 'leads'}`

/** `of` null: everywhere. */
export const electPreferred = ({ of }: { readonly of: () => number | null }): Step =>
  act<Skewed>({
    id: 'elect-preferred',
    title: 'Give leadership back to the replicas that are preferred',
    why: 'The others carry its load until it leads again; kdr moves leaders only to replicas in the ISR.',
    effect: 'change',
    aspects: ['partitions'],
    budget: { expected: seconds(5), deadline: minutes(2) },
    guards: [governed()],
    resolve: async (world) => {
      const now = await world.survey()
      const broker = of()
      // A dry run from where nobody answers: who will lead what is seen then, and the gate may open.
      if (!now.partitions.known && isProjected(now)) return { target: { broker, partitions: [] } }
      if (!now.partitions.known) return { unknown: `the partitions were not seen: ${now.partitions.why}` }
      const partitions = skewedLeaders(now, broker ?? undefined)
      return partitions.length === 0 ? { nothing: `${lead(broker)} every partition that can be led so` } : { target: { broker, partitions } }
    },
    preview: ({ broker, partitions }, commands) => ({
      sentence: `elect ${preferred(broker)} as leader of ${partitions.length === 0 ? 'whatever others lead by then' : `${partitions.length} partitions`}`,
      changes: partitions.length === 0 ? [] : [`leaders of ${few(partitions.map(partitionName), 8)} move; clients follow within seconds`],
      commands: [commands.kafka('kafka-leader-election', ['--election-type', 'preferred', '--path-to-json-file', 'partitions.json'])],
    }),
    act: async (world, { partitions }, signal) => {
      await world.change.kafka.electLeaders('preferred', partitions, signal)
      return undefined
    },
    expect: (now, { partitions }) => withLeadersPreferred(now, partitions),
    done: (now, { broker, partitions }) => {
      if (!now.partitions.known) return { state: 'unknown', detail: `the partitions were not seen: ${now.partitions.why}` }
      const wanted = new Set(partitions.map(({ topic, partition }) => `${topic}-${partition}`))
      const left = skewedLeaders(now, broker ?? undefined).filter(({ topic, partition }) => wanted.has(`${topic}-${partition}`)).length
      const measure = { done: partitions.length - left, total: partitions.length, unit: 'leaders' }
      if (left === 0) return { state: 'done', detail: `${lead(broker)} again`, measure }
      return { state: left === partitions.length ? 'not-started' : 'under-way', detail: `${left} partitions still led by others`, measure }
    },
  })
