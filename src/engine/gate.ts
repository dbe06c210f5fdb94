// Gates by risk: which question stands before an effect, what may be typed, which flags grant it where
// nobody can be asked. No terminal never means yes.
import { KdrError } from '../errors.ts'
import type { Gate } from './events.ts'
import type { Approver, Grants } from './interaction.ts'
import { type Act, EFFECTS, type Effect, type Preview, type Refusal } from './step.ts'

/** The riskier of two effects. */
const riskier = (a: Effect, b: Effect): Effect => (EFFECTS.indexOf(a) >= EFFECTS.indexOf(b) ? a : b)

/** The step's effect for this target: raised by the step or by a forced guard, never lowered. */
export const effectOf = (step: Act<unknown>, target: unknown, forced: readonly Refusal[]): Effect => {
  const raised = step.raise === undefined ? step.effect : riskier(step.effect, step.raise(target))
  return forced.reduce((effect, { force }) => (force === null ? effect : riskier(effect, force.as)), raised)
}

const UNASKED: readonly Effect[] = ['read', 'notify', 'probe']

export interface GateRequest {
  readonly step: Act<unknown>
  readonly target: unknown
  readonly preview: Preview
  /** Refusals overridden by `--force`, each one loses or may lose what it names. */
  readonly forced: readonly Refusal[]
  readonly cluster: string
}

/** The gate before this effect; null where none is asked. */
export const gateFor = ({ step, target, preview, forced, cluster }: GateRequest): Gate | null => {
  const effect = effectOf(step, target, forced)
  if (UNASKED.includes(effect)) return null
  const own = step.losses?.(target)
  const losses = [...(own?.partitions ?? []), ...forced.flatMap((refusal) => refusal.force?.partitions ?? [])]
  const flags = [`--allow ${effect}`]
  if (effect === 'stop' || effect === 'delete' || effect === 'lose-data') flags.push(`--confirm ${cluster}`)
  if (effect === 'lose-data') flags.push(...losses.map((name) => `--accept-loss ${name.replace(/-(\d+)$/, ':$1')}`))
  const text = [`${preview.sentence} (${effect}, on ${cluster})`, ...preview.changes, ...(own?.statement ?? [])]
  for (const refusal of forced)
    text.push(`${refusal.guard} is forced: ${refusal.because}`, ...(refusal.force?.partitions ?? []).map((name) => `  may lose records: ${name}`))
  if (effect === 'restart' || effect === 'change') return { effect, ask: 'yes', challenge: 'y', text, flags }
  const challenge = effect === 'lose-data' ? (own?.figure ?? `${losses.length}`) : (step.challenge?.(target) ?? cluster)
  return { effect, ask: 'type', challenge, text, flags }
}

/** Flags a gate needs that these grants lack. */
const missingFlags = (gate: Gate, grants: Grants, cluster: string): readonly string[] =>
  gate.flags.filter((flag) => {
    const [name, value = ''] = flag.split(' ')
    if (name === '--allow') return !grants.allow.some((effect) => effect === value)
    if (name === '--confirm') return grants.confirm !== cluster
    return !grants.acceptLoss.includes(value.replace(/:(\d+)$/, '-$1'))
  })

/** One error for all flags that are missing, so that nobody has to find them one by one. */
export const approvalMissing = (flags: readonly string[]): KdrError => {
  const allow = flags.filter((flag) => flag.startsWith('--allow ')).map((flag) => flag.slice('--allow '.length))
  const others = flags.filter((flag) => !flag.startsWith('--allow '))
  const all = [...(allow.length > 0 ? [`--allow ${[...new Set(allow)].join(',')}`] : []), ...new Set(others)].join(' ')
  return new KdrError(`approval is missing and nobody can be asked: ${all}`, {
    code: 'approval-missing',
    exit: 'approvalMissing',
    hint: `run it at a terminal, or repeat the command with --non-interactive ${all}`,
  })
}

/** Approves exactly what flags granted; throws `approval-missing` for the rest. */
export const grantApprover = (grants: Grants, cluster: string): Approver & { readonly missing: (gates: readonly Gate[]) => readonly string[] } => ({
  missing: (gates) => [...new Set(gates.flatMap((gate) => missingFlags(gate, grants, cluster)))],
  ask: async (gate) => {
    const missing = missingFlags(gate, grants, cluster)
    if (missing.length > 0) throw approvalMissing(missing)
    return { approved: true, by: 'grant', answer: gate.flags.join(' ') }
  },
})

/** For drills on a disposable cluster of our own: approves all but the loss of data, which has to be granted even there. */
export const drillApprover = (lossToo = false): Approver => ({
  ask: async (gate) => ({ approved: lossToo || gate.effect !== 'lose-data', by: 'drill', answer: `drill: ${gate.effect}` }),
})
