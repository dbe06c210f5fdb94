// The step that takes the danger out of every start: while unclean election is on, a stale replica that
// comes back first is elected, and what only the others had is cut off (KIP-106).
import { act, type Decision, decide, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { governed } from '../../judgement/guards.ts'
import { brokerStatus } from '../../judgement/status.ts'
import type { Survey } from '../../model/survey.ts'
import { isProjected, withUncleanOff, withUncleanSeen } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'

interface Topics {
  readonly topics: readonly string[]
}

const KEY = 'unclean.leader.election.enable'

/** A dry run goes on from brokers that do not answer yet. */
const LATER = 'it is looked at as soon as one of them answers'

const anyoneUp = (now: Survey): boolean => now.brokers.known && now.brokers.value.some(({ id }) => brokerStatus(now, id).status === 'up')

/** KRaft's controllers take it themselves where no broker answers (KIP-919); what is on record then came from them. */
const byControllers = ({ coordination }: Survey): boolean => coordination.known && coordination.value.kind === 'kraft'

const allowing = ({ partitions }: Survey): readonly string[] =>
  partitions.known ? partitions.value.topics.filter(({ uncleanElection }) => uncleanElection.known && uncleanElection.value).map(({ name }) => name) : []

export interface UncleanSeen {
  readonly on: readonly string[]
}

/** Looked at before each start: where it was ever on, what was elected meanwhile may be stale. */
export const seeUnclean = (): Decision<UncleanSeen> =>
  decide<UncleanSeen>({
    id: 'see-unclean',
    title: 'See whether unclean election is on',
    why: 'Where it is, whoever was started before may have been elected although it was stale.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(2), deadline: minutes(1) },
    resolve: async (world) => ({ target: { on: allowing(await world.survey()) } }),
    preview: (_, commands) => ({
      sentence: 'look where unclean election is on',
      changes: [],
      commands: [commands.kafka('kafka-configs', ['--describe', '--entity-type', 'topics'])],
    }),
    expect: (now) => (isProjected(now) && anyoneUp(now) ? withUncleanSeen(now) : now),
    done: (_, { on }) => ({ state: 'done', detail: on.length === 0 ? 'on nowhere, as far as it can be seen' : `on for ${few(on)}` }),
  })

export const disableUnclean = (): Step =>
  act<Topics>({
    id: 'disable-unclean',
    title: 'Switch unclean election off wherever it is on',
    why: 'With it on, the first broker to come back may be elected although it is stale, and the others truncate to it.',
    effect: 'change',
    aspects: ['partitions'],
    budget: { expected: seconds(5), deadline: minutes(1) },
    guards: [governed()],
    resolve: async (world) => {
      const now = await world.survey()
      const topics = allowing(now)
      if (topics.length > 0 && (anyoneUp(now) || byControllers(now))) return { target: { topics } }
      if (!anyoneUp(now)) return { nothing: 'no broker answers yet: it is looked at again before each start' }
      if (!now.partitions.known && isProjected(now)) return { nothing: LATER }
      if (!now.partitions.known) return { unknown: `whether unclean election is on was not seen: ${now.partitions.why}` }
      const blind = now.partitions.value.topics.filter(({ uncleanElection }) => !uncleanElection.known).map(({ name }) => name)
      if (blind.length > 0 && isProjected(now)) return { nothing: LATER }
      if (blind.length > 0) return { unknown: `whether unclean election is on for ${few(blind)} was not seen` }
      return { nothing: `it is off for all ${now.partitions.value.topics.length} topics` }
    },
    preview: ({ topics }, commands) => ({
      sentence: `set ${KEY}=false on ${topics.length} topics: ${few(topics)}`,
      changes: ['it stays off afterwards; to go back to what was set before, delete or change the override on each topic'],
      commands: topics.slice(0, 5).map((topic) => commands.kafka('kafka-configs', ['--alter', '--topic', topic, '--add-config', `${KEY}=false`])),
    }),
    act: async (world, { topics }, signal) => {
      for (const name of topics) await world.change.kafka.alterConfigs({ type: 'topic', name }, { [KEY]: 'false' }, signal)
      return undefined
    },
    expect: (now) => withUncleanOff(now),
    done: (now, { topics }) => {
      if (!now.partitions.known) return { state: 'unknown', detail: `the topics were not seen: ${now.partitions.why}` }
      const table = now.partitions.value
      const left = topics.filter((name) => {
        const unclean = table.topic(name)?.uncleanElection
        return unclean !== undefined && (!unclean.known || unclean.value)
      })
      if (left.length === 0) return { state: 'done', detail: `off for ${few(topics)}` }
      // Nobody switches the rest off but us: after a crash half-way it has to be offered again.
      return { state: 'not-started', detail: `still on, or not seen, for ${few(left)}` }
    },
  })
