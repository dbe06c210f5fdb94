// Transactions that are open when a backup begins keep what comes after them out of it. That is as it should be
// for one that runs; one that hangs keeps it out for ever, and is named.
import { wordsOf } from '../../errors.ts'
import type { ProducerState, ProducersAnswer, TransactionState } from '../../ports/kafka.ts'
import { formatInstant, type Instant, minutes } from '../../units.ts'
import type { OpenTransaction } from '../manifest.ts'
import type { PartitionPlan } from './ends.ts'
import type { CreatePorts } from './types.ts'

/** transaction.max.timeout.ms of brokers as it is by default: an older one is no longer under its coordinator's care. */
const LONGEST = minutes(15)

/** Brokers tell the time of the last record, which is whatever its producer says: none, or one to come, is no time of a write. */
const writeTimeOf = (producer: ProducerState | null, now: Instant): Instant | null => {
  const at = producer?.lastTimestamp ?? -1
  return at >= 0 && at <= now + LONGEST ? at : null
}

const namesOf = async (kafka: CreatePorts['kafka'], signal: AbortSignal): Promise<readonly TransactionState[]> => {
  try {
    return await kafka.transactions(signal)
  } catch {
    signal.throwIfAborted()
    return []
  }
}

const asOpen = (plan: PartitionPlan, producer: ProducerState | null, names: readonly TransactionState[], now: Instant): OpenTransaction => {
  const lastWrite = writeTimeOf(producer, now)
  return {
    topic: plan.topic,
    partition: plan.partition,
    from: String(plan.end),
    to: String(plan.highWatermark),
    producerId: producer === null ? null : String(producer.producerId),
    transactionalId: names.find(({ producerId }) => producerId === producer?.producerId)?.transactionalId ?? null,
    lastWrite: lastWrite === null ? null : formatInstant(lastWrite),
    // Nobody can say how long one has been open that nobody knows.
    hanging: lastWrite === null || now - lastWrite > LONGEST,
  }
}

const openOf = ({ producers }: ProducersAnswer, plan: PartitionPlan): readonly (ProducerState | null)[] => {
  if (!producers.known) return [null]
  return producers.value.filter(({ openSince }) => openSince !== null && openSince < plan.highWatermark)
}

/** None where a transaction has ended meanwhile: what came after it was then not yet stable when the backup began. */
export const openTransactions = async (
  { kafka, clock }: Pick<CreatePorts, 'kafka' | 'clock'>,
  plans: readonly PartitionPlan[],
  signal: AbortSignal,
): Promise<readonly OpenTransaction[]> => {
  const pinned = plans.filter(({ end, highWatermark }) => end < highWatermark)
  if (pinned.length === 0) return []
  const nobody = (thrown: unknown): readonly ProducersAnswer[] => {
    signal.throwIfAborted()
    return pinned.map(({ topic, partition }) => ({ topic, partition, producers: { known: false, why: wordsOf(thrown), by: 'DescribeProducers' } }))
  }
  const answers = await kafka.producers(pinned, signal).catch(nobody)
  const names = await namesOf(kafka, signal)
  const byPartition = new Map(pinned.map((plan) => [`${plan.topic}-${plan.partition}`, plan]))
  return answers.flatMap((answer) => {
    const plan = byPartition.get(`${answer.topic}-${answer.partition}`)
    return plan === undefined ? [] : openOf(answer, plan).map((producer) => asOpen(plan, producer, names, clock.now()))
  })
}

/** Why those that hang make a backup incomplete. */
export const hangingLines = (open: readonly OpenTransaction[]): readonly string[] =>
  open
    .filter(({ hanging }) => hanging)
    .map(({ topic, partition, from, to, producerId, transactionalId, lastWrite }) => {
      const who =
        producerId === null ? 'a producer that its leader did not name' : `producer ${producerId}${transactionalId === null ? '' : ` (${transactionalId})`}`
      const since = lastWrite === null ? '' : `, which last wrote at ${lastWrite}`
      return `${topic}-${partition}: a transaction of ${who}${since} hangs and keeps offsets ${from} to ${to} out`
    })
