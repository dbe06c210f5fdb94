// Partitions that nobody is left to lead cleanly: one by one and typed, given to whoever has the most
// (KIP-460 one-shot elections, never a switched-on setting).
import { act, type Decision, type ForEach, forEach, type Guard, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import { governed } from '../../judgement/guards.ts'
import { liveReplicas, provenGone, rangeWords, type UncleanElection } from '../../judgement/unclean.ts'
import { isrOnRecord, type PartitionRow } from '../../model/partitions.ts'
import type { Survey } from '../../model/survey.ts'
import type { WriteWorld } from '../../ports/world.ts'
import { withElected, withOrder } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import { type Grounds, type Judged, judgeNow, LOOKS, words } from './judged.ts'
import { nobodyMoves } from './reassign.ts'

const rowOf = (now: Survey, { topic, partition }: { readonly topic: string; readonly partition: number }): PartitionRow | undefined =>
  now.partitions.known ? [...now.partitions.value.rows()].find((row) => row.topic === topic && row.partition === partition) : undefined

/** What was judged still holds: nobody leads it, nobody on record may have its data, and who is to lead it lives. Cannot be forced. */
const stillLost: Guard<UncleanElection> = {
  name: 'G2',
  check: (now, target) => {
    const refuse = (because: string) => ({ guard: 'G2', because, protects: [target.name], force: null })
    const row = rowOf(now, target)
    if (row === undefined) return { ...refuse('the partition was not seen'), blind: true }
    if (row.leader >= 0) return refuse('it has a leader')
    const record = isrOnRecord(row)
    if (record === null) return { ...refuse('its ISR on record was not seen'), blind: true }
    const back = record.filter((id) => !provenGone(now, id))
    if (back.length > 0) return refuse(`broker ${few(back)} is on record, and its disk is not proven gone`)
    const live = liveReplicas(now, row)
    const [first] = target.reordered === null ? live : live.filter((id) => id === target.candidate.broker)
    return first === target.candidate.broker ? null : refuse(`the controller would take broker ${live[0] ?? 'nobody'} now, not ${target.candidate.broker}`)
  },
}

/** How often the assignment is looked at before an election that depends on its order is given up. */
const ORDER_LOOKS = 50

/**
 * The controller takes the first live one, so who has the most comes first. Rearranged replicas are done with at once, without
 * any ISR (KIP-455; ReplicationControlManager.changePartitionReassignment, KafkaController.isReassignmentComplete).
 */
const putFirst = async (world: WriteWorld, { topic, partition, name, reordered }: UncleanElection, signal: AbortSignal): Promise<void> => {
  if (reordered === null) return
  const refused = await world.change.kafka.reassign([{ topic, partition, replicas: reordered }], signal)
  if (refused.size > 0)
    throw new KdrError(`the replicas of ${name} were not put into another order: ${[...refused.values()].join()}`, { code: 'not-reordered' })
  for (let looks = 0; looks < ORDER_LOOKS; looks += 1) {
    const rows = (await world.kafka.metadata(signal)).partitions.rows()
    const row = [...rows].find((each) => each.topic === topic && each.partition === partition)
    if (row?.replicas.join() === reordered.join()) return
    await world.clock.sleep(200, signal)
  }
  throw new KdrError(`the replicas of ${name} are not seen in the order ${reordered.join()}: nobody was elected`, { code: 'not-reordered' })
}

/** Nobody but a leader says where an epoch ends: what a replica says of its own is about its record with the latest timestamp. */
const epochWords = (name: string, candidate: number, longer: readonly number[]): string => {
  const words = `${name}: in which epoch a log ends is told by its latest timestamp, a lower bound where the clocks of producers disagree`
  return longer.length === 0
    ? words
    : `${words}: broker ${few(longer)} has the longer log and was seen to end in an earlier epoch than broker ${candidate}; if it does not, what it has beyond is lost`
}

const electLost = (election: () => UncleanElection, grounds: Grounds): Step =>
  act<UncleanElection>({
    id: 'elect-unclean',
    title: 'Elect a leader that is not on record, and lose what it lacks',
    why: 'Every member of the ISR on record has lost its disk: without this the partition stays without a leader for ever.',
    effect: 'lose-data',
    aspects: ['partitions'],
    budget: { expected: seconds(5), deadline: minutes(2) },
    guards: [governed(), stillLost, nobodyMoves(({ name, reordered }) => (reordered === null ? [] : [name]))],
    losses: ({ name, acknowledged, unacknowledged, candidate, record, others, longer }) => ({
      partitions: [name],
      statement: [
        `${name}: records acknowledged with acks=all that are lost: ${rangeWords(acknowledged)}`,
        ...(acknowledged.atMost === null ? [`${name}: what was acknowledged only on disks that are gone (broker ${few(record)}) cannot be counted`] : []),
        ...(others.length === 0 ? [] : [epochWords(name, candidate.broker, longer)]),
        `${name}: records of any other kind that are lost: ${rangeWords(unacknowledged)}; transaction markers may be among them`,
        `${name}: ${candidate.end === null ? 'counted once broker' : 'counted from the end of the log of broker'} ${candidate.broker}${candidate.end === null ? ' is back' : `: ${candidate.end}`}; if no replica lost what it had not flushed, and min.insync.replicas was never lower`,
      ],
      figure: acknowledged.atMost === null ? 'unknown' : `${acknowledged.atMost}`,
    }),
    resolve: async (world) => {
      const wanted = election()
      const now = await world.survey(LOOKS)
      if (!now.partitions.known) return { unknown: `the partitions were not seen: ${now.partitions.why}` }
      const found = judgeNow(now, grounds).find((each) => (each.can === 'unclean' ? each.election.name : each.name) === wanted.name)
      if (found === undefined) return { nothing: `${wanted.name} has a leader` }
      if (found.can !== 'unclean') return { blocked: `${found.name}: ${found.because}`, hint: 'kdr diagnose' }
      return { target: found.election }
    },
    preview: (target, commands) => ({
      sentence: `elect broker ${target.candidate.broker} as leader of ${target.name}, which is not on record as in sync`,
      changes: [
        words(target),
        ...target.others.map(({ broker, end: last }) => `broker ${broker} (end ${last ?? 'not seen'}) follows it`),
        ...(target.reordered === null
          ? []
          : [
              `its replicas are assigned as [${target.reordered.join(',')}] for it: the controller would take broker ${target.assigned.find((id) => target.others.some(({ broker }) => broker === id))}, which has less`,
            ]),
      ],
      commands: [
        ...(target.reordered === null ? [] : [commands.kafka('kafka-reassign-partitions', ['--execute', '--reassignment-json-file', 'order.json'])]),
        commands.kafka('kafka-leader-election', ['--election-type', 'unclean', '--topic', target.topic, '--partition', `${target.partition}`]),
      ],
    }),
    act: async (world, target, signal) => {
      const { topic, partition, name } = target
      await putFirst(world, target, signal)
      const refused = await world.change.kafka.electLeaders('unclean', [{ topic, partition }], signal)
      const error = refused.get(name)
      if (error !== undefined) throw new KdrError(`${name} was not elected a leader for: ${error}`, { code: 'not-elected' })
      return undefined
    },
    expect: (now, target) => withElected(now, target, target.candidate.broker),
    done: (now, target) => {
      if (!now.partitions.known) return { state: 'unknown', detail: `the partitions were not seen: ${now.partitions.why}` }
      const row = rowOf(now, target)
      if (row === undefined) return { state: 'unknown', detail: `${target.name} was not seen` }
      if (row.leader < 0 || row.leaderEpoch <= target.leaderEpoch) return { state: 'not-started', detail: `${target.name} has no leader` }
      return { state: 'done', detail: `broker ${row.leader} leads ${target.name}; acknowledged records lost: ${rangeWords(target.acknowledged)}` }
    },
  })

const sameMembers = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((id) => b.includes(id))

/** The order of an assignment says who is preferred: it was changed for one election only. */
const putBack = ({ topic, partition, name, assigned }: UncleanElection): Step =>
  act<{ readonly name: string; readonly replicas: readonly number[] }>({
    id: 'restore-order',
    title: 'Assign its replicas in their own order again',
    why: 'The order says which replica is preferred as leader; it was another one only so that whoever had the most was elected.',
    effect: 'change',
    aspects: ['partitions'],
    budget: { expected: seconds(3), deadline: minutes(2) },
    guards: [governed(), nobodyMoves(({ name: each }) => [each])],
    resolve: async (world) => {
      const now = await world.survey()
      if (!now.partitions.known) return { unknown: `the partitions were not seen: ${now.partitions.why}` }
      const order = rowOf(now, { topic, partition })?.replicas
      if (order === undefined || !sameMembers(order, assigned)) return { nothing: `${name} is assigned to others by now` }
      return order.join() === assigned.join() ? { nothing: 'they are in their own order' } : { target: { name, replicas: assigned } }
    },
    preview: (_, commands) => ({
      sentence: `assign ${name} to [${assigned.join(',')}] again, in this order`,
      changes: ['nothing is copied or moved'],
      commands: [commands.kafka('kafka-reassign-partitions', ['--execute', '--reassignment-json-file', 'order.json'])],
    }),
    act: async (world, { replicas }, signal) => {
      const refused = await world.change.kafka.reassign([{ topic, partition, replicas }], signal)
      if (refused.size > 0) throw new KdrError(`${name} was not taken: ${[...refused.values()].join()}`, { code: 'reassignment-refused' })
      return undefined
    },
    expect: (now) => withOrder(now, { topic, partition }, assigned),
    done: (now) => {
      const order = rowOf(now, { topic, partition })?.replicas
      if (order === undefined) return { state: 'unknown', detail: `${name} was not seen` }
      return { state: order.join() === assigned.join() ? 'done' : 'not-started', detail: `${name} is assigned to [${order.join(',')}]` }
    },
  })

export const electEachLost = (judged: Decision<Judged>, grounds: Grounds): ForEach =>
  forEach({
    id: 'lost',
    title: 'For each partition that nobody on record can lead any more',
    items: () =>
      (judged.taken()?.elections ?? []).map((election) => ({
        key: election.name,
        title: election.name,
        parts: [electLost(() => election, grounds), putBack(election)],
      })),
  })
