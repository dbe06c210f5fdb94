// The write half of the platform port over one namespace. Every write looks its object up once more and
// names what it saw, so that the API server refuses it when that is no longer true.
import { KdrError } from '../../errors.ts'
import type { Role } from '../../model/member.ts'
import type { MemberRef, PlatformWriter } from '../../ports/platform.ts'
import type { KubeClient } from './client.ts'
import { mainContainerOf, uidOf } from './containers.ts'
import { execIn } from './exec.ts'
import { claimsOf, type Inside } from './inside.ts'
import { lookAtUnmounted } from './inspect.ts'
import { placeOnClaims } from './place.ts'
import { memberChanged, stopPod } from './pod-writes.ts'
import { rebindVolume } from './rebind.ts'
import { recreateSet } from './recreate.ts'
import { roleSelectors } from './roles.ts'
import { type Entry, rosterOf } from './roster.ts'
import { takeSnapshot } from './snapshot.ts'
import { startMember } from './start-member.ts'
import { applyManifest, rolloutOf, scaleTo } from './workload-writes.ts'

export interface WriterSettings {
  readonly cluster: string
  readonly selectors: Readonly<Partial<Record<Role, string>>>
}

const noSuchMember = (cluster: string, name: string, roster: readonly Entry[]): KdrError =>
  new KdrError(`${cluster} has no member ${name}`, {
    code: 'no-such-member',
    exit: 'usage',
    hint: `it has ${roster.map((entry) => entry.name).join(', ') || 'none'}`,
  })

/** Throws `bad-selector`. Calls on a name that is no member throw `no-such-member`; each throws `forbidden` where a verb is missing. */
export const kubernetesWriter = (client: KubeClient, { cluster, selectors }: WriterSettings, inside: Inside): PlatformWriter => {
  const roles = roleSelectors(selectors)
  const findWithClaims = async (name: string, signal: AbortSignal): Promise<{ readonly entry: Entry; readonly claims: string | null }> => {
    const snapshot = await takeSnapshot(client, signal)
    const roster = rosterOf(snapshot, roles)
    const entry = roster.find((candidate) => candidate.name === name)
    if (entry === undefined) throw noSuchMember(cluster, name, roster)
    return { entry, claims: claimsOf(entry, snapshot) }
  }
  const find = async (name: string, signal: AbortSignal): Promise<Entry> => (await findWithClaims(name, signal)).entry
  const exec = async (ref: MemberRef, argv: readonly string[], signal: AbortSignal) => {
    const { pod } = await find(ref.name, signal)
    const now = pod === null ? null : uidOf(pod)
    if (now !== ref.uid) throw memberChanged(ref, now)
    const container = pod === null ? undefined : mainContainerOf(pod)
    if (now === null || container === undefined) throw new KdrError(`${ref.name} does not run: no command can be run in it`, { code: 'exec-failed' })
    return execIn(client, ref.name, container.name, argv, signal)
  }
  return {
    stop: async (ref, options, signal) => {
      const { roles: own } = await find(ref.name, signal)
      await stopPod(client, ref, own, options, signal)
    },
    start: (ref, signal) => startMember(client, () => find(ref.name, signal), ref, signal),
    reconnect: async ({ name }) => {
      throw new KdrError(`pod ${name} cannot lose its network by itself`, { code: 'not-on-this-platform' })
    },
    exec,
    inspect: async (ref, { replicas }, signal) => {
      const { entry, claims } = await findWithClaims(ref.name, signal)
      if (entry.pod !== null || ref.uid !== null) throw memberChanged(ref, entry.pod === null ? null : uidOf(entry.pod))
      if (claims === null) throw new KdrError(`the claims of ${ref.name} are not all there to be looked at`, { code: 'disk-unreachable' })
      inside.remember(ref.name, claims, await lookAtUnmounted(client, entry, replicas, signal))
    },
    place: async (ref, files, signal) => {
      const entry = await find(ref.name, signal)
      if (entry.pod !== null || ref.uid !== null) throw memberChanged(ref, entry.pod === null ? null : uidOf(entry.pod))
      const { kept, disks } = await placeOnClaims(client, entry, files, signal)
      const { claims } = await findWithClaims(ref.name, signal)
      if (claims !== null) inside.remember(ref.name, claims, { disks, replicas: null })
      return kept
    },
    workloads: {
      scale: (of, replicas, signal) => scaleTo(client, of, replicas, signal),
      rollout: (of, signal) => rolloutOf(client, of, signal),
      apply: (manifest, signal) => applyManifest(client, manifest, signal),
      recreate: (of, change, keep, signal) => recreateSet(client, of, change, keep, signal),
      rebind: (volume, claim, signal) => rebindVolume(client, volume, claim, signal),
    },
  }
}
