// Whether kdr may do what this restore will need, asked before anything is created: a restore that is refused
// half-way leaves a cluster half restored. Nothing is refused because brokers did not say.
import type { BackupMetadata } from '../../archive/manifest.ts'
import type { PartitionPlan, TopicPlan } from '../../archive/restore/plan.ts'
import { grantArguments, grantsOf, grantWords, judgeNeeds, type Need } from '../../archive/restore/rights-needed.ts'
import { changesTo } from '../../archive/restore/topic-configs.ts'
import { look, type Resolution, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { aclName, quotaNames } from '../../model/contents.ts'
import { OFFSETS_TOPIC } from '../../model/groups.ts'
import type { Known } from '../../model/known.ts'
import type { Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { minutes, plural, seconds } from '../../units.ts'
import { unloaded, unplaced } from './extents.ts'
import { chainOf, extentOf, overridesOf, type Restoring, removableOf, withDataOf, withMetadataOf } from './restoring.ts'
import { aclsFor, hasAuthorizer, quotasFor } from './rights.ts'
import { firstConfigs } from './topics.ts'

interface Checked {
  readonly needs: number
  /** Of which it was not seen whether kdr may. */
  readonly unknown: readonly string[]
}

const isThere = (now: Survey, { target }: TopicPlan): boolean => now.contents.known && now.contents.value.topics.has(target)

const changes = (have: ReadonlyMap<string, string | null>, want: Readonly<Record<string, string>>, removable: readonly string[]): boolean =>
  Object.keys(changesTo(have, want, removable)).length > 0

const topicNeeds = (from: Restoring, now: Survey, topic: TopicPlan, partitions: readonly PartitionPlan[]): readonly Need[] => {
  const there = isThere(now, topic)
  const open = (plan: PartitionPlan) => topic.was === 'replace' || extentOf(now, plan) === null
  const loading = partitions.some((plan) => plan.records > 0 && (open(plan) || unloaded(now, plan) > 0n))
  const filling = partitions.some((plan) => plan.how === 'preserved' && plan.base > 0n && (open(plan) || unplaced(now, plan)))
  const have = there && topic.was !== 'replace' ? overridesOf(now, topic.target) : new Map(Object.entries(firstConfigs(from, topic)))
  const setting = have === null || changes(have, topic.final, removableOf(topic)) || (loading && changes(have, topic.load, []))
  const on = (operation: string, more: Partial<Need> = {}): Need => ({ resource: 'TOPIC', name: topic.target, operation, ...more })
  return [
    on('DESCRIBE'),
    on('DESCRIBE_CONFIGS'),
    ...(there && topic.was !== 'replace' ? [] : [on('CREATE', { orOnCluster: true })]),
    ...((there && topic.was === 'replace') || filling ? [on('DELETE')] : []),
    ...(loading || filling ? [on('WRITE')] : []),
    ...(partitions.some(({ records }) => records > 0) ? [on('READ')] : []),
    ...(setting ? [on('ALTER_CONFIGS')] : []),
  ]
}

const allTopicNeeds = (from: Restoring, now: Survey): readonly Need[] => {
  const { topics, partitions } = from.plan.value()
  const byTopic = new Map(topics.map(({ target }): [string, PartitionPlan[]] => [target, []]))
  for (const plan of partitions) byTopic.get(plan.target)?.push(plan)
  return topics.flatMap((topic) => topicNeeds(from, now, topic, byTopic.get(topic.target) ?? []))
}

/** To see every group, so that none is taken for absent. */
const SEEING_GROUPS: readonly Need[] = [
  { resource: 'CLUSTER', name: '', operation: 'DESCRIBE' },
  { resource: 'TOPIC', name: OFFSETS_TOPIC, operation: 'DESCRIBE' },
]

const groupsFor = (from: Restoring, { groups }: BackupMetadata): readonly string[] => {
  if (!withDataOf(from) || !from.options.groups) return []
  const topics = new Set(from.plan.value().topics.map(({ topic }) => topic))
  return groups.filter(({ offsets }) => offsets.some(({ topic }) => topics.has(topic))).map(({ group }) => group)
}

/** What has to be seen to restore it, and was not; null: all was. */
const notSeen = (now: Survey, wanted: { readonly acls: number; readonly quotas: number; readonly groups: number }): Resolution<Checked> | null => {
  const rights = now.rights
  const why = (part: Known<unknown>): string | null => (part.known ? null : part.why)
  const of = (count: number, pick: (value: Extract<typeof rights, { known: true }>['value']) => Known<unknown>): string | null =>
    count === 0 ? null : rights.known ? why(pick(rights.value)) : rights.why
  const groups = of(wanted.groups, (value) => value.groups)
  if (groups !== null) return { unknown: `consumer groups were not seen: ${groups}`, hint: 'let kdr see them, or restore without their positions: --no-groups' }
  const acls = of(wanted.acls, (value) => value.acls)
  if (acls !== null) return { unknown: `ACLs were not seen: ${acls}`, hint: 'let kdr describe the cluster, or restore the topics by name: --topic' }
  const quotas = of(wanted.quotas, (value) => value.quotas)
  return quotas === null
    ? null
    : { unknown: `quotas were not seen: ${quotas}`, hint: 'let kdr describe the configs of the cluster, or restore the topics by name: --topic' }
}

const lacking = (there: Known<ReadonlySet<string>> | { readonly known: false }, names: readonly string[]): boolean =>
  names.some((name) => !there.known || !there.value.has(name))

const AUTHORIZATION = /^(TOPIC|CLUSTER)_AUTHORIZATION_FAILED/
const ALREADY = /^TOPIC_ALREADY_EXISTS/

/** Topics that the cluster would not make, for whatever reason: limits, policies and names of this cluster are found here too. */
const wouldBeRefused = async (from: Restoring, world: ReadWorld, now: Survey, signal: AbortSignal): Promise<ReadonlyMap<string, string>> => {
  const missing = from.plan.value().topics.filter((topic) => !isThere(now, topic))
  if (missing.length === 0) return new Map()
  return world.backup.judgeTopics(
    missing.map((topic) => ({
      name: topic.target,
      partitions: topic.partitions,
      replicationFactor: topic.replicationFactor,
      configs: firstConfigs(from, topic),
    })),
    signal,
  )
}

const resolveRights = async (from: Restoring, world: ReadWorld): Promise<Resolution<Checked>> => {
  const signal = world.clock.deadline(minutes(10))
  const now = await world.survey()
  const metadata = await (await chainOf(from, world, signal)).archives.at(-1)?.metadata(signal)
  if (metadata === undefined) return { blocked: 'the chain is empty' }
  const acls = withMetadataOf(from) && hasAuthorizer(now) ? aclsFor(from, metadata.acls).map(aclName) : []
  const quotas = withMetadataOf(from) ? quotasFor(from, metadata.quotas).flatMap(quotaNames) : []
  const groups = groupsFor(from, metadata)
  const { topics } = from.plan.value()
  const permits = await world.backup.permits([...topics.map(({ target }) => target), OFFSETS_TOPIC], groups, signal)
  const rights = now.rights.known ? now.rights.value : { acls: now.rights, quotas: now.rights, groups: now.rights }
  const refused = await wouldBeRefused(from, world, now, signal)
  const onCluster = (operation: string): Need => ({ resource: 'CLUSTER', name: '', operation })
  const judged = judgeNeeds(permits, [
    ...allTopicNeeds(from, now),
    ...(groups.length > 0 && !rights.groups.known ? SEEING_GROUPS : []),
    ...groups.map((name): Need => ({ resource: 'GROUP', name, operation: 'READ' })),
    ...(lacking(rights.acls, acls) ? [onCluster('ALTER')] : []),
    ...(lacking(rights.quotas, quotas) ? [onCluster('ALTER_CONFIGS')] : []),
  ])
  const known = new Set(judged.missing.map(({ name, operation }) => `${operation} ${name}`))
  const uncreated = [...refused].filter(([name, words]) => AUTHORIZATION.test(words) && !known.has(`CREATE ${name}`))
  const missing = [...judged.missing, ...uncreated.map(([name]): Need => ({ resource: 'TOPIC', name, operation: 'CREATE' }))]
  if (missing.length > 0) {
    const grants = grantsOf(missing)
    const commands = grants.map((grant) => world.platform.commands.kafka('kafka-acls', grantArguments(grant, permits.principal ?? 'User:<kdr>')))
    return {
      blocked: `kdr${permits.principal === null ? '' : ` (${permits.principal})`} may not do what this restore needs: ${grants.map(grantWords).join('; ')}`,
      hint: `whoever may grant it runs:\n${commands.join('\n')}`,
    }
  }
  const hidden = [...refused].find(([, words]) => ALREADY.test(words))
  if (hidden !== undefined)
    return {
      blocked: `topic ${hidden[0]} is there, and was not shown: kdr may not describe it, or somebody made it just now`,
      hint: 'kdr backup restore … once more, as who may describe it',
    }
  const other = [...refused].find(([, words]) => !AUTHORIZATION.test(words))
  if (other !== undefined) return { blocked: `the cluster would not make topic ${other[0]}: ${other[1]}` }
  const unseen = notSeen(now, { acls: acls.length, quotas: quotas.length, groups: groups.length })
  if (unseen !== null) return unseen
  return { target: { needs: topics.length + groups.length, unknown: grantsOf(judged.unknown).map(grantWords) } }
}

export const checkPermissions = (from: Restoring): Step =>
  look<Checked>({
    id: 'check-permissions',
    title: 'Check what kdr may do here',
    why: 'A restore that is refused half-way leaves a cluster half restored.',
    effect: 'read',
    aspects: ['contents', 'rights'],
    budget: { expected: seconds(5), deadline: minutes(10) },
    resolve: (world) => resolveRights(from, world),
    preview: (_, commands) => ({ sentence: 'ask the brokers what kdr may do', changes: [], commands: [commands.kafka('kafka-acls', ['--list'])] }),
    expect: (now) => now,
    done: (_, { needs, unknown }) => ({
      state: 'done',
      detail:
        unknown.length === 0
          ? `all that ${plural(needs, 'topic and group', 'topics and groups')} need`
          : `whether kdr has ${few(unknown, 3)} was not seen; nothing known is missing`,
    }),
  })
