// In which order dead brokers have to come back: as the ISRs on record ask for it, so that no election has to
// be unclean. A live member of the ISR on record is all the controller may elect (PartitionStateMachine).
import { isKnownFalse } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import { isrOnRecord, type PartitionRow, partitionName } from '../model/partitions.ts'
import { memberOfBroker, type Survey } from '../model/survey.ts'
import { classifyFailure } from './classify.ts'
import { few } from './evidence.ts'
import { brokerStatus } from './status.ts'

export interface ToStart {
  readonly broker: number
  readonly because: string
}

export interface StartOrder {
  readonly order: readonly ToStart[]
  /** Not to be started now: why, and what has to come first. */
  readonly held: readonly ToStart[]
}

/** A partition without a leader: who hosts it, who of the ISR on record may still be elected, and whether only those may. */
interface Leaderless {
  readonly name: string
  readonly replicas: readonly number[]
  readonly record: readonly number[]
  readonly clean: boolean
}

interface Pool {
  readonly survey: Survey
  readonly leaderless: readonly Leaderless[]
  readonly live: Set<number>
}

const intact = (member: Member | undefined): boolean =>
  member !== undefined && member.volumes.length > 0 && member.volumes.every(({ state }) => state.known && state.value === 'intact')

const rowsOf = ({ partitions }: Survey): readonly PartitionRow[] => (partitions.known ? [...partitions.value.rows()] : [])

const cleanOnly = ({ partitions }: Survey, { topic }: PartitionRow): boolean => {
  const unclean = partitions.known ? partitions.value.topic(topic)?.uncleanElection : undefined
  return unclean !== undefined && isKnownFalse(unclean)
}

/** Leaderless partitions that nobody live can lead, and this broker can. */
const unlockedBy = ({ leaderless, live }: Pool, broker: number): readonly Leaderless[] =>
  leaderless.filter(({ record }) => record.includes(broker) && !record.some((id) => live.has(id)))

/** Whatever it would be elected for stale, were it started now: somebody on record has to lead that first. */
const staleFor = ({ leaderless, live }: Pool, broker: number): readonly Leaderless[] =>
  leaderless.filter(({ replicas, record, clean }) => !clean && replicas.includes(broker) && !record.includes(broker) && !record.some((id) => live.has(id)))

const becauseOf = (pool: Pool, broker: number): string => {
  if (!pool.survey.partitions.known) return 'neither the ISRs on record nor whether unclean election is on were seen: it is not started before they are'
  const unlocked = unlockedBy(pool, broker)
  if (unlocked.length === 0) return 'nothing waits for it alone: it catches up from the leaders that are there by then'
  const only = unlocked.filter(({ record }) => record.length === 1)
  const words =
    only.length > 0
      ? `it alone is in the ISR on record of ${few(only.map(({ name }) => name))}`
      : `${few(unlocked.map(({ name }) => name))} can be led by it without an unclean election`
  return `${unlocked.length} partitions wait for it: ${words}`
}

/** A disk without its data may only join what somebody else on record leads (G2). */
const endangered = ({ survey, live }: Pool, broker: number): readonly string[] =>
  rowsOf(survey)
    .filter((row) => {
      if (!row.replicas.includes(broker)) return false
      const record = isrOnRecord(row)
      return record === null || (record.includes(broker) && (row.leader < 0 || !record.some((id) => id !== broker && live.has(id))))
    })
    .map(partitionName)

/** Why it must not be started now; null when it may. */
const holdBack = (survey: Survey, broker: number): string | null => {
  const { kind, restart, because, instead } = classifyFailure(survey, broker)
  return restart === 'no' ? `${kind}: ${because}${instead === null ? '' : `; ${instead}`}` : null
}

/**
 * Pure. First whoever could be elected stale for the fewest partitions, where that is not known to be ruled out; then whoever the most leaderless partitions wait for, the lower id where that is equal; brokers on disks without
 * their data last, and only where what they are on record for is led by others: `held` leaves them for later.
 */
export const startOrder = (survey: Survey, dead: readonly number[], blank: 'held' | 'too'): StartOrder => {
  const ids = survey.brokers.known ? survey.brokers.value.map(({ id }) => id) : []
  const leaderless = rowsOf(survey)
    .filter(({ leader }) => leader < 0)
    .map((row): Leaderless => ({ name: partitionName(row), replicas: row.replicas, record: isrOnRecord(row) ?? [], clean: cleanOnly(survey, row) }))
  const pool: Pool = { survey, leaderless, live: new Set(ids.filter((id) => !dead.includes(id) && brokerStatus(survey, id).status === 'up')) }
  const order: ToStart[] = []
  const held: ToStart[] = []
  const left = new Set<number>()
  for (const broker of dead) {
    const because = holdBack(survey, broker)
    if (because === null) left.add(broker)
    else held.push({ broker, because })
  }
  const whole = [...left].filter((broker) => intact(memberOfBroker(survey, broker)))
  takeInTurn(pool, whole, order)
  for (const broker of [...left].filter((id) => !whole.includes(id)).sort((a, b) => a - b)) {
    const names = endangered(pool, broker)
    const disk = 'its disk is not known to hold its data'
    if (blank === 'held') held.push({ broker, because: `${disk}: it comes last, once the others lead` })
    else if (names.length === 0) order.push({ broker, because: `${disk}: it comes last, and copies everything from its leaders` })
    else held.push({ broker, because: `${disk}, and ${few(names)} has it on record and nobody else live: it would be elected empty (G2)` })
  }
  return { order, held }
}

const takeInTurn = (pool: Pool, brokers: readonly number[], order: ToStart[]): void => {
  const left = new Set(brokers)
  while (left.size > 0) {
    const [next] = [...left].sort(
      (a, b) => staleFor(pool, a).length - staleFor(pool, b).length || unlockedBy(pool, b).length - unlockedBy(pool, a).length || a - b,
    )
    if (next === undefined) return
    order.push({ broker: next, because: becauseOf(pool, next) })
    left.delete(next)
    pool.live.add(next)
  }
}
