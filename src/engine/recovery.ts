// What may be chosen after a step failed: never a way past a guard, and no retry of what cannot be seen.

import type { Trouble } from './halt.ts'
import type { Failure } from './interaction.ts'
import { isAct, type Step } from './step.ts'

export const failureChoices = (step: Step, trouble: Trouble): Failure['choices'] => {
  if (trouble.kind === 'blocked' || trouble.kind === 'refused' || trouble.kind === 'unknown') return ['look', 'stop']
  // What later steps read cannot be left out.
  if (step.decided !== undefined) return ['look', 'stop']
  return isAct(step) ? ['retry', 'look', 'skip', 'stop'] : ['look', 'skip', 'stop']
}
