// Breaks a disposable cluster on purpose. Labs only.

export const FAULTS = ['kill-broker', 'hang-broker', 'wipe-broker', 'stop-broker', 'kill-two', 'stop-zookeeper', 'stop-controllers'] as const
export type Fault = (typeof FAULTS)[number]

export interface Faults {
  /** Returns the members it was done to. `broker` is an id; without it the lab picks one. */
  inject(fault: Fault, options: { readonly broker?: number }, signal: AbortSignal): Promise<readonly string[]>
}
