// The scenarios there are; each page is loaded when it is asked for.
import type { Scenario } from '../engine/step.ts'
import type { Options } from './single-broker.ts'

export interface ScenarioEntry {
  readonly id: string
  readonly title: string
  readonly load: () => Promise<Scenario<Options>>
}

export const SCENARIOS: readonly ScenarioEntry[] = [
  { id: 'single-broker', title: 'Single broker failure', load: async () => (await import('./single-broker.ts')).singleBroker },
]
