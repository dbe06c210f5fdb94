// What may go wrong beyond the injected disaster: all off by default, scripted (`times`) or drawn from the
// seed (`probability`), so that the engine meets what real clusters do on a bad night.
import type { Millis } from '../../units.ts'
import type { Random } from './random.ts'

interface Chance {
  /** 0 to 1; 1 when left out. */
  readonly probability?: number
  /** At most this often; once when neither is given. */
  readonly times?: number
}

export interface SimulatedFaults {
  /** Port calls by name, such as `kafka.metadata`, that never answer: only a deadline ends them. */
  readonly hang?: readonly (Chance & { readonly call: string })[]
  /** A start takes this much longer. */
  readonly slowStart?: Chance & { readonly by: Millis }
  /** A broker exits again, this long after its start. */
  readonly exitAfterStart?: Chance & { readonly after: Millis; readonly broker?: number }
  /** A replica takes this much longer to catch up. */
  readonly slowCatchUp?: Chance & { readonly by: Millis }
  /** A ping of a healthy broker is not answered in time. */
  readonly silentPing?: Chance
  /** An open transaction that no coordinator knows of, as a lost marker leaves it. */
  readonly hangingTransaction?: { readonly topic: string; readonly partition: number }
  /** The platform shows nothing of what members' own files say; they say nothing. */
  readonly unseenFiles?: true
  /** This broker lives on without its log directory: it answers, and its replicas never come back. */
  readonly failedDir?: { readonly broker: number }
  /** Members of the quorum do not reach each other: once its leader is gone each of them runs, and none leads. */
  readonly noElection?: true
  /** After its next election ZooKeeper's record of this partition is so many leader epochs old: its data came from a server that had fallen behind. */
  readonly recordBehind?: { readonly topic: string; readonly partition: number; readonly by: number }
}

export interface Misbehaviour {
  hangs(call: string): boolean
  startDelay(): Millis
  catchUpDelay(): Millis
  /** When the broker that starts now will exit again; null for never. */
  exitAfter(broker: number): Millis | null
  pingIsLost(): boolean
  readonly elects: boolean
  readonly showsFiles: boolean
  losesDir(broker: number): boolean
  /** How many leader epochs the record of this partition is behind once it was lost and came back. */
  recordBehind(topic: string, partition: number): number
}

/** Draws one chance after another, and no more often than allowed. */
const draw = (chance: Chance | undefined, random: Random): (() => boolean) => {
  if (chance === undefined) return () => false
  let left = chance.times ?? (chance.probability === undefined ? 1 : Number.POSITIVE_INFINITY)
  return () => {
    if (left <= 0 || random.next() >= (chance.probability ?? 1)) return false
    left -= 1
    return true
  }
}

export const createMisbehaviour = (faults: SimulatedFaults, random: Random): Misbehaviour => {
  const hangs = (faults.hang ?? []).map((hang) => ({ call: hang.call, drawn: draw(hang, random) }))
  const slowStart = draw(faults.slowStart, random)
  const slowCatchUp = draw(faults.slowCatchUp, random)
  const exits = draw(faults.exitAfterStart, random)
  const silent = draw(faults.silentPing, random)
  return {
    hangs: (call) => hangs.some((hang) => hang.call === call && hang.drawn()),
    startDelay: () => (slowStart() ? (faults.slowStart?.by ?? 0) : 0),
    catchUpDelay: () => (slowCatchUp() ? (faults.slowCatchUp?.by ?? 0) : 0),
    exitAfter: (broker) => {
      const exit = faults.exitAfterStart
      if (exit === undefined || (exit.broker !== undefined && exit.broker !== broker)) return null
      return exits() ? exit.after : null
    },
    pingIsLost: () => silent(),
    elects: faults.noElection !== true,
    showsFiles: faults.unseenFiles !== true,
    losesDir: (broker) => faults.failedDir?.broker === broker,
    recordBehind: (topic, partition) => {
      const { recordBehind: old } = faults
      return old?.topic === topic && old.partition === partition ? old.by : 0
    },
  }
}
