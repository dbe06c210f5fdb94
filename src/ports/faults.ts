// Breaks a disposable cluster on purpose. Labs only.

/** What every kind of cluster can suffer. */
export const COMMON_FAULTS = [
  'kill-broker',
  'hang-broker',
  'wipe-broker',
  'stop-broker',
  'kill-two',
  'stop-zookeeper',
  'stop-controllers',
  /** One member of the quorum, the others serve on. */
  'kill-zookeeper',
  'kill-controller',
  /** It is down, and its disk is empty: it has to be formatted. */
  'wipe-controller',
  /** All are stopped, and a majority of their disks is empty: all but the first. */
  'wipe-zookeeper-majority',
  'wipe-controller-majority',
  /** All are stopped, and every disk is empty. */
  'lose-zookeeper',
  /** The ISR shrinks to one broker, whose disk is then lost. */
  'lose-isr',
  /** One falls behind, the others die, and only that one comes back. */
  'isr-apart',
] as const
/** What befalls a Schema Registry: all instances stopped, one killed, its topic lost, its topic without a leader. */
export const REGISTRY_FAULTS = ['stop-registry', 'kill-registry', 'lose-schemas', 'schemas-leaderless'] as const
/** What only members that a set makes can: all but one die, then the set is scaled to nothing. */
export const SET_FAULTS = ['scale-to-zero'] as const
/** What only containers can. */
const CONTAINER_FAULTS = ['pause-broker', 'disconnect-broker', 'remove-broker', 'oom-broker'] as const
export const FAULTS = [...COMMON_FAULTS, ...REGISTRY_FAULTS, ...SET_FAULTS, ...CONTAINER_FAULTS] as const
export type Fault = (typeof FAULTS)[number]

export interface Faults {
  /** What can be done to this kind of cluster. Others throw `not-on-this-platform`. */
  readonly known: readonly Fault[]
  /** Returns the members it was done to. `broker` is an id; without it the lab picks one. */
  inject(fault: Fault, options: { readonly broker?: number }, signal: AbortSignal): Promise<readonly string[]>
}
