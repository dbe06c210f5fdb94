// UNCLEAN: no broker is started while a stale one could be elected without anybody asking (KIP-106), nor while
// nobody knows whether it could.
import type { Guard, Refusal } from '../engine/step.ts'
import { isrOnRecord, type PartitionRow, type PartitionTable, partitionName } from '../model/partitions.ts'
import type { Survey } from '../model/survey.ts'
import { few } from './evidence.ts'
import { type BrokerTarget, blind, hosting, refusal } from './refusals.ts'
import { brokerStatus } from './status.ts'

/** A partition without a leader that this replica is not on record for: it would be elected stale where unclean election allows it (KafkaController, KIP-106). */
const couldBeStale = (row: PartitionRow, broker: number): boolean => row.leader < 0 && isrOnRecord(row)?.includes(broker) !== true

/** Where unclean election is on, or the record was not read, the controller might take it. */
export const staleCouldWin = (table: PartitionTable, row: PartitionRow, broker: number): boolean => {
  const unclean = table.topic(row.topic)?.uncleanElection
  return couldBeStale(row, broker) && (unclean === undefined || (unclean.known ? unclean.value : isrOnRecord(row) === null))
}

const UNSEEN = 'started now, it could be elected though it is stale, and the others would truncate to it'

/** Not knowing whether unclean election is on never licenses a start of whoever could be elected by it: what may be lost has to be typed. */
export const checkUnsure = (now: Survey, { broker }: BrokerTarget): Refusal | null => {
  if (!now.partitions.known)
    return blind('UNCLEAN', `neither who is on record nor whether unclean election is on was seen (${now.partitions.why}): ${UNSEEN}`, [`broker ${broker}`])
  const table = now.partitions.value
  const unsure = hosting(table, broker).filter((row) => couldBeStale(row, broker) && table.topic(row.topic)?.uncleanElection.known !== true)
  if (unsure.length === 0) return null
  const partitions = unsure.map(partitionName)
  const because = `they have no leader, broker ${broker} is not on record for them, and whether unclean election is on was not seen: ${UNSEEN}`
  const instead =
    "start first who is on record for them; where nobody is on record for everything it hosts, see that the setting is false in every broker's own file"
  return { ...blind('UNCLEAN', because, partitions), force: { as: 'lose-data', partitions }, instead }
}

const checkUnclean = (now: Survey, target: BrokerTarget): Refusal | null => {
  // Where no broker answers nothing can be switched off yet: G2 then judges each partition by its record.
  const answered = now.brokers.known && now.brokers.value.some(({ id }) => brokerStatus(now, id).status === 'up')
  const topics = answered && now.partitions.known ? now.partitions.value.topics : []
  const on = topics.filter(({ uncleanElection }) => uncleanElection.known && uncleanElection.value).map(({ name }) => name)
  if (on.length === 0) return checkUnsure(now, target)
  return refusal('UNCLEAN', `unclean election is on for ${few(on)}: started now, broker ${target.broker} could be elected though it is stale`, on)
}

/** Cannot be forced where it is on. Where that was only not seen it may be forced, as a loss of data. */
export const uncleanOff = <T extends BrokerTarget>(): Guard<T> => ({ name: 'UNCLEAN', check: checkUnclean })

/** As for any start: whoever is elected unseen may be stale. */
export const knownClean = <T extends BrokerTarget>(): Guard<T> => ({ name: 'UNCLEAN', check: checkUnsure })
