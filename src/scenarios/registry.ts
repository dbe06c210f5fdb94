// The scenarios there are; each page is loaded when it is asked for.
import type { Scenario } from '../engine/step.ts'
import type { Fault } from '../ports/faults.ts'
import type { Options } from './options.ts'

export interface ScenarioEntry {
  readonly id: string
  readonly title: string
  /** What its drill breaks unless told otherwise: `revived` where the platform brings back what is killed. */
  readonly drill: { readonly fault: Fault; readonly revived: Fault }
  readonly load: () => Promise<Scenario<Options>>
}

export const SCENARIOS: readonly ScenarioEntry[] = [
  {
    id: 'single-broker',
    title: 'Single broker failure',
    drill: { fault: 'kill-broker', revived: 'stop-broker' },
    load: async () => (await import('./single-broker.ts')).singleBroker,
  },
]
