// The read half of the platform port over one namespace: everything that changes nothing.
import { KdrError } from '../../errors.ts'
import { type Member, type Role, rangeWith } from '../../model/member.ts'
import type { PlatformReader } from '../../ports/platform.ts'
import type { KubeClient } from './client.ts'
import { commandsOf, type Typed } from './commands.ts'
import { mainContainerOf } from './containers.ts'
import { dataOf, replicasInside } from './data.ts'
import { readEvents } from './events.ts'
import { claimsOf, type Inside } from './inside.ts'
import { readLog } from './logs.ts'
import { readMembers } from './members.ts'
import { readPermissions } from './permissions.ts'
import { readPod } from './pod-look.ts'
import { roleSelectors, rolesOf } from './roles.ts'
import { type Entry, rosterOf } from './roster.ts'
import { takeSnapshot } from './snapshot.ts'

export interface ReaderSettings {
  readonly cluster: string
  readonly kubeconfig: string | null
  readonly context: string | null
  readonly selectors: Readonly<Partial<Record<Role, string>>>
}

export type Reader = Omit<PlatformReader, 'dial' | 'close'>

const scaleOf = ({ name, roles, set, deployment }: Entry): Typed['scale'] => {
  if (set === null) return { kind: 'deployment', name: deployment?.metadata?.name ?? name, replicas: 1, first: null }
  const first = set.spec?.ordinals?.start ?? 0
  const range = rangeWith({ first, replicas: set.spec?.replicas ?? 1 }, { name, roles })
  return { kind: 'statefulset', name: set.metadata?.name ?? '', replicas: range.replicas, first: range.first === first ? null : range.first }
}

const typedOf = (member: Member, entry: Entry | undefined): Typed => {
  return {
    container: entry?.container?.name ?? null,
    image: entry?.container?.image ?? '',
    isBroker: member.roles.includes('broker'),
    running: member.state.known && member.state.value === 'running',
    address: member.addresses[0] ?? null,
    scale: entry?.absent?.reason === 'ScaledDown' ? scaleOf(entry) : null,
  }
}

const noSuchMember = (cluster: string, name: string, members: Iterable<string>): KdrError =>
  new KdrError(`${cluster} has no member ${name}`, { code: 'no-such-member', exit: 'usage', hint: `it has ${[...members].join(', ') || 'none'}` })

const logGone = (name: string): KdrError =>
  new KdrError(`pod ${name} does not exist, and its log is gone with it`, { code: 'log-unreadable', hint: 'look where the logs of the cluster are collected' })

/** Throws `bad-selector`. Calls on a name that is no member throw `no-such-member`. */
export const kubernetesReader = (client: KubeClient, settings: ReaderSettings, inside: Inside): Reader => {
  const { core, namespace } = client
  const selectors = roleSelectors(settings.selectors)
  let seen: ReadonlyMap<string, Typed> = new Map()
  const look = async (signal: AbortSignal): Promise<readonly Member[]> => {
    const { members, roster } = await readMembers(client, inside, selectors, signal)
    const entries = new Map(roster.map((entry) => [entry.name, entry]))
    seen = new Map(members.map((member) => [member.name, typedOf(member, entries.get(member.name))]))
    return members
  }
  const names = async (signal: AbortSignal): Promise<readonly string[]> => (seen.size > 0 ? [...seen.keys()] : (await look(signal)).map(({ name }) => name))
  return {
    kind: 'kubernetes',
    commands: commandsOf({ namespace, context: settings.context, kubeconfig: settings.kubeconfig, seen: () => seen }),
    identity: async (signal) => {
      const { context, server } = client.target()
      const ask = { verb: 'get', resource: 'namespaces', name: namespace }
      const { metadata } = await client.call(signal, ask, (options) => core.readNamespace({ name: namespace }, options))
      return { platform: 'kubernetes', cluster: settings.cluster, identity: `${context}|${server}|${metadata?.uid}` }
    },
    members: look,
    logs: async (member, { tail, previous }, signal) => {
      const pod = await readPod(client, member, signal)
      if (pod !== null && rolesOf(pod.metadata?.labels ?? {}, mainContainerOf(pod), selectors).length > 0)
        return readLog(client, pod, { previous, part: { tail } }, signal)
      const members = await names(signal)
      throw members.includes(member) ? logGone(member) : noSuchMember(settings.cluster, member, members)
    },
    data: async (name, signal) => {
      const member = (await look(signal)).find((each) => each.name === name)
      if (member === undefined) throw noSuchMember(settings.cluster, name, seen.keys())
      const paths = member.volumes.map(({ path }) => path)
      return dataOf(client, name, paths, signal)
    },
    replicas: async (name, signal) => {
      const snapshot = await takeSnapshot(client, signal)
      const roster = rosterOf(snapshot, selectors)
      const entry = roster.find((each) => each.name === name)
      if (entry === undefined)
        throw noSuchMember(
          settings.cluster,
          name,
          roster.map((each) => each.name),
        )
      return inside.replicas(entry, claimsOf(entry, snapshot)) ?? replicasInside(client, entry, signal)
    },
    events: async (since, signal) => readEvents(client, since, await names(signal), signal),
    permissions: (need, signal) => readPermissions(client, need, signal),
  }
}
