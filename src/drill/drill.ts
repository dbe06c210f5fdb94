// A drill: a ledger, a fault, a diagnosis, the recovery with the very list an incident would run, and the
// score. It asserts a disposable cluster by needing its Faults port.
import type { RunEvent } from '../engine/events.ts'
import type { Observe, RunDeps, RunResult } from '../engine/interaction.ts'
import { startRun } from '../engine/runner.ts'
import { KdrError } from '../errors.ts'
import { type Diagnosis, diagnose } from '../judgement/diagnose.ts'
import { ALL_ASPECTS, type Survey, type Verdict } from '../model/survey.ts'
import type { Fault, Faults } from '../ports/faults.ts'
import { type Instant, type Millis, minutes, seconds } from '../units.ts'
import { type LedgerScore, openLedger, removeOldLedgers } from './ledger.ts'
import type { Prepared } from './schemas.ts'

export interface DrillReport {
  readonly schema: 'kdr/drill/1'
  readonly scenario: string
  readonly platform: string
  readonly kafka: string
  readonly fault: Fault
  readonly broken: readonly string[]
  readonly diagnosis: { readonly expected: string; readonly first: string; readonly got: string; readonly right: boolean }
  readonly ledger: LedgerScore
  readonly phases: readonly { readonly name: string; readonly seconds: number }[]
  readonly outcome: RunResult['outcome']
  /** How it had to end: `refused` where what was broken cannot be repaired, and the run has to say so. */
  readonly expectedOutcome: 'recovered' | 'refused'
  /** Partitions whose records were given up by name at a gate. */
  readonly lossAccepted: readonly string[]
  readonly run: string
  readonly rtoSeconds: number | null
  /** Why it is not a pass; empty when it is. */
  readonly problems: readonly string[]
}

export interface DrillRequest<Options> {
  readonly deps: RunDeps<Options>
  readonly faults: Faults
  readonly fault: Fault
  readonly kafka: string
  /** Where the fault does not lead to the scenario's own verdict and a verified recovery. */
  readonly expects?: { readonly verdict?: Verdict; readonly outcome?: 'refused' }
  /** What has to be there before anything is broken, and the run that can recover it; left out: nothing. */
  readonly prepare?: (healthy: Survey) => Promise<Prepared<Options>>
  /** Told as each part begins. */
  readonly tell: (line: string) => void
  /** Phases that were measured before, such as bringing the lab up. */
  readonly before: DrillReport['phases']
}

/** How long the cluster may be broken before the diagnosis must have seen it. */
const SEEN: Millis = seconds(60)
/** How long an election or an expiry may make it look like something else. */
const SETTLED: Millis = seconds(10)
/** Records written before anything is broken. */
const WARM: Millis = seconds(3)

/** Throws `not-healthy` (exit 5) when there is nothing sound to break. */
export const runDrill = async <Options>(request: DrillRequest<Options>): Promise<DrillReport> => {
  const { deps, tell } = request
  const { clock } = deps.ports
  const signal = deps.interrupt.signal
  const phases = [...request.before]
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    tell(name)
    const start = clock.monotonic()
    const result = await work()
    phases.push({ name, seconds: (clock.monotonic() - start) / 1000 })
    return result
  }
  const ports = { clock, kafka: deps.ports.kafka, probe: deps.write.probe }
  const healthy = await timed('check that it is healthy', () => soundCluster(deps.observe, clock, signal))
  await removeOldLedgers(ports, signal, tell)
  const { prepare } = request
  const prepared = prepare === undefined ? null : await timed('prepare', () => prepare(healthy))
  const brokers = healthy.brokers.known ? healthy.brokers.value.map(({ id }) => id) : []
  const ledger = await openLedger(ports, brokers, signal)
  try {
    await timed('write a ledger of acknowledged records', () => clock.sleep(WARM, signal))
    const broken = await timed(`break it: ${request.fault}`, () => request.faults.inject(request.fault, {}, signal))
    const told = await timed('diagnose', () => settledVerdict(request))
    const run = await recoverTimed({ ...request, deps: prepared?.deps ?? deps }, phases)
    await timed('stop writing', () => ledger.stop())
    const score = await timed('read the ledger back', () => ledger.score(clock.deadline(minutes(2), signal)))
    return reportOf(request, { healthy, broken, told, run, score, phases })
  } finally {
    await ledger.stop()
    await ledger.remove(clock.deadline(seconds(30))).catch(() => tell(`${ledger.topic} was left behind`))
    await prepared?.clear(clock.deadline(seconds(30))).catch(() => tell('what was prepared was left behind'))
  }
}

const recoverTimed = async <Options>({ deps, tell }: DrillRequest<Options>, phases: { name: string; seconds: number }[]): Promise<RunResult> => {
  tell('recover')
  const events = (event: RunEvent): void => {
    if (event.type === 'phase.finished') phases.push({ name: `recover: ${event.phase}`, seconds: event.seconds })
    deps.events(event)
  }
  return startRun({ ...deps, events })
}

const soundCluster = async (observe: Observe, clock: RunDeps<never>['ports']['clock'], signal: AbortSignal): Promise<Survey> => {
  const end = clock.monotonic() + SEEN
  for (;;) {
    const survey = await observe(ALL_ASPECTS, null, signal)
    const { verdict, because } = diagnose(survey)
    if (verdict === 'healthy') return survey
    if (clock.monotonic() > end) {
      throw new KdrError(`there is nothing sound to break: ${verdict}, ${because}`, {
        code: 'not-healthy',
        exit: 'refused',
        hint: 'kdr diagnose says what it needs; a lab: kdr lab down, then again',
      })
    }
    await clock.sleep(seconds(1), signal)
  }
}

