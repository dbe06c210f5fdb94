// Scenarios by name, with the options this cluster gives them.

import { didYouMean } from '../config/suggest.ts'
import type { ClusterSettings } from '../config.ts'
import { DEFAULT_STABILITY } from '../config.ts'
import type { Scenario } from '../engine/step.ts'
import { KdrError } from '../errors.ts'
import type { Options } from '../scenarios/options.ts'
import type { ScenarioEntry } from '../scenarios/registry.ts'

export const loadScenario = async (id: string | undefined): Promise<Scenario<Options>> => (await findScenario(id)).load()

/** Throws `scenario-not-found` (exit 2) with a suggestion. */
export const findScenario = async (id: string | undefined): Promise<ScenarioEntry> => {
  const { SCENARIOS } = await import('../scenarios/registry.ts')
  const ids = SCENARIOS.map((scenario) => scenario.id)
  const entry = SCENARIOS.find((scenario) => scenario.id === id)
  if (entry !== undefined) return entry
  throw new KdrError(`there is no scenario ${id ?? ''}${didYouMean(id ?? '', ids)}`, {
    code: 'scenario-not-found',
    exit: 'usage',
    hint: `scenarios: ${ids.join(', ')}`,
  })
}

/** `settings` null: no cluster is meant, as on a printed page. */
export const scenarioOptions = async (settings: ClusterSettings | null, broker: unknown): Promise<Options> => {
  const { DEFAULT_THRESHOLDS } = await import('../judgement/health.ts')
  const wanted = Object.entries(settings?.thresholds ?? {}).filter(([, value]) => value !== undefined)
  return {
    broker: typeof broker === 'number' ? broker : null,
    thresholds: { ...DEFAULT_THRESHOLDS, ...Object.fromEntries(wanted) },
    stability: settings?.stabilityInterval ?? DEFAULT_STABILITY,
  }
}
