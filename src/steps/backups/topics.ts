// Topics of a restore: those in the way deleted, those missing made, all of them set so that nothing expires or
// is refused while they are loaded, and set back in the end.
import type { TopicPlan } from '../../archive/restore/plan.ts'
import { changesTo } from '../../archive/restore/topic-configs.ts'
import { act, type Progress, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import { known } from '../../model/known.ts'
import type { Survey } from '../../model/survey.ts'
import type { NewTopic } from '../../ports/kafka-backup.ts'
import { withTopics } from '../../survey/project.ts'
import { each } from '../../survey/reading.ts'
import { minutes, plural } from '../../units.ts'
import { loadedBy, unplacedIn } from './extents.ts'
import { NOT_SEEN, overridesOf, type Restoring, removableOf, withDataOf } from './restoring.ts'

interface Topics {
  readonly topics: readonly string[]
}

/** Topics in one request: a controller makes thousands of partitions in it. */
const AT_ONCE = 50
/** Settings changed side by side. */
const WIDTH = 8

const plansOf = ({ plan }: Restoring, { topics }: Topics): readonly TopicPlan[] => {
  const wanted = new Set(topics)
  return plan.value().topics.filter(({ target }) => wanted.has(target))
}

const shapesOf = (plans: readonly TopicPlan[]) => plans.map(({ target, partitions, replicationFactor }) => ({ name: target, partitions, replicationFactor }))

const thereIn = (now: Survey, topics: readonly string[]): readonly string[] | null =>
  now.contents.known ? topics.filter((name) => now.contents.known && now.contents.value.topics.has(name)) : null

/** Topics of the plan that somebody else made meanwhile, with other partitions or replicas: brokers that create topics by themselves do. */
export const otherwise = (now: Survey, plans: readonly TopicPlan[]): readonly string[] =>
  plans.flatMap(({ target, partitions, replicationFactor }) => {
    const there = now.contents.known ? now.contents.value.topics.get(target) : undefined
    if (there === undefined || (there.partitions.length === partitions && there.replicationFactor === replicationFactor)) return []
    return [
      `${target} has ${plural(there.partitions.length, 'partition')} and replication factor ${there.replicationFactor}, not ${partitions} and ${replicationFactor}`,
    ]
  })

const OTHERWISE = 'somebody made it meanwhile (auto.create.topics.enable?): stop its clients, then restore with --existing recreate'

const goneBy = (now: Survey, { topics }: Topics): Progress => {
  const left = thereIn(now, topics)
  if (left === null) return { state: 'unknown', detail: NOT_SEEN }
  if (left.length === 0) return { state: 'done', detail: `${plural(topics.length, 'topic')} gone` }
  return { state: 'not-started', detail: `${few(left, 3)} are still there` }
}

export const deleteTopics = (from: Restoring): Step =>
  act<Topics>({
    id: 'delete-topics',
    title: 'Delete the topics that are in the way',
    why: 'Records of a backup among other records would have neither their order nor their offsets.',
    effect: 'delete',
    aspects: ['contents'],
    guards: [],
    budget: { expected: minutes(1), deadline: minutes(15) },
    challenge: ({ topics }) => (topics.length === 1 ? (topics[0] ?? '') : String(topics.length)),
    resolve: async (world) => {
      const replaced = from.plan
        .value()
        .topics.filter(({ was }) => was === 'replace')
        .map(({ target }) => target)
      if (replaced.length === 0) return { nothing: 'no topic is in the way' }
      const left = thereIn(await world.survey(), replaced)
      if (left === null) return { unknown: NOT_SEEN }
      return left.length === 0 ? { nothing: 'they are gone' } : { target: { topics: left } }
    },
    preview: ({ topics }, commands) => ({
      sentence: `delete ${plural(topics.length, 'topic')} with all records: ${few(topics, 10)}`,
      changes: ['their records are gone for good; the topics are made anew from the backup'],
      commands: topics.slice(0, 5).map((topic) => commands.kafka('kafka-topics', ['--delete', '--topic', topic])),
    }),
    act: async (world, { topics }, signal) => {
      await world.change.restore.deleteTopics(topics, signal)
      return undefined
    },
    expect: (now, target) => withTopics(now, shapesOf(plansOf(from, target)), () => null),
    done: goneBy,
  })

/** What a topic is made with: its own settings where no data follows. */
export const firstConfigs = (from: Restoring, { load, final }: TopicPlan) => (withDataOf(from) ? load : final)

const ALREADY = 'TOPIC_ALREADY_EXISTS'

const createBy = (from: Restoring, now: Survey, { topics }: Topics): Progress => {
  const there = thereIn(now, topics)
  if (there === null) return { state: 'unknown', detail: NOT_SEEN }
  const [other] = otherwise(now, plansOf(from, { topics }))
  if (other !== undefined) return { state: 'not-started', detail: other, hopeless: `${other}; ${OTHERWISE}` }
  const measure = { done: there.length, total: topics.length, unit: 'topics' }
  return there.length === topics.length
    ? { state: 'done', detail: `${plural(topics.length, 'topic')} in place`, measure }
    : { state: 'not-started', detail: `${there.length} of ${plural(topics.length, 'topic')} in place`, measure }
}

const configArguments = (configs: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(configs).flatMap(([key, value]) => ['--config', `${key}=${value}`])

export const createTopics = (from: Restoring): Step =>
  act<Topics>({
    id: 'create-topics',
    title: 'Create the topics',
    why: 'With the partitions they had; while records are loaded nothing of them expires, is compacted or refused for its age.',
    effect: 'change',
    aspects: ['contents'],
    guards: [],
    budget: { expected: minutes(1), deadline: minutes(30) },
    resolve: async (world) => {
      const wanted = from.plan.value().topics.map(({ target }) => target)
      const there = thereIn(await world.survey(), wanted)
      if (there === null) return { unknown: NOT_SEEN }
      const [other] = otherwise(await world.survey(), from.plan.value().topics)
      if (other !== undefined) return { blocked: other, hint: OTHERWISE }
      const missing = wanted.filter((name) => !there.includes(name))
      return missing.length === 0 ? { nothing: 'every topic is there' } : { target: { topics: missing } }
    },
    preview: ({ topics }, commands) => ({
      sentence: `create ${plural(topics.length, 'topic')}: ${few(topics, 10)}`,
      changes: [withDataOf(from) ? 'they keep everything until their records are loaded' : 'they are empty, with the settings they had'],
      commands: plansOf(from, { topics })
        .slice(0, 5)
        .map((plan) =>
          commands.kafka('kafka-topics', [
            '--create',
            '--topic',
            plan.target,
            '--partitions',
            String(plan.partitions),
            '--replication-factor',
            String(plan.replicationFactor),
            ...configArguments(firstConfigs(from, plan)),
          ]),
        ),
    }),
    act: async (world, target, signal) => {
      const wanted = plansOf(from, target).map(
        (plan): NewTopic => ({ name: plan.target, partitions: plan.partitions, replicationFactor: plan.replicationFactor, configs: firstConfigs(from, plan) }),
      )
      for (let at = 0; at < wanted.length; at += AT_ONCE) {
        const refused = await world.change.restore.createTopics(wanted.slice(at, at + AT_ONCE), signal)
        const [first] = [...refused].filter(([, words]) => !words.includes(ALREADY))
        if (first !== undefined) throw new KdrError(`topic ${first[0]} was not created: ${first[1]}`, { code: 'topic-not-created' })
        world.tell({ detail: 'creating', measure: { done: Math.min(wanted.length, at + AT_ONCE), total: wanted.length, unit: 'topics' } })
      }
      return undefined
    },
    expect: (now, target) =>
      withTopics(now, shapesOf(plansOf(from, target)), (topic, name) => {
        const plan = plansOf(from, { topics: [name] })[0]
        return plan === undefined ? topic : { ...topic, overrides: known(new Map(Object.entries(firstConfigs(from, plan))), 'projected') }
      }),
    done: (now, target) => createBy(from, now, target),
  })

interface Setting {
  readonly id: string
  readonly title: string
  readonly why: string
  readonly already: string
  readonly sentence: string
  readonly change: string
  readonly want: (plan: TopicPlan) => Readonly<Record<string, string>>
  readonly removable: (plan: TopicPlan) => readonly string[]
  /** Why there is nothing to do, whatever they have. */
  readonly skip: (now: Survey) => string | null
  readonly lasting?: true
}

const changesFor = (now: Survey, plan: TopicPlan, { want, removable }: Setting) => {
  const have = overridesOf(now, plan.target)
  return have === null ? null : changesTo(have, want(plan), removable(plan))
}

const settingStep = (from: Restoring, setting: Setting): Step =>
  act<Topics>({
    id: setting.id,
    title: setting.title,
    why: setting.why,
    effect: 'change',
    ...(setting.lasting === undefined ? {} : { lasting: setting.lasting }),
    aspects: ['contents'],
    guards: [],
    budget: { expected: minutes(1), deadline: minutes(30) },
    resolve: async (world) => {
      const now = await world.survey()
      const skip = setting.skip(now)
      if (skip !== null) return { nothing: skip }
      const wrong: string[] = []
      for (const plan of from.plan.value().topics) {
        const changes = changesFor(now, plan, setting)
        if (changes === null) return { unknown: `the settings of ${plan.target} were not seen` }
        if (Object.keys(changes).length > 0) wrong.push(plan.target)
      }
      return wrong.length === 0 ? { nothing: setting.already } : { target: { topics: wrong } }
    },
    preview: ({ topics }, commands) => ({
      sentence: `${setting.sentence} of ${plural(topics.length, 'topic')}: ${few(topics, 10)}`,
      changes: [setting.change],
      commands: plansOf(from, { topics })
        .slice(0, 5)
        .map((plan) =>
          commands.kafka('kafka-configs', [
            '--alter',
            '--entity-type',
            'topics',
            '--entity-name',
            plan.target,
            '--add-config',
            Object.entries(setting.want(plan))
              .map(([key, value]) => `${key}=[${value}]`)
              .join(','),
          ]),
        ),
    }),
    act: async (world, target, signal) => {
      const now = await world.survey(['contents'])
      await each(plansOf(from, target), WIDTH, async (plan) => {
        const changes = changesFor(now, plan, setting)
        if (changes === null) throw new KdrError(`the settings of ${plan.target} were not seen`, { code: 'not-seen' })
        if (Object.keys(changes).length > 0) await world.change.kafka.alterConfigs({ type: 'topic', name: plan.target }, changes, signal)
      })
      return undefined
    },
    expect: (now, target) =>
      withTopics(now, shapesOf(plansOf(from, target)), (topic, name) => {
        const plan = plansOf(from, { topics: [name] })[0]
        if (plan === undefined || !topic.overrides.known) return topic
        const kept = [...topic.overrides.value].filter(([key]) => !setting.removable(plan).includes(key))
        return { ...topic, overrides: known(new Map([...kept, ...Object.entries(setting.want(plan))]), 'projected') }
      }),
    done: (now, target) => {
      const skip = setting.skip(now)
      if (skip !== null) return { state: 'done', detail: skip }
      const changes = plansOf(from, target).map((plan) => changesFor(now, plan, setting))
      if (changes.includes(null)) return { state: 'unknown', detail: 'the settings of topics were not seen' }
      const left = changes.filter((each) => each !== null && Object.keys(each).length > 0).length
      return left === 0
        ? { state: 'done', detail: `${plural(target.topics.length, 'topic')} with their settings` }
        : { state: 'not-started', detail: `${left} of ${plural(target.topics.length, 'topic')} still without their settings` }
    },
  })

export const enterLoadMode = (from: Restoring): Step =>
  settingStep(from, {
    id: 'enter-load-mode',
    title: 'Hold retention and limits of topics that were there',
    why: 'Records older than the retention would be gone within minutes, younger or larger ones refused.',
    already: 'nothing of them expires',
    sentence: 'hold retention, compaction and limits',
    change: 'nothing expires until the records are loaded',
    want: ({ load }) => load,
    removable: () => [],
    // Settings that were put back are not taken away again by a run that is resumed after.
    skip: (now) => {
      if (!withDataOf(from)) return 'no data is restored'
      return loadedBy(from, now).state === 'done' && unplacedIn(from, now).length === 0 ? 'every record is there' : null
    },
    lasting: true,
  })

export const restoreConfigs = (from: Restoring): Step =>
  settingStep(from, {
    id: 'restore-configs',
    title: 'Put the settings of the topics back',
    why: 'Retention, compaction and limits hold again: what is older than the retention expires now.',
    already: 'they have their settings',
    sentence: 'put back the settings',
    change: 'retention, compaction and limits are what they were',
    want: ({ final }) => final,
    removable: removableOf,
    skip: () => null,
    lasting: true,
  })