interface Told {
  readonly first: Diagnosis
  readonly got: Diagnosis
}

/**
 * The first verdict that is neither healthy nor unknown, and what it has become a moment later where it is not the expected
 * one: while a quorum elects its new leader, it is lost indeed.
 */
const settledVerdict = async <Options>({ deps, expects }: DrillRequest<Options>): Promise<Told> => {
  const { clock } = deps.ports
  const signal = deps.interrupt.signal
  const expected = expects?.verdict ?? deps.scenario.verdict
  const since = clock.now()
  let first: Diagnosis | null = null
  let seenAt: Instant | null = null
  for (;;) {
    const now = diagnose(await deps.observe(ALL_ASPECTS, null, signal))
    // Nothing looks ill: it has to stay so.
    if (expected === 'healthy') {
      first ??= now
      seenAt = now.verdict === 'healthy' ? (seenAt ?? clock.now()) : null
      if (seenAt !== null && clock.now() - seenAt > SETTLED) return { first, got: now }
    } else if (now.verdict !== 'healthy' && now.verdict !== 'unknown') {
      first ??= now
      seenAt ??= clock.now()
      if (now.verdict === expected || clock.now() - seenAt > SETTLED) return { first, got: now }
    }
    if (clock.now() - since > SEEN) return { first: first ?? now, got: now }
    await clock.sleep(seconds(1), signal)
  }
}

interface Parts {
  readonly healthy: Survey
  readonly broken: readonly string[]
  readonly told: Told
  readonly run: RunResult
  readonly score: LedgerScore
  readonly phases: DrillReport['phases']
}

/** What was given up at a gate: each partition with the most records that were typed for it, null where nothing bounded them. */
const acceptedIn = ({ gates }: RunResult): ReadonlyMap<string, number | null> =>
  new Map(
    gates
      .filter(({ effect }) => effect === 'lose-data')
      .flatMap(({ flags, challenge }) =>
        flags.flatMap((flag): [string, number | null][] =>
          flag.startsWith(ACCEPT) ? [[flag.slice(ACCEPT.length).replace(/:(\d+)$/, '-$1'), /^\d+$/.test(challenge) ? Number(challenge) : null]] : [],
        ),
      ),
  )

const ACCEPT = '--accept-loss '

/** Lost records are a failure wherever nobody gave them up by name, and beyond what was typed where somebody did; so is what could not be read. */
const lossProblems = ({ acknowledged, lost, lostIn, unread }: LedgerScore, accepted: ReadonlyMap<string, number | null>): readonly string[] => {
  const names = Object.keys(lostIn)
  const beyond = names.filter((name) => !accepted.has(name))
  const more = names.filter((name) => (lostIn[name] ?? 0) > (accepted.get(name) ?? Number.POSITIVE_INFINITY))
  const blind = Object.entries(unread).map(([name, why]) => `${name} (${why})`)
  return [
    ...(beyond.length === 0
      ? []
      : [`${lost} of ${acknowledged} acknowledged records were lost${accepted.size === 0 ? '' : `, not only where that was accepted: ${beyond.join(', ')}`}`]),
    ...more.map((name) => `${lostIn[name]} records of ${name} were lost, and ${accepted.get(name)} were typed at most`),
    ...(blind.length === 0 ? [] : [`the ledger could not be read back to its end: ${blind.join('; ')}`]),
  ]
}

const reportOf = <Options>(
  { deps, fault, kafka, expects }: DrillRequest<Options>,
  { healthy, broken, told: { first, got }, run, score, phases }: Parts,
): DrillReport => {
  const expected = expects?.verdict ?? deps.scenario.verdict
  const expectedOutcome = expects?.outcome ?? 'recovered'
  const named = membersOf(healthy, got.brokers)
  const right = got.verdict === expected && named.every((member) => broken.includes(member))
  const accepted = acceptedIn(run)
  const problems = [
    ...(right ? [] : [`diagnosed ${got.verdict} of ${named.join(', ') || 'nothing'} instead of ${expected} of ${broken.join(', ')}: ${got.because}`]),
    ...(run.outcome === expectedOutcome ? [] : [`${run.outcome}, where ${expectedOutcome} was expected: ${run.why}`]),
    ...lossProblems(score, accepted),
    ...(score.acknowledged === 0 ? ['no record was acknowledged: the ledger proves nothing'] : []),
  ]
  return {
    schema: 'kdr/drill/1',
    scenario: deps.scenario.id,
    platform: deps.ports.platform.kind,
    kafka,
    fault,
    broken,
    diagnosis: { expected, first: first.verdict, got: got.verdict, right },
    ledger: score,
    phases,
    outcome: run.outcome,
    expectedOutcome,
    lossAccepted: [...accepted.keys()],
    run: run.run,
    rtoSeconds: run.rtoSeconds,
    problems,
  }
}

const membersOf = ({ brokers }: Survey, ids: readonly number[]): readonly string[] =>
  ids
    .map((id) => (brokers.known ? brokers.value.find((broker) => broker.id === id)?.member : undefined))
    .flatMap((member) => (member?.known === true ? [member.value] : []))
