// Rolling restart: only instances that need it, one at a time, and each has to serve again before the next.
import { act, type ForEach, forEach, type Guard, look, type Progress, type Step } from '../../engine/step.ts'
import { notManaged, withinBudget } from '../../judgement/platform-guards.ts'
import { leaderProblem, registryOf, restartNeeds } from '../../judgement/registry.ts'
import { dependenciesHold, memoryKept, readsKept, urlsUnique } from '../../judgement/registry-guards.ts'
import { isKnownTrue, known } from '../../model/known.ts'
import type { RegistryInstance, RegistryView } from '../../model/registry.ts'
import { memberOf, type Survey } from '../../model/survey.ts'
import type { PlatformCommands } from '../../ports/platform.ts'
import type { WriteWorld } from '../../ports/world.ts'
import { withMember, withRegistry } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import type { FoundCase } from './case.ts'

export interface ToRestart {
  readonly member: string
  readonly uid: string | null
  /** Its platform starts it again whatever ended it, perhaps under another name. */
  readonly revives: boolean
  readonly because: string
}

/** A registry stops within seconds; it has nothing to hand over. */
export const REGISTRY_STOP = seconds(30)

const restartGuards = ({ value }: Pick<FoundCase, 'value'>): readonly Guard<ToRestart>[] => [
  notManaged(),
  withinBudget(),
  dependenciesHold(),
  urlsUnique(),
  readsKept(),
  memoryKept(() => value().safe),
]

/** Stops what is left of it and starts it, or has its platform start it. */
export const restartInstance = async (world: WriteWorld, { member: name, uid, revives }: ToRestart, signal: AbortSignal): Promise<void> => {
  const { platform } = world.change
  if (uid !== null) await platform.stop({ name, uid }, { grace: REGISTRY_STOP }, signal)
  if (!revives || uid === null) await platform.start({ name, uid: null }, signal)
}

const servedBy = (view: RegistryView | null, member: string): RegistryInstance | undefined => view?.instances.find((instance) => instance.member === member)

/** Runs anew and answers. Where pods are replaced under other names, as many as there were answer. */
export const servesAnew = (now: Survey, { member: name, uid, revives }: ToRestart): Progress => {
  const view = registryOf(now)
  const member = memberOf(now, name)
  if (member === undefined && revives && view !== null) {
    const silent = view.instances.filter(({ reads }) => !isKnownTrue(reads)).map(({ url }) => url)
    return silent.length === 0 && view.instances.length > 0
      ? { state: 'done', detail: `${name} was replaced; every instance answers` }
      : { state: 'under-way', detail: `${name} is being replaced` }
  }
  if (member === undefined || !member.state.known || !member.uid.known) return { state: 'unknown', detail: `${name} was not seen` }
  if (uid !== null && member.uid.value === uid) return { state: 'not-started', detail: `${name} still runs as before` }
  if (member.state.value === 'stopped') return { state: revives ? 'under-way' : 'not-started', detail: `${name} does not run` }
  if (isKnownTrue(servedBy(view, name)?.reads ?? known(false, 'survey')))
    // The next one may be touched only once it is seen again who advertises what.
    return view?.identities.known === true
      ? { state: 'done', detail: `${name} answers again` }
      : { state: 'under-way', detail: `${name} answers; its group is rebalancing` }
  return { state: 'under-way', detail: `${name} runs and does not answer yet` }
}

export const withServing = (now: Survey, name: string): Survey =>
  withRegistry(withMember(now, name, { state: known('running', 'projected'), uid: known('projected', 'projected') }), (view) => ({
    ...view,
    instances: view.instances.map((instance) => (instance.member === name ? { ...instance, reads: known(true, 'projected') } : instance)),
    leader: view.leader.known ? known({ url: servedBy(view, name)?.url ?? '', answers: known(true, 'projected') }, 'projected') : view.leader,
  }))

export const restartCommands = ({ member, uid }: Pick<ToRestart, 'member' | 'uid'>, commands: PlatformCommands): readonly string[] => [
  uid === null ? commands.start(member) : commands.restart(member, REGISTRY_STOP),
]

const restartStep = (id: string, name: string, from: FoundCase): Step =>
  act<ToRestart>({
    id,
    title: `Restart ${name}`,
    why: 'One at a time, so that the others go on serving reads, and only what does not work.',
    effect: 'restart',
    aspects: ['members', 'partitions', 'registry', 'schemas'],
    budget: { expected: seconds(20), deadline: minutes(4) },
    guards: restartGuards(from),
    resolve: async (world) => {
      const now = await world.survey()
      const need = restartNeeds(now).find(({ member }) => member.name === name)
      if (need === undefined) return { nothing: `${name} needs no restart` }
      const { member, because } = need
      if (!member.uid.known) return { unknown: `whether ${name} runs was not seen: ${member.uid.why}` }
      // What a Deployment runs comes back under another name, whoever starts it.
      const renamed = member.workload.known && member.workload.value?.kind === 'Deployment'
      return { target: { member: name, uid: member.uid.value, revives: member.revives === 'always' || renamed, because } }
    },
    preview: (target, commands) => ({
      sentence: `${target.uid === null ? 'start' : 'restart'} ${target.member}: ${target.because}`,
      changes: [target.uid === null ? `${target.member} serves again` : `${target.member} serves no reads for some seconds`],
      commands: restartCommands(target, commands),
    }),
    act: async (world, target, signal) => {
      await restartInstance(world, target, signal)
      return undefined
    },
    expect: (now, { member }) => withServing(now, member),
    done: servesAnew,
  })

/** `id`: of its steps. */
export const rollingRestart = (id: string, from: FoundCase): ForEach =>
  forEach({
    id: `${id}-rolling`,
    title: 'Each instance that does not work, one at a time',
    items: (now) => restartNeeds(now).map(({ member }) => ({ key: member.name, title: member.name, parts: [restartStep(id, member.name, from)] })),
  })

/** Every instance answers and one of them leads. */
const served = (now: Survey): Progress => {
  const view = registryOf(now)
  if (view === null) return { state: 'unknown', detail: 'the registry was not seen' }
  const silent = view.instances.filter(({ reads }) => !isKnownTrue(reads)).map(({ url }) => url)
  if (silent.length > 0) return { state: 'under-way', detail: `${silent.join(', ')} does not answer yet` }
  const problem = leaderProblem(view)
  if (problem === null) return { state: 'done', detail: `${view.instances.length} instances answer, one of them leads` }
  return { state: 'under-way', detail: problem ?? 'its leader was not seen' }
}

export const awaitRegistry = (id: string): Step =>
  look<{ readonly count: number }>({
    id,
    title: 'Wait until every instance answers and one leads',
    why: 'Without a leader reads go on and every write fails.',
    effect: 'read',
    aspects: ['members', 'partitions', 'registry', 'schemas'],
    budget: { expected: seconds(15), deadline: minutes(3) },
    resolve: async (world) => ({ target: { count: registryOf(await world.survey())?.instances.length ?? 0 } }),
    preview: ({ count }) => ({ sentence: `wait until all ${count} instances answer and one of them leads`, changes: [], commands: [] }),
    expect: (now) => (registryOf(now)?.instances ?? []).reduce((after, { member }) => (member === null ? after : withServing(after, member)), now),
    done: served,
  })
