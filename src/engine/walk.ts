// One list, many interpreters: walks phases, repetitions and branches in order and hands every step to
// whoever interprets it. Nothing here knows whether steps are run, withheld or printed.
import type { Survey } from '../model/survey.ts'
import type { Branch, Choose, Part, Phase, Step } from './step.ts'

export interface Interpreter {
  step(step: Step, key: string): Promise<void>
  /** Runs the phase through `inside`. */
  phase(phase: Phase, inside: () => Promise<void>): Promise<void>
  /** Branches to walk, in order, with what stands before each. */
  choose(part: Choose, walkBranch: (branch: Branch) => Promise<void>): Promise<void>
  survey(): Promise<Survey>
}

/** `within` is the enclosing forEach item's key, which makes step keys unique: `restart-broker[2]`. */
export const walk = async (parts: readonly Part[], interpreter: Interpreter, within = ''): Promise<void> => {
  for (const part of parts) await walkPart(part, interpreter, within)
}

const walkPart = async (part: Part, interpreter: Interpreter, within: string): Promise<void> => {
  switch (part.kind) {
    case 'step':
      return interpreter.step(part, `${part.id}${within}`)
    case 'phase':
      return interpreter.phase(part, () => walk(part.parts, interpreter, within))
    case 'choose':
      return interpreter.choose(part, (branch) => walk(branch.parts, interpreter, within))
    case 'forEach': {
      const handled = new Set<string>()
      for (;;) {
        const next = part.items(await interpreter.survey()).find((item) => !handled.has(item.key))
        if (next === undefined) return
        handled.add(next.key)
        await walk(next.parts, interpreter, `${within}[${next.key}]`)
      }
    }
  }
}
