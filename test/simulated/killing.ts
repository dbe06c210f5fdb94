// kill -9 of kdr at every journal line of any scenario, then resume: the same end, and no effect applied twice.
// A file per scenario says which cases; this says how each is killed and what has to hold.
import { describe, expect, it } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import type { Outcome } from '../../src/engine/events.ts'
import type { RunResult } from '../../src/engine/interaction.ts'
import { resumeRun, startRun } from '../../src/engine/runner.ts'
import { seconds } from '../../src/units.ts'
import { compose, violations } from './stage.ts'

export interface KillCase {
  readonly name: string
  /** A world of its own, broken and with whatever the branch needs: made anew for every line. */
  readonly broken: () => Promise<Simulation>
  /** Scenario, options, approver and whatever else `compose` takes. */
  readonly given?: Parameters<typeof compose>[1]
  /** How the run ends that nobody kills, and so every one that was killed and resumed; `recovered` when left out. */
  readonly outcome?: Outcome
  /** Everything that must be the same however often the run was killed: more or less than what always is. */
  readonly same?: (simulation: Simulation, always: ReturnType<typeof endOf>) => unknown
  /** Invariants that must hold after each; `violations` when left out: where loss is typed, only that loss may be left out of them. */
  readonly invariants?: (simulation: Simulation) => readonly string[]
}

/** Leaders, ISRs, registrations, what kdr started and stopped, and that nothing of its own is left behind. */
const endOf = ({ world }: Simulation) => ({
  isr: world.partitions().map(({ topic, index, isr, leader }) => `${topic.name}-${index} ${leader} [${[...isr].sort().join()}]`),
  registered: world.registered(),
  kdr: world.effects.filter(({ by, what }) => by === 'kdr' && (what === 'start' || what === 'stop')).map(({ what, target }) => `${what} ${target}`),
  leftovers: world.partitions().filter(({ topic }) => topic.name.startsWith('__kdr_')).length,
})

/** The killed life ended; another one goes on with what it left: null where the run had finished before it was killed. */
const goOn = async (second: Simulation, given: KillCase['given']): Promise<RunResult | null> => {
  const [id] = second.store.list()
  const { deps } = compose(second, { pace: PACE, ...given, ...(id === undefined ? {} : { takeOver: id }) })
  const lines = id === undefined ? [] : second.store.find(id).read().lines
  if (id === undefined || lines.length === 0) return startRun(deps)
  return lines.at(-1)?.includes('"type":"run.finished"') === true ? null : resumeRun(deps, id)
}

/** Waits look less often than at a terminal: most of a run is looking, and none of that is what is tried here. */
const PACE = { poll: seconds(2), heartbeat: seconds(15) }

/** Lines to be killed at: each of them once it is durable; torn, the first of each kind, since all but its end is the line before. */
const linesFor = (kind: 'after' | 'torn', lines: readonly string[]): readonly number[] => {
  const types = lines.map((line) => (JSON.parse(line) as { readonly type: string }).type)
  return types.flatMap((type, at) => (kind === 'after' || types.indexOf(type) === at ? [at + 1] : []))
}

const killedAt = async (one: KillCase, line: number, kind: 'after' | 'torn') => {
  const first = await one.broken()
  if (kind === 'after') first.crashAfterLine(line)
  else first.crashBeforeLine(line)
  await startRun(compose(first, { pace: PACE, ...one.given }).deps).catch(() => {})
  const second = first.reboot()
  return { second, result: await goOn(second, one.given) }
}

export const describeKills = (cases: readonly KillCase[]): void =>
  describe.each(cases)('killed at each journal line: $name', (one) => {
    const { outcome = 'recovered', invariants = violations } = one
    const end = (simulation: Simulation) => one.same?.(simulation, endOf(simulation)) ?? endOf(simulation)
    it.each(['after', 'torn'] as const)(
      'line durable or torn: %s',
      async (kind) => {
        const whole = await one.broken()
        const { run, outcome: ended, why } = await startRun(compose(whole, { pace: PACE, ...one.given }).deps)
        expect(ended, why).toBe(outcome)
        expect(invariants(whole), 'not killed').toEqual([])
        for (const line of linesFor(kind, whole.store.find(run).read().lines)) {
          const { second, result } = await killedAt(one, line, kind)
          expect(result?.outcome ?? outcome, `line ${line}: ${result?.why}`).toBe(outcome)
          expect(end(second), `line ${line}`).toEqual(end(whole))
          expect(invariants(second), `line ${line}`).toEqual([])
        }
      },
      900_000,
    )
  })
