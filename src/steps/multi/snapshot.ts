// What there was before anything was changed: leaders, ISRs on record, where every log that answers ends,
// disks and who else manages them. What was lost, and that nothing was, is told against it.
import { type Decision, decide } from '../../engine/step.ts'
import { within } from '../../engine/within.ts'
import { wordsOf } from '../../errors.ts'
import { partitionName } from '../../model/partitions.ts'
import type { LogEnds, Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { minutes, seconds } from '../../units.ts'
import type { Outage } from './outage.ts'

export interface Snapshot {
  readonly files: readonly string[]
  /** By partition name: only those of which anything was seen. */
  readonly ends: Readonly<Record<string, LogEnds>>
  /** What whoever reads it should know before anything is scaled or started. */
  readonly warnings: readonly string[]
}

const LOG_LINES = 2000

const endsOf = ({ logs }: Survey): Snapshot['ends'] =>
  Object.fromEntries(logs.known ? [...logs.value].filter(([, { highWatermark, local }]) => highWatermark !== null || local.length > 0) : [])

/** What would delete data or undo a recovery beside us. */
const warningsOf = ({ members }: Survey): readonly string[] => {
  if (!members.known) return []
  const words = members.value.flatMap(({ workload, owner }) => [
    ...(workload.known && workload.value?.deletesClaims.whenScaled === true
      ? [`${workload.value.kind} ${workload.value.name} deletes claims when it is scaled down: set persistentVolumeClaimRetentionPolicy.whenScaled to Retain`]
      : []),
    ...(owner.known && owner.value !== null
      ? [`${owner.value.name} manages it${owner.value.pause === null ? '' : `; to keep it off meanwhile: ${owner.value.pause}`}`]
      : []),
  ])
  return [...new Set(words)]
}

const content = (now: Survey, ends: Snapshot['ends']): string => {
  const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)
  const rows = now.partitions.known ? [...now.partitions.value.rows()].map((row) => ({ name: partitionName(row), ...row })) : []
  const { members, brokers, coordination, reassigning } = now
  return `${JSON.stringify({ takenAt: now.takenAt, partitionsBy: now.partitions.by, partitions: rows, ends, members, brokers, coordination, reassigning }, plain, 1)}\n`
}

const capture = async (world: ReadWorld, outage: Outage): Promise<Snapshot> => {
  const now = await world.survey(['members', 'brokers', 'coordination', 'partitions', 'logs'])
  const ends = endsOf(now)
  const files = [world.evidence('snapshot.json', content(now, ends))]
  for (const { member } of outage.dead) {
    try {
      const limit = world.clock.deadline(seconds(15))
      const lines = await within(world.platform.logs(member, { tail: LOG_LINES, previous: false }, limit), limit)
      if (lines.length > 0) files.push(world.evidence(`${member}.log`, `${lines.join('\n')}\n`))
    } catch (thrown) {
      files.push(`${member}.log (not to be had: ${wordsOf(thrown)})`)
    }
  }
  return { files, ends, warnings: warningsOf(now) }
}

export const takeSnapshot = (outage: Decision<Outage>): Decision<Snapshot> =>
  decide<Snapshot>({
    id: 'take-snapshot',
    title: 'Keep leaders, ISRs on record, log ends and disks as they are now',
    why: 'What a recovery lost, or did not, is told against this; a start overwrites logs and an election the record.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(10), deadline: minutes(2) },
    resolve: async (world) => ({ target: await capture(world, outage.value()) }),
    preview: (_, commands) => ({
      sentence: 'keep the cluster as it was found in the folder of the run',
      changes: [],
      commands: [commands.kafka('kafka-topics', ['--describe']), commands.kafka('kafka-get-offsets', ['--time', '-1'])],
    }),
    expect: (now) => now,
    done: (_, { files, ends, warnings }) => ({
      state: 'done',
      detail: [`kept ${files.join(', ')}; the ends of ${Object.keys(ends).length} partitions were seen`, ...warnings].join('; '),
    }),
  })
