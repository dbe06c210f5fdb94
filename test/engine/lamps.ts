// A toy for the engine's tests: lamps that are on or off, seen through a survey's groups. The engine knows
// no Kafka, so neither does this.

import { createSimulation, type Simulation } from '../../src/adapters/simulated/open.ts'
import type { Gate, JournalEntry, RunEvent } from '../../src/engine/events.ts'
import type { Answer, FailureChoice, RunDeps } from '../../src/engine/interaction.ts'
import { readJournal } from '../../src/engine/journal.ts'
import { type Act, act, type Guard, look, type Part, type Scenario, type Step } from '../../src/engine/step.ts'
import { known, unknown } from '../../src/model/known.ts'
import type { Survey } from '../../src/model/survey.ts'

export interface Room {
  readonly lamps: Map<string, string>
  /** Every switch that was thrown, in order. */
  readonly thrown: string[]
  seen: boolean
  acts: { before?: (lamp: string) => unknown; instead?: (lamp: string) => void }
}

export const room = (...lamps: string[]): Room => ({ lamps: new Map(lamps.map((name) => [name, 'off'])), thrown: [], seen: true, acts: {} })

export interface Lamp {
  readonly lamp: string
}

export const stateOf = (now: Survey, lamp: string): string | null => (now.groups.known ? (now.groups.value.find(({ id }) => id === lamp)?.state ?? null) : null)

const projectedOn = (now: Survey, lamp: string): Survey =>
  now.groups.known
    ? {
        ...now,
        groups: known(
          now.groups.value.map((group) => (group.id === lamp ? { ...group, state: 'on' } : group)),
          'projected',
        ),
      }
    : now

export interface SwitchOptions {
  readonly effect?: Act<Lamp>['effect']
  readonly guards?: readonly Guard<Lamp>[]
}

/** Switches a lamp on. `warming` in the room means under way. */
export const switchOn = (here: Room, lamp: string, { effect = 'restart', guards = [] }: SwitchOptions = {}): Step =>
  act<Lamp>({
    id: `switch-${lamp}`,
    title: `Switch ${lamp} on`,
    why: 'It is dark',
    effect,
    aspects: ['groups'],
    budget: { expected: 1000, deadline: 10_000 },
    guards,
    challenge: () => lamp,
    resolve: async (world) => {
      const state = stateOf(await world.survey(), lamp)
      if (state === null) return { unknown: `${lamp} was not seen` }
      return state === 'on' ? { nothing: `${lamp} is on` } : { target: { lamp } }
    },
    preview: () => ({ sentence: `switch ${lamp} on`, changes: ['light'], commands: [`switch ${lamp}`] }),
    act: async () => {
      await here.acts.before?.(lamp)
      here.thrown.push(lamp)
      if (here.acts.instead !== undefined) here.acts.instead(lamp)
      else here.lamps.set(lamp, 'on')
      return undefined
    },
    expect: (now) => projectedOn(now, lamp),
    done: (now) => {
      const state = stateOf(now, lamp)
      if (state === null) return { state: 'unknown', detail: `${lamp} was not seen` }
      return state === 'on'
        ? { state: 'done', detail: `${lamp} is on` }
        : { state: state === 'warming' ? 'under-way' : 'not-started', detail: `${lamp} is ${state}` }
    },
  })

export const verifyLight = (lamp: string): Step =>
  look<Lamp>({
    id: 'verify',
    title: 'Verify the light',
    why: 'Light is the point',
    effect: 'read',
    aspects: ['groups'],
    proves: 'recovery',
    budget: { expected: 1000, deadline: 5000 },
    resolve: async () => ({ target: { lamp } }),
    preview: () => ({ sentence: `look at ${lamp}`, changes: [], commands: [] }),
    expect: (now) => now,
    done: (now) => ({ state: stateOf(now, lamp) === 'on' ? 'done' : 'under-way', detail: `${lamp} is ${stateOf(now, lamp) ?? 'unseen'}` }),
    loss: () => known(0, 'lamps lose nothing'),
  })

export const scenarioOf = (...parts: readonly Part[]): Scenario<null> => ({
  id: 'lights',
  title: 'Lights out',
  verdict: 'healthy',
  symptoms: ['dark'],
  objectives: { rto: 600_000, rpoRecords: 0 },
  steps: () => parts,
})

export interface Stage {
  readonly simulation: Simulation
  readonly events: RunEvent[]
  readonly asked: Gate[]
  readonly deps: RunDeps<null>
  readonly interrupt: AbortController
}

export interface Direction {
  readonly answer?: (gate: Gate) => boolean | Promise<boolean>
  readonly choices?: FailureChoice[]
  readonly approver?: RunDeps<null>['approver']
  readonly force?: readonly string[]
  readonly simulation?: Simulation
}

/** Dependencies of a run over simulated ports; surveys show the room. */
export const stage = (here: Room, scenario: Scenario<null>, direction: Direction = {}): Stage => {
  const simulation = direction.simulation ?? createSimulation({ seed: 7, mode: 'kraft' })
  const events: RunEvent[] = []
  const asked: Gate[] = []
  const interrupt = new AbortController()
  const choices = [...(direction.choices ?? [])]
  const ask = async (gate: Gate): Promise<Answer> => {
    asked.push(gate)
    return { approved: (await direction.answer?.(gate)) ?? true, by: 'operator', answer: gate.challenge }
  }
  const deps: RunDeps<null> = {
    scenario,
    options: null,
    ports: simulation.ports,
    write: simulation.write,
    store: simulation.store,
    lock: simulation.lock,
    mode: 'interactive',
    observe: async () => surveyOf(here, simulation),
    events: (event) => events.push(event),
    interrupt: { signal: interrupt.signal, cause: () => (interrupt.signal.aborted ? 'SIGINT' : null) },
    redact: (text) => text.replaceAll('hunter2', '‹redacted›'),
    actor: { user: 'ada', host: 'laptop', pid: 1 },
    force: direction.force ?? [],
    approver: direction.approver ?? { ask },
    desk: { by: choices.length > 0 ? 'operator' : 'policy', choose: async () => choices.shift() ?? { choice: 'stop' } },
    takeOver: null,
    pastRunsSeconds: [],
    pace: { poll: 100, heartbeat: 1000 },
  }
  return { simulation, events, asked, deps, interrupt }
}

const surveyOf = (here: Room, simulation: Simulation): Survey => {
  const none = unknown<never>('not asked', 'toy')
  return {
    takenAt: simulation.clock.now(),
    target: simulation.identity,
    clusterId: none,
    members: none,
    brokers: none,
    coordination: none,
    registry: none,
    schemas: none,
    partitions: none,
    reassigning: none,
    connect: none,
    canary: none,
    logs: none,
    throttles: none,
    transactions: none,
    contents: none,
    rights: none,
    groups: here.seen
      ? known(
          [...here.lamps].map(([id, state]) => ({ id, state })),
          'toy',
        )
      : unknown('it is too dark', 'toy'),
  }
}

export const journalOf = ({ simulation }: Stage, run: string): readonly JournalEntry[] => readJournal(simulation.store.find(run)).lines
export const typesOf = (entries: readonly { readonly type: string }[]): readonly string[] => entries.map(({ type }) => type)
