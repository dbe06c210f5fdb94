// What a contract suite is run on, and the waiting that every suite needs: with the subject's own clock, so
// that virtual and real time read the same.
import { expect } from 'vitest'
import { KdrError } from '../../src/errors.ts'
import type { Member } from '../../src/model/member.ts'
import { type PartitionRow, partitionName } from '../../src/model/partitions.ts'
import type { Faults } from '../../src/ports/faults.ts'
import type { MetadataView } from '../../src/ports/kafka.ts'
import type { ReadPorts, WritePorts } from '../../src/ports/world.ts'
import { type Millis, minutes, seconds } from '../../src/units.ts'

/** Three brokers with ids 1 to 3, all up, sessions of 6 s. */
export interface Subject {
  readonly mode: 'zookeeper' | 'kraft'
  readonly ports: ReadPorts
  readonly write: WritePorts
  readonly faults: Faults
  /** `host:port` of broker 1, 2 and 3, in that order. */
  readonly endpoints: readonly string[]
  readonly zookeeperServers: readonly string[]
}

export const BROKERS = [1, 2, 3] as const
/** A machine under load needs minutes for what takes seconds. */
const PATIENCE: Millis = minutes(2)

export const soon = (subject: Subject, length: Millis = seconds(30)): AbortSignal => subject.ports.clock.deadline(length)

/** Looks every half second until `look` gives something; says what it waited for when that takes too long. */
export const eventually = async <T>(subject: Subject, what: string, look: () => Promise<T | null | undefined | false>): Promise<T> => {
  const { clock } = subject.ports
  const end = clock.monotonic() + PATIENCE
  for (;;) {
    const found = await look()
    if (found !== null && found !== undefined && found !== false) return found
    if (clock.monotonic() > end) throw new Error(`not within ${PATIENCE / 1000} s: ${what}`)
    await clock.sleep(500)
  }
}

/** The code of the KdrError it rejects with. */
export const codeOf = async (attempt: Promise<unknown>): Promise<string> => {
  const thrown = await attempt.then(
    () => new Error('it did not throw'),
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(KdrError)
  return (thrown as KdrError).code
}

/** What was observed; a test that meets an unknown fails with why. */
export const seen = <T>(known: { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string }): T => {
  if (!known.known) throw new Error(`unknown: ${known.why}`)
  return known.value
}

export const brokerMember = async (subject: Subject, id: number): Promise<Member> => {
  const members = await subject.ports.platform.members(soon(subject))
  const member = members.find((candidate) => candidate.roles.includes('broker') && candidate.id.known && candidate.id.value === id)
  if (member === undefined) throw new Error(`no member runs broker ${id}`)
  return member
}

export const metadata = (subject: Subject): Promise<MetadataView> => subject.ports.kafka.metadata(soon(subject))

export const rowOf = async (subject: Subject, topic: string, partition = 0): Promise<PartitionRow> => {
  const { partitions } = await metadata(subject)
  const row = [...partitions.rows()].find((candidate) => candidate.topic === topic && candidate.partition === partition)
  if (row === undefined) throw new Error(`Metadata lacks ${partitionName({ topic, partition })}`)
  return row
}

/** Metadata no longer lists it: its session is over. */
export const unregistered = (subject: Subject, id: number): Promise<true> =>
  eventually(subject, `broker ${id} is no longer registered`, async () => (await metadata(subject)).brokers.every((broker) => broker.id !== id))

export const startBroker = async (subject: Subject, id: number): Promise<void> => {
  const member = await brokerMember(subject, id)
  await subject.write.platform.start({ name: member.name, uid: null }, soon(subject, minutes(2)))
}

export const stopMember = async (subject: Subject, member: Member): Promise<void> => {
  await subject.write.platform.stop({ name: member.name, uid: seen(member.uid) }, { grace: minutes(2) }, soon(subject, minutes(3)))
}

export const inFull = (row: PartitionRow): boolean => row.leader >= 0 && row.isr.length === row.replicas.length

/** Brokers answer from what they knew: whether anybody decides shows only in what the controller itself answers. */
const decided = async (subject: Subject): Promise<boolean> => {
  const { kafka } = subject.ports
  const answers = [kafka.reassigning(soon(subject)), ...(subject.mode === 'kraft' ? [kafka.quorum(null, soon(subject))] : [])]
  const settled = await Promise.allSettled(answers)
  return settled.every((answer) => answer.status === 'fulfilled')
}

/** Every broker answers and is listed, every replica is in sync, and the controller works. */
export const whole = (subject: Subject): Promise<true> =>
  eventually(subject, 'every broker is back and every replica in sync', async () => {
    if (!(await decided(subject))) return false
    const pings = await subject.ports.kafka.ping(subject.endpoints, soon(subject))
    if (pings.some((ping) => ping.answer !== 'ready')) return false
    const view = await metadata(subject)
    return view.brokers.length === BROKERS.length && [...view.partitions.rows()].every(inFull)
  })

/** Starts whatever does not run, once its old session is over, and waits until nothing is missing. */
export const heal = async (subject: Subject): Promise<void> => {
  const members = await subject.ports.platform.members(soon(subject))
  for (const member of members) if (member.state.known && member.state.value === 'paused') await stopMember(subject, member)
  const now = await subject.ports.platform.members(soon(subject))
  const stopped = now.filter((member) => member.state.known && member.state.value === 'stopped')
  const start = (member: Member) => subject.write.platform.start({ name: member.name, uid: null }, soon(subject, minutes(2)))
  await Promise.all(stopped.filter((member) => !member.roles.includes('broker')).map(start))
  const dead = stopped.filter((member) => member.roles.includes('broker'))
  if (dead.length > 0) await subject.ports.clock.sleep(seconds(8))
  await Promise.all(dead.map(start))
  await whole(subject)
}
