// Whether it worked: every partition's end, every setting. The report says what did not come back. Every record is
// compared by `kdr backup verify --level record`.
import type { NotRestored, RestoreReport } from '../../archive/restore/options.ts'
import { REPORT_STEP } from '../../archive/restore/options.ts'
import { changesTo } from '../../archive/restore/topic-configs.ts'
import { type Decision, decide, look, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { partitionName } from '../../model/partitions.ts'
import type { Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { minutes, plural, seconds } from '../../units.ts'
import { goneIn, loadedBy, nameOf, unplacedIn } from './extents.ts'
import type { GroupPlan } from './groups.ts'
import { chainOf, overridesOf, type Restoring, removableOf, storedIn, withDataOf, withMetadataOf } from './restoring.ts'
import { aclsFor, hasAuthorizer, quotasFor } from './rights.ts'
import { otherwise } from './topics.ts'

const settingsUnseen = (from: Restoring, now: Survey): readonly string[] =>
  from.plan.value().topics.flatMap(({ target }) => (overridesOf(now, target) === null ? [target] : []))

const settingsOff = (from: Restoring, now: Survey): readonly string[] =>
  from.plan.value().topics.flatMap((plan) => {
    const have = overridesOf(now, plan.target)
    return have !== null && Object.keys(changesTo(have, plan.final, removableOf(plan))).length === 0 ? [] : [plan.target]
  })

export const verifyRestore = (from: Restoring): Step =>
  look<{ readonly topics: number }>({
    id: 'verify-restore',
    title: 'Verify the restore',
    why: 'Every topic is there with its settings, and every partition ends after its last record.',
    effect: 'read',
    proves: 'recovery',
    aspects: ['contents'],
    budget: { expected: seconds(5), deadline: minutes(10) },
    resolve: async () => ({ target: { topics: from.plan.value().topics.length } }),
    preview: ({ topics }) => ({ sentence: `check ${plural(topics, 'topic')}: partitions, settings, ends`, changes: [], commands: [] }),
    expect: (now) => now,
    done: (now, { topics }) => {
      const loaded = loadedBy(from, now)
      if (loaded.state !== 'done') return { ...loaded, state: loaded.state === 'not-started' ? 'under-way' : loaded.state }
      const [returned] = unplacedIn(from, now)
      if (returned !== undefined) {
        const detail = `the empty records that lay before ${nameOf(returned)} are back: its broker died and forgot that they were deleted; the same command again deletes them`
        return { state: 'not-started', detail, hopeless: detail }
      }
      const [other] = otherwise(now, from.plan.value().topics)
      if (other !== undefined) return { state: 'not-started', detail: other, hopeless: other }
      const unseen = settingsUnseen(from, now)
      if (unseen.length > 0) return { state: 'unknown', detail: `the settings of ${few(unseen, 3)} were not seen` }
      const off = settingsOff(from, now)
      if (off.length > 0) return { state: 'under-way', detail: `settings of ${off.slice(0, 3).join(', ')} are not back` }
      return { state: 'done', detail: `${plural(topics, 'topic')} as in the backup; ${loaded.detail}` }
    },
  })

const gapsOf = async (from: Restoring, world: ReadWorld, signal: AbortSignal): Promise<readonly NotRestored[]> => {
  const chosen = from.plan.value().topics.map(({ topic }) => topic)
  const stored = storedIn(await chainOf(from, world, signal), chosen)
  return [...stored.values()].flatMap((partition) =>
    partition.gaps.map(({ from: first, to, why }) => ({ what: `${partitionName(partition)} ${first} to ${to}`, why })),
  )
}

const rightsLeft = async (from: Restoring, world: ReadWorld, now: Survey, signal: AbortSignal): Promise<readonly NotRestored[]> => {
  if (!withMetadataOf(from)) return []
  const metadata = await (await chainOf(from, world, signal)).archives.at(-1)?.metadata(signal)
  if (metadata === undefined) return []
  const acls = metadata.acls.length - (hasAuthorizer(now) ? aclsFor(from, metadata.acls).length : 0)
  const quotas = metadata.quotas.length - quotasFor(from, metadata.quotas).length
  const partly = 'only a part of the backup, or under other names, is restored'
  const schemas = metadata.schemas != null && !from.plan.value().topics.some(({ topic }) => topic === '_schemas')
  return [
    ...(acls > 0 ? [{ what: plural(acls, 'ACL'), why: hasAuthorizer(now) ? partly : 'this cluster has no authorizer' }] : []),
    ...(quotas > 0 ? [{ what: plural(quotas, 'quota'), why: partly }] : []),
    ...metadata.scramUsers.map(({ user, mechanisms }) => ({
      what: `user ${user}`,
      why: `Kafka gives no password away: set it again (${mechanisms.map(({ mechanism, iterations }) => `${mechanism}, ${iterations} iterations`).join('; ')})`,
    })),
    ...(schemas ? [{ what: 'schemas', why: 'they are restored by kdr recover schema-registry --schemas, or with the topic _schemas' }] : []),
  ]
}

const cutWords = ({ options, chosen }: Restoring): readonly NotRestored[] => [
  ...(options.toTime === null
    ? []
    : [{ what: 'records younger than the time asked for', why: 'by --to-time; by their own timestamps, which is not the state as of that time' }]),
  ...(chosen.value().lossy === null ? [] : [{ what: 'what the old script left out', why: chosen.value().lossy ?? '' }]),
  ...chosen.value().incomplete.map((why) => ({ what: 'a part of the backup', why })),
]

export const reportRestore = (from: Restoring, mapped: Decision<GroupPlan>): Step =>
  decide<RestoreReport>({
    id: REPORT_STEP,
    title: 'Say what was restored and what was not',
    why: 'Passwords, dropped settings, groups that run: somebody has to see to what no backup can bring back.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(2), deadline: minutes(10) },
    resolve: async (world) => {
      const now = await world.survey()
      const signal = world.clock.deadline(minutes(10))
      const plan = from.plan.value()
      const report: RestoreReport = {
        schema: 'kdr/restore/1',
        name: from.chosen.value().name,
        what: from.options.what,
        status: goneIn(plan.partitions) > 0 || mapped.value().behind.length > 0 ? 'incomplete' : from.chosen.value().status,
        topics: plan.topics.length,
        records: plan.records - goneIn(plan.partitions),
        offsets: plan.partitions.every(({ how }) => how === 'preserved') ? 'preserved' : 'mapped',
        groups: mapped.value().groups.length,
        partitions: plan.partitions.map(({ target, partition, how, base, records, gone }) => ({
          topic: target,
          partition,
          offsets: how,
          base: (base + BigInt(gone)).toString(),
          records: records - gone,
        })),
        notRestored: [
          ...plan.notRestored,
          ...(withDataOf(from) ? await gapsOf(from, world, signal) : []),
          ...(await rightsLeft(from, world, now, signal)),
          ...mapped.value().notRestored,
          ...cutWords(from),
        ],
      }
      world.evidence('restore-report.json', `${JSON.stringify(report, null, 2)}\n`)
      return { target: report }
    },
    preview: ({ notRestored }) => ({ sentence: `report; ${notRestored.length} things cannot be restored`, changes: [], commands: [] }),
    expect: (now) => now,
    done: (_, { records, topics, notRestored }) => ({
      state: 'done',
      detail: `${plural(topics, 'topic')}, ${plural(records, 'record')}${
        notRestored.length === 0
          ? ''
          : `; not restored: ${notRestored
              .map(({ what }) => what)
              .slice(0, 5)
              .join(', ')}${notRestored.length > 5 ? ' …' : ''}`
      }`,
    }),
  }).step
