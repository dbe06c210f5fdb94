// What holds for every scenario there is, and for each that will be: found out by going through the registry.
import { describe, expect, it } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { runDrill } from '../../src/drill/drill.ts'
import { prepareSchemas } from '../../src/drill/schemas.ts'
import { drillApprover, grantApprover } from '../../src/engine/gate.ts'
import type { Grants, RunDeps, RunResult } from '../../src/engine/interaction.ts'
import { rehearse } from '../../src/engine/rehearsal.ts'
import { startRun } from '../../src/engine/runner.ts'
import { EFFECTS, type Effect, type Part } from '../../src/engine/step.ts'
import { KdrError } from '../../src/errors.ts'
import { diagnose } from '../../src/judgement/diagnose.ts'
import { ALL_ASPECTS, type Survey } from '../../src/model/survey.ts'
import type { Fault } from '../../src/ports/faults.ts'
import type { Options } from '../../src/scenarios/options.ts'
import { SCENARIOS, type ScenarioEntry } from '../../src/scenarios/registry.ts'
import { dimmed } from '../helpers/survey.ts'
import { compose, open, violations } from './stage.ts'

const never = new AbortController().signal
const MODES = ['zookeeper', 'kraft'] as const
type Mode = (typeof MODES)[number]

const faultOf = ({ drill }: ScenarioEntry, mode: Mode): Fault => (mode === 'kraft' ? (drill.kraft ?? drill.fault) : drill.fault)
const worldOf = (mode: Mode): Simulation => open({ mode, registries: 2 })

const broken = async (entry: ScenarioEntry, mode: Mode): Promise<Simulation> => {
  const simulation = worldOf(mode)
  await simulation.faults.inject(faultOf(entry, mode), {}, never)
  return simulation
}

const depsFor = async (entry: ScenarioEntry, simulation: Simulation, given: Parameters<typeof compose>[1] = {}) =>
  compose(simulation, { scenario: await entry.load(), ...given })

const effectsOf = (simulation: Simulation) => simulation.world.effects.filter(({ by }) => by === 'kdr')

/** Some can be done to containers only, some to ZooKeeper or to controllers only. */
const canSuffer = async (mode: Mode, fault: Fault): Promise<boolean> =>
  worldOf(mode)
    .faults.inject(fault, {}, never)
    .then(
      () => true,
      (thrown: unknown) => {
        if (thrown instanceof KdrError && ['not-on-this-platform', 'no-such-role'].includes(thrown.code)) return false
        throw thrown
      },
    )

const lastStep = (parts: readonly Part[]): string => {
  const last = parts.at(-1)
  if (last === undefined) throw new Error('a scenario without steps')
  if (last.kind === 'step') return last.id
  return last.kind === 'phase' ? lastStep(last.parts) : last.id
}

const surveyOf = ({ deps }: { readonly deps: RunDeps<Options> }): Promise<Survey> => deps.observe(ALL_ASPECTS, null, never)

/** Everything these gates want. */
const allOf = ({ gates }: RunResult): Grants => ({
  allow: EFFECTS.filter((effect) => gates.some((gate) => gate.effect === effect)),
  confirm: 'simulated',
  acceptLoss: gates.flatMap(({ flags }) => flags.flatMap((flag) => (flag.startsWith('--accept-loss ') ? [flag.slice(14).replace(/:(\d+)$/, '-$1')] : []))),
})

const CASES = SCENARIOS.flatMap((entry) => MODES.map((mode) => ({ name: `${entry.id}, ${mode}, ${faultOf(entry, mode)}`, entry, mode })))

