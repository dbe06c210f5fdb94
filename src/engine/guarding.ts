// Runs a step's guards on one survey: the first refusal that is not forced stops it. Quorum and blank-disk
// guards offer nothing to force, so naming them changes nothing.
import type { Survey } from '../model/survey.ts'
import type { Act, Refusal } from './step.ts'

export interface Guarding {
  readonly refused: Refusal | null
  /** Refusals the operator forced by name. */
  readonly forced: readonly Refusal[]
}

export const runGuards = (step: Act<unknown>, now: Survey, target: unknown, force: readonly string[]): Guarding => {
  const forced: Refusal[] = []
  for (const guard of step.guards) {
    const refusal = guard.check(now, target)
    if (refusal === null) continue
    if (refusal.force === null || !force.includes(refusal.guard)) return { refused: refusal, forced }
    forced.push(refusal)
  }
  return { refused: null, forced }
}

/** One sentence with what is protected, all of it. */
export const refusalWords = (refusal: Refusal): string =>
  `${refusal.guard} refuses: ${refusal.because}${refusal.protects.length > 0 ? ` [${refusal.protects.join(', ')}]` : ''}`

/** What to do instead, and what forcing it would mean. */
export const refusalHint = ({ guard, force, instead }: Refusal): string | null => {
  const may = force === null ? null : force.partitions.length === 0 ? 'would go on all the same' : `would go on and may lose: ${force.partitions.join(', ')}`
  const words = [...(instead === undefined ? [] : [instead]), ...(may === null ? [] : [`--force=${guard} ${may}`])]
  return words.length === 0 ? null : words.join('; ')
}
