// Which quorum a recovery is about and which of its cases it is, decided once from a survey and passed on typed.
import { type Decision, decide, type Resolution } from '../../engine/step.ts'
import { judgeQuorum, nameOfQuorum, type QuorumCase } from '../../judgement/quorum.ts'
import type { Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { minutes, seconds } from '../../units.ts'

interface BrokenMember {
  readonly name: string
  readonly disk: 'intact' | 'unknown' | 'blank'
}

export interface FailedQuorum {
  readonly kind: 'zookeeper' | 'kraft'
  readonly case: QuorumCase
  readonly because: string
  /** In the order they are repaired in: those with their data first. */
  readonly broken: readonly BrokenMember[]
  /** As it was when the run began; null where it was not seen. */
  readonly clusterId: string | null
  /** Every broker there should be. */
  readonly brokers: readonly number[]
}

export type From = { readonly from: Decision<FailedQuorum> }

/** Those with their data, or whose disks could not be seen yet; null: not decided yet. */
export const survivorsOf = (quorum: FailedQuorum | null): readonly string[] =>
  (quorum?.broken ?? []).filter(({ disk }) => disk !== 'blank').map(({ name }) => name)
export const emptyOf = (quorum: FailedQuorum | null): readonly string[] => (quorum?.broken ?? []).filter(({ disk }) => disk === 'blank').map(({ name }) => name)

const resolveQuorum = (now: Survey): Resolution<FailedQuorum> => {
  const judged = judgeQuorum(now)
  if (!('target' in judged)) return judged
  if (!now.brokers.known) return { unknown: `the brokers were not seen: ${now.brokers.why}`, hint: 'kdr doctor' }
  const { kind, case: which, because, broken } = judged.target
  return {
    target: {
      kind,
      case: which,
      because,
      broken: broken.map(({ name, disk }) => ({ name, disk })),
      clusterId: now.clusterId.known ? now.clusterId.value : null,
      brokers: now.brokers.value.map(({ id }) => id),
    },
  }
}

/** A quorum that has just lost a member elects, and says nothing meanwhile. */
const ELECTION = seconds(20)

/** A picture that does not change, as that of a dry run, is not looked at twice. */
export const lookUntilTold = async <T>(world: ReadWorld, judge: (now: Survey) => Resolution<T>): Promise<Resolution<T>> => {
  const end = world.clock.monotonic() + ELECTION
  for (let last: Survey | null = null; ; ) {
    const now = await world.survey()
    const resolution = judge(now)
    if (!('unknown' in resolution) || now === last || world.clock.monotonic() >= end) return resolution
    last = now
    await world.clock.sleep(seconds(1))
  }
}

export const checkQuorum = (): Decision<FailedQuorum> =>
  decide<FailedQuorum>({
    id: 'check-quorum',
    title: 'Check the quorum and what is left on its disks',
    why: 'Brokers answer from a frozen cache without it; whose disk still has its data decides what may be started, and in which order.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(1) },
    resolve: (world) => lookUntilTold(world, resolveQuorum),
    preview: ({ because }, commands) => ({ sentence: because, changes: [], commands: [commands.list()] }),
    expect: (now) => now,
    done: (_, quorum) => ({ state: 'done', detail: `${nameOfQuorum(quorum)}: ${quorum.because}` }),
  })