describe.each(CASES)('$name', ({ entry, mode }) => {
  it('is diagnosed, recovered and verified under a ledger, with nothing lost', async () => {
    const simulation = worldOf(mode)
    const { deps } = await depsFor(entry, simulation)
    const fault = faultOf(entry, mode)
    const expects = entry.faults[fault] ?? {}
    const report = await runDrill({ deps, faults: simulation.faults, fault, expects, kafka: mode, tell: () => {}, before: [] })
    expect(report.problems).toEqual([])
    expect(report.ledger.lost).toBe(0)
    expect(violations(simulation)).toEqual([])
  })

  it('is drilled with every fault that fits it', async () => {
    for (const fault of Object.keys(entry.faults) as Fault[]) {
      if (!(await canSuffer(mode, fault))) continue
      const simulation = worldOf(mode)
      const expects = entry.faults[fault] ?? {}
      const { deps } = await depsFor(entry, simulation, { approver: drillApprover(expects.loses === true) })
      const keep = (name: string, text: string) => {
        simulation.files.set(name, text)
        return name
      }
      const prepare = expects.prepares === 'schemas' ? { prepare: prepareSchemas(deps, keep) } : {}
      const report = await runDrill({ deps, faults: simulation.faults, fault, expects, ...prepare, kafka: mode, tell: () => {}, before: [] })
      expect(report.problems, fault).toEqual([])
      if (expects.loses !== true) expect(report.ledger.lost, fault).toBe(0)
    }
  })

  it('previews itself to the last step and changes nothing', async () => {
    const simulation = await broken(entry, mode)
    const { deps, events } = await depsFor(entry, simulation)
    const before = simulation.world.members().map(({ name, pid, startedAt, state }) => ({ name, pid, startedAt, state }))
    const result = await rehearse(deps)
    expect(result, result.why).toMatchObject({ outcome: 'unverified', exit: 'ok' })
    expect(events.filter(({ type }) => type === 'step.started').at(-1)).toMatchObject({ step: lastStep(deps.scenario.steps(deps.options)) })
    expect(result.gates.length).toBeGreaterThan(0)
    expect(effectsOf(simulation)).toEqual([])
    expect(simulation.store.list()).toEqual([])
    expect(simulation.world.members().map(({ name, pid, startedAt, state }) => ({ name, pid, startedAt, state }))).toEqual(before)
  })

  it('refuses with exit 4 whatever was not granted, before anything is touched', async () => {
    const whole = allOf(await rehearse((await depsFor(entry, await broken(entry, mode))).deps))
    const less: readonly Grants[] = [
      { allow: [], confirm: null, acceptLoss: [] },
      ...whole.allow.map((effect: Effect) => ({ ...whole, allow: whole.allow.filter((other) => other !== effect) })),
      ...(whole.allow.some((effect) => ['stop', 'delete', 'lose-data'].includes(effect)) ? [{ ...whole, confirm: 'another' }] : []),
      ...whole.acceptLoss.map((partition) => ({ ...whole, acceptLoss: whole.acceptLoss.filter((other) => other !== partition) })),
    ]
    for (const grants of less) {
      const simulation = await broken(entry, mode)
      const result = await startRun((await depsFor(entry, simulation, { approver: grantApprover(grants, 'simulated') })).deps)
      expect(result.exit, `${JSON.stringify(grants)}: ${result.why}`).toBe('approvalMissing')
      expect(effectsOf(simulation)).toEqual([])
    }
    const simulation = await broken(entry, mode)
    const result = await startRun((await depsFor(entry, simulation, { approver: grantApprover(whole, 'simulated') })).deps)
    expect(result.outcome, result.why).toBe(entry.faults[faultOf(entry, mode)]?.outcome ?? 'recovered')
  })

  it('stops at the gate itself where nobody foresaw it', async () => {
    const simulation = await broken(entry, mode)
    const { ask } = grantApprover({ allow: [], confirm: null, acceptLoss: [] }, 'simulated')
    const result = await startRun((await depsFor(entry, simulation, { approver: { ask } })).deps)
    expect(result.exit, result.why).toBe('approvalMissing')
    expect(effectsOf(simulation).filter(({ what }) => what !== 'create-topic' && what !== 'delete-topic')).toEqual([])
  })

  it('is never called healthy, whatever part of the picture is missing', async () => {
    const survey = await surveyOf(await depsFor(entry, await broken(entry, mode)))
    for (const dim of dimmed(survey)) expect(diagnose(dim.survey).verdict, dim.path).not.toBe('healthy')
  })

  it('is licensed by nothing that was not seen: what is refused stays refused', async () => {
    const simulation = worldOf(mode)
    const { deps } = await depsFor(entry, simulation)
    const survey = await surveyOf({ deps })
    expect((await rehearse({ ...deps, observe: async () => survey })).exit, 'a healthy cluster').not.toBe('ok')
    for (const dim of dimmed(survey)) {
      const result = await rehearse({ ...deps, observe: async () => dim.survey })
      // Looking on is no licence: only a gate that would open is.
      if (result.exit === 'ok') expect(result.gates, dim.path).toEqual([])
    }
    expect(effectsOf(simulation)).toEqual([])
  })

  it('does no harm on any other night', async () => {
    for (const fault of new Set(SCENARIOS.filter(({ id }) => id !== entry.id).map((other) => faultOf(other, mode)))) {
      const simulation = worldOf(mode)
      await simulation.faults.inject(fault, {}, never)
      await simulation.clock.sleep(15_000)
      const result = await startRun((await depsFor(entry, simulation)).deps)
      expect(violations(simulation), fault).toEqual([])
      if (result.outcome === 'refused') expect(effectsOf(simulation), `${fault}: ${result.why}`).toEqual([])
    }
  })
})

it('names only scenarios that there are', async () => {
  const ids = SCENARIOS.map(({ id }) => id)
  for (const mode of MODES) {
    for (const fault of worldOf(mode).faults.known) {
      const simulation = worldOf(mode)
      const injected = await simulation.faults.inject(fault, {}, never).catch(() => null)
      if (injected === null) continue
      const { next } = diagnose(await surveyOf(compose(simulation)))
      if (next[0] === 'recover') expect(ids, fault).toContain(next[1])
    }
  }
})
