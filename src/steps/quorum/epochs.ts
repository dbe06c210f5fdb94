// How new the survivor's metadata is, against what the brokers knew before: their leader epochs are kept while the
// quorum is lost, and compared with the record as soon as a quorum serves it.
import { type Decision, decide } from '../../engine/step.ts'
import { within } from '../../engine/within.ts'
import { wordsOf } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import { quorumOf } from '../../judgement/quorum.ts'
import { behind, epochsOf, raised } from '../../judgement/quorum-record.ts'
import type { Aspect, Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { stateOf } from '../../survey/partitions.ts'
import { isProjected } from '../../survey/project.ts'
import { each } from '../../survey/reading.ts'
import { type Instant, minutes, seconds } from '../../units.ts'

interface KeptEpochs {
  readonly epochs: Readonly<Record<string, number>>
  /** Why there are none; null where there are. */
  readonly unseen: string | null
}

const LOOKS: readonly Aspect[] = ['members', 'brokers', 'coordination', 'partitions', 'logs']
const PATIENCE = seconds(20)

/** A broker that was slow once is asked again; a picture that does not change is not looked at twice. */
const logsOf = async (world: ReadWorld): Promise<Survey['logs']> => {
  const end = world.clock.monotonic() + PATIENCE
  for (let last: Survey | null = null; ; ) {
    const now = await world.survey(LOOKS)
    if (now.logs.known || now === last || world.clock.monotonic() >= end) return now.logs
    last = now
    await world.clock.sleep(seconds(1))
  }
}

export const keepEpochs = (): Decision<KeptEpochs> =>
  decide<KeptEpochs>({
    id: 'keep-epochs',
    title: 'Keep the leader epochs that the brokers know',
    why: 'The survivor may have fallen behind before the others were lost: what it brings back is compared with this.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(1) },
    resolve: async (world) => {
      const logs = await logsOf(world)
      return { target: logs.known ? { epochs: epochsOf(logs.value), unseen: null } : { epochs: {}, unseen: logs.why } }
    },
    preview: () => ({ sentence: 'keep the leader epochs that the brokers know', changes: [], commands: [] }),
    expect: (now) => now,
    done: (_, { epochs, unseen }) => ({
      state: 'done',
      detail: unseen === null ? `the epochs of ${Object.keys(epochs).length} partitions are kept` : `the brokers' epochs were not seen: ${unseen}`,
    }),
  })

export interface ComparedEpochs {
  /** Partitions, by name and at most some, whose record may be older than what the brokers had. */
  readonly inDoubt: readonly string[]
  readonly because: string
}

/** Names enough to say which; one is enough to doubt. */
const DOUBTS = 20
const WIDTH = 32

const readRecord = (world: ReadWorld, names: readonly string[]): Promise<ReadonlyMap<string, number>> => {
  const { coordination, clock } = world
  if (coordination === null) throw new Error('there is no ZooKeeper')
  const limit = clock.deadline(minutes(1))
  const read = each(names, WIDTH, async (name): Promise<readonly [string, number]> => {
    const at = name.lastIndexOf('-')
    const node = await coordination.get(`/brokers/topics/${name.slice(0, at)}/partitions/${name.slice(at + 1)}/state`, limit)
    return [name, (node === null ? null : stateOf(node.data))?.leaderEpoch ?? -1]
  })
  return within(read, limit).then((entries) => new Map(entries))
}

/** As long as it takes to see a quorum and ask it; whoever comes later, a resumed run say, finds epochs that elections have raised. */
const LATE = minutes(2)

/** When the last member that a majority needs was started; null where that was not seen. */
const heldSince = ({ members }: Survey): Instant | null => {
  const all = members.known ? members.value.filter(({ roles }) => roles.includes('zookeeper')) : []
  const starts = all.flatMap(({ startedAt }) => (startedAt.known && startedAt.value !== null ? [startedAt.value] : [])).sort((a, b) => a - b)
  return starts[Math.floor(all.length / 2)] ?? null
}

const compare = async (world: ReadWorld, { epochs, unseen }: KeptEpochs, late: boolean): Promise<ComparedEpochs> => {
  const doubtAll = (why: string): ComparedEpochs => ({ inDoubt: ['every partition'], because: `how new the record is cannot be told: ${why}` })
  if (unseen !== null) return doubtAll(`the brokers' epochs were not seen: ${unseen}`)
  for (const end = world.clock.monotonic() + PATIENCE; ; await world.clock.sleep(seconds(1))) {
    try {
      const onRecord = await readRecord(world, Object.keys(epochs))
      const old = behind(epochs, onRecord)
      const hidden = late ? raised(epochs, onRecord) : []
      if (old.length === 0 && hidden.length > 0)
        return {
          inDoubt: hidden.slice(0, DOUBTS),
          because: `compared too late: ${few(hidden)} had leaders elected since the quorum came back, from a record of unknown age`,
        }
      if (old.length === 0) return { inDoubt: [], because: `the record is as new as what the brokers knew, for ${Object.keys(epochs).length} partitions` }
      const because = `the survivor had fallen behind: its record of ${few(old)} is older than what the brokers knew`
      return { inDoubt: old.slice(0, DOUBTS), because }
    } catch (thrown) {
      if (world.clock.monotonic() >= end) return doubtAll(wordsOf(thrown))
    }
  }
}

/** After each empty member, until a quorum serves the record: any later, and elections would have raised its epochs. */
export const compareEpochs = (kept: Decision<KeptEpochs>): Decision<ComparedEpochs> => {
  const compared: Decision<ComparedEpochs> = decide<ComparedEpochs>({
    id: 'compare-epochs',
    title: 'Compare what came back with what the brokers knew',
    why: 'A leader elected from an older record may lack acknowledged records: then it is said, and the loss is not known to be 0.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(3), deadline: minutes(3) },
    resolve: async (world) => {
      if (compared.taken() !== null) return { nothing: 'it was compared' }
      const now = await world.survey()
      const quorum = quorumOf(now)
      if (isProjected(now) || !quorum.known || quorum.value.held !== true) return { nothing: 'it is compared as soon as the quorum is held' }
      const since = heldSince(now)
      return { target: await compare(world, kept.value(), since === null || now.takenAt - since > LATE) }
    },
    preview: () => ({ sentence: "compare the leader epochs on record with the brokers'", changes: [], commands: [] }),
    expect: (now) => now,
    done: (_, { because }) => ({ state: 'done', detail: because }),
  })
  return compared
}
