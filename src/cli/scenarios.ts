// Scenarios by name, with the options this cluster gives them.

import { didYouMean } from '../config/suggest.ts'
import type { ClusterSettings } from '../config.ts'
import { DEFAULT_STABILITY } from '../config.ts'
import { KdrError } from '../errors.ts'
import type { Options } from '../scenarios/options.ts'
import type { ScenarioEntry } from '../scenarios/registry.ts'

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

const flagOf = (name: string): string => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** Flags of other scenarios are refused before anything is looked at: what has no effect must not look as if it had. Throws `usage`. */
export const refuseUnfit = async ({ id, takes }: ScenarioEntry, given: Readonly<Record<string, unknown>>): Promise<void> => {
  const { SCENARIOS } = await import('../scenarios/registry.ts')
  const unfit = SCENARIOS.flatMap((other) => other.takes).find((name) => given[name] !== undefined && !takes.includes(name))
  if (unfit === undefined) return
  const owners = SCENARIOS.filter((other) => other.takes.includes(unfit)).map((other) => other.id)
  throw new KdrError(`${flagOf(unfit)} means nothing to ${id}: it belongs to ${owners.join(', ')}`, {
    code: 'usage',
    exit: 'usage',
    hint: takes.length === 0 ? `${id} takes none of its own` : `${id} takes ${takes.map(flagOf).join(', ')}`,
  })
}

/** `settings` null: no cluster is meant, as on a printed page. `given`: options of the command line by their camel-cased names. */
export const scenarioOptions = async (
  settings: ClusterSettings | null,
  given: Readonly<Record<string, unknown>>,
  { schemas = null, snapshot = null }: Partial<Pick<Options, 'schemas' | 'snapshot'>> = {},
): Promise<Options> => {
  const { broker, gone } = given
  const { DEFAULT_THRESHOLDS } = await import('../judgement/health.ts')
  const wanted = Object.entries(settings?.thresholds ?? {}).filter(([, value]) => value !== undefined)
  return {
    broker: typeof broker === 'number' ? broker : null,
    gone: Array.isArray(gone) ? gone.map(Number) : [],
    schemas,
    snapshot,
    thresholds: { ...DEFAULT_THRESHOLDS, ...Object.fromEntries(wanted) },
    stability: settings?.stabilityInterval ?? DEFAULT_STABILITY,
  }
}
