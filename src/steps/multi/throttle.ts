// The throttle under which replicas are moved (KIP-73): laid beside what the operator has set, taken off again after a
// crash too, by a later run where need be, and what was set before put back.
import { act, type Decision, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { governed } from '../../judgement/guards.ts'
import { isKnownTrue } from '../../model/known.ts'
import type { Survey, Throttled } from '../../model/survey.ts'
import type { WriteWorld } from '../../ports/world.ts'
import { THROTTLE } from '../../survey/closer.ts'
import { formatBytes, minutes, seconds } from '../../units.ts'

/**
 * Bytes a second and broker: enough for 3 TB a day, little enough for a gigabit link to serve clients beside it. No round number,
 * so that a later run knows what an earlier one left.
 */
const RATE = '40000007'
const ALL = '*'

type Values = Throttled['values']

export interface ToThrottle {
  readonly type: Throttled['type']
  readonly name: string
  /** What was set there before, by whoever else. */
  readonly before: Values
}

/** What is to be moved, and what is throttled meanwhile. */
interface UnderThrottle {
  readonly moves: readonly unknown[]
  readonly throttled: readonly ToThrottle[]
}

type Target = Pick<UnderThrottle, 'throttled'>

const keysOf = ({ type }: Pick<Throttled, 'type'>): readonly string[] => THROTTLE[type]

const valuesOf = (all: readonly Throttled[], { type, name }: Pick<Throttled, 'type' | 'name'>): Values =>
  all.find((each) => each.type === type && each.name === name)?.values ?? {}

/** kdr's own: its rate, and the list of all replicas as long as nobody had set that before. */
const isOurs = ({ type, before }: ToThrottle, key: string, value: string | undefined): boolean =>
  type === 'broker' ? value === RATE : value === ALL && before[key] !== ALL

/** A run that was given up left its rates on brokers; without any, no list of replicas was laid by one. */
const leftBehind = (all: readonly Throttled[]): readonly ToThrottle[] => {
  const any = all.some((each) => each.type === 'broker' && Object.values(each.values).includes(RATE))
  const found = any ? all.map(({ type, name }): ToThrottle => ({ type, name, before: {} })) : []
  return found.filter((each) => keysOf(each).some((key) => isOurs(each, key, valuesOf(all, each)[key])))
}

/** Every live broker, and these topics. `throttles` has to be known. */
export const toThrottle = (now: Survey, topics: readonly string[]): readonly ToThrottle[] => {
  const all = now.throttles.known ? now.throttles.value : []
  const old = leftBehind(all)
  const brokers = (now.brokers.known ? now.brokers.value : []).filter(({ registered }) => isKnownTrue(registered))
  const wanted = [...brokers.map(({ id }) => ({ type: 'broker' as const, name: String(id) })), ...topics.map((name) => ({ type: 'topic' as const, name }))]
  return wanted.map(({ type, name }) => {
    const left = old.find((each) => each.type === type && each.name === name)
    const values = Object.entries(valuesOf(all, { type, name })).filter(([key, value]) => left === undefined || !isOurs(left, key, value))
    return { type, name, before: Object.fromEntries(values) }
  })
}

/** A rate that the operator has set stays: it is theirs to judge. */
const wantedFor = ({ type, before }: ToThrottle, key: string): string => (type === 'broker' ? (before[key] ?? RATE) : ALL)

/** What has to be set yet, or what has to be put back yet, by key. */
const missing = (all: readonly Throttled[], each: ToThrottle): Readonly<Record<string, string>> =>
  Object.fromEntries(keysOf(each).flatMap((key) => (valuesOf(all, each)[key] === wantedFor(each, key) ? [] : [[key, wantedFor(each, key)]])))
const leftOn = (all: readonly Throttled[], each: ToThrottle): Readonly<Record<string, string | null>> =>
  Object.fromEntries(keysOf(each).flatMap((key) => (isOurs(each, key, valuesOf(all, each)[key]) ? [[key, each.before[key] ?? null]] : [])))

const some = (changes: object): boolean => Object.keys(changes).length > 0
const nameOf = ({ type, name }: Pick<Throttled, 'type' | 'name'>): string => `${type} ${name}`

const command = ({ type, name }: ToThrottle, changes: Readonly<Record<string, string | null>>): readonly string[] => {
  const set = Object.entries(changes).flatMap(([key, value]) => (value === null ? [] : [`${key}=${value.includes(',') ? `[${value}]` : value}`]))
  const unset = Object.entries(changes).flatMap(([key, value]) => (value === null ? [key] : []))
  const how = [...(set.length > 0 ? ['--add-config', set.join(',')] : []), ...(unset.length > 0 ? ['--delete-config', unset.join(',')] : [])]
  return ['--alter', '--entity-type', `${type}s`, '--entity-name', name, ...how]
}

const seenNow = async (world: WriteWorld): Promise<readonly Throttled[]> => {
  const { throttles } = await world.survey(['brokers', 'partitions', 'throttles'])
  if (!throttles.known) throw new Error(`what is throttled was not seen: ${throttles.why}`)
  return throttles.value
}

export const layThrottle = (plan: Decision<UnderThrottle>): Step =>
  act<Target>({
    id: 'lay-throttle',
    title: 'Throttle replication before anything is moved',
    why: 'Unthrottled, the copies would take the disks and the network that clients need.',
    effect: 'change',
    aspects: ['brokers', 'throttles'],
    budget: { expected: seconds(10), deadline: minutes(2) },
    guards: [governed()],
    resolve: async () => (plan.value().moves.length === 0 ? { nothing: 'nothing is moved' } : { target: { throttled: plan.value().throttled } }),
    preview: ({ throttled }, commands) => {
      const own = throttled.filter(({ type, before }) => type === 'broker' && some(before))
      return {
        sentence: `throttle replication to ${formatBytes(Number(RATE))}/s on ${throttled.filter(({ type }) => type === 'broker').length} brokers`,
        changes: [
          `on ${few(throttled.map(nameOf))}; taken off again when everything is moved`,
          ...own.map((each) => `the rate that is set on ${nameOf(each)} stays (${Object.values(each.before).join(', ')})`),
        ],
        commands: throttled
          .map((each) => ({ each, changes: missing([{ ...each, values: each.before }], each) }))
          .filter(({ changes }) => some(changes))
          .slice(0, 4)
          .map(({ each, changes }) => commands.kafka('kafka-configs', command(each, changes))),
      }
    },
    act: async (world, { throttled }, signal) => {
      const all = await seenNow(world)
      for (const each of throttled) if (some(missing(all, each))) await world.change.kafka.alterConfigs(each, missing(all, each), signal)
      return undefined
    },
    expect: (now) => now,
    done: (now, { throttled }) => {
      if (!now.throttles.known) return { state: 'unknown', detail: 'the throttles were not seen' }
      const all = now.throttles.value
      const on = throttled.filter((each) => !some(missing(all, each)))
      const measure = { done: on.length, total: throttled.length, unit: 'throttles' }
      if (on.length === throttled.length) return { state: 'done', detail: `${on.length} throttles are laid`, measure }
      // Nobody goes on with half of them but us: the rest has to be offered again.
      return { state: 'not-started', detail: `${on.length} of ${throttled.length} throttles are laid`, measure }
    },
  })

/** Nothing is left of this run's, nor of one that was given up; what others set is named and stays. */
const nothingLeft = (all: readonly Throttled[], own: boolean): string => {
  const others = all.length === 0 ? '' : `; what is set on ${few(all.map(nameOf))} is not kdr's and stays`
  return `${own ? 'none is left' : 'this run laid none'}${others}`
}

/** Comes whatever happened before: a throttle that is left behind starves the cluster for ever. */
export const liftThrottle = (plan: Decision<UnderThrottle>): Step =>
  act<Target>({
    id: 'lift-throttle',
    title: 'Take the throttle off again',
    why: 'A throttle that stays starves replication from then on: followers fall out of sync under ordinary load.',
    effect: 'change',
    aspects: ['brokers', 'throttles'],
    budget: { expected: seconds(10), deadline: minutes(2) },
    guards: [governed()],
    resolve: async (world) => {
      const own = plan.taken()?.throttled ?? []
      const now = await world.survey(['brokers', 'partitions', 'throttles'])
      if (!now.throttles.known) {
        if (own.length === 0) return { nothing: `this run laid none; whether an earlier one left any was not seen: ${now.throttles.why}` }
        return { unknown: `whether a throttle is left was not seen: ${now.throttles.why}` }
      }
      const all = now.throttles.value
      const old = leftBehind(all).filter((each) => !own.some(({ type, name }) => type === each.type && name === each.name))
      const throttled = [...own, ...old].filter((each) => some(leftOn(all, each)))
      return throttled.length === 0 ? { nothing: nothingLeft(all, own.length > 0) } : { target: { throttled: rateLast(throttled) } }
    },
    preview: ({ throttled }, commands) => ({
      sentence: `take the replication throttle of kdr off ${few(throttled.map(nameOf))}`,
      changes: throttled.flatMap((each) =>
        some(each.before) ? [`${nameOf(each)} gets back what it had before: ${Object.values(each.before).join(', ')}`] : [],
      ),
      commands: throttled.slice(0, 4).map((each) => {
        const laid = Object.fromEntries(keysOf(each).map((key) => [key, wantedFor(each, key)]))
        return commands.kafka('kafka-configs', command(each, leftOn([{ ...each, values: laid }], each)))
      }),
    }),
    act: async (world, { throttled }, signal) => {
      const all = await seenNow(world)
      for (const each of throttled) if (some(leftOn(all, each))) await world.change.kafka.alterConfigs(each, leftOn(all, each), signal)
      return undefined
    },
    expect: (now) => now,
    done: (now, { throttled }) => {
      if (!now.throttles.known) return { state: 'unknown', detail: 'the throttles were not seen' }
      const all = now.throttles.value
      const left = throttled.filter((each) => some(leftOn(all, each)))
      if (left.length === 0) return { state: 'done', detail: 'no throttle of kdr is left' }
      // Nobody takes the rest off but us: after a crash half-way it has to be offered again.
      return { state: 'not-started', detail: `${left.length} throttles are left` }
    },
  })

/** As long as a rate is left, a later run knows whose the lists are. */
const rateLast = (all: readonly ToThrottle[]): readonly ToThrottle[] => [...all].sort((a, b) => Number(a.type === 'broker') - Number(b.type === 'broker'))
