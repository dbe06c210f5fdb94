// Where a pod runs or last ran, and why it is not there now: scheduling and volumes, which its own status
// tells only half of.
import type { CoreV1Event, V1ObjectMeta, V1StatefulSet } from '@kubernetes/client-node'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Backing, Volume } from '../../model/member.ts'
import { type Instant, type Millis, minutes } from '../../units.ts'
import { notReady, troubledNodes } from './node-trouble.ts'
import { unschedulable, type Waiting, waitingOf } from './pod-state.ts'
import type { Entry } from './roster.ts'
import type { Snapshot } from './snapshot.ts'

/** Events of the pod, of its set and of its claims that are not bound, by the object's name. */
export type Told = ReadonlyMap<string, Known<readonly CoreV1Event[]>>

const toldOf = (told: Told, name: string): readonly CoreV1Event[] => {
  const events = told.get(name)
  return events?.known ? events.value : []
}

/** What was said of this very object: one of the same name may have come and gone within the hour that events are kept. */
const toldOfThis = (told: Told, { name = '', uid }: V1ObjectMeta = {}): readonly CoreV1Event[] =>
  toldOf(told, name).filter(({ involvedObject }) => uid !== undefined && involvedObject.uid === uid)

const lastWarning = (events: readonly CoreV1Event[]): CoreV1Event | undefined => events.findLast(({ type }) => type === 'Warning')

const ASSIGNED = /Successfully assigned \S+ to (\S+)/

/** The scheduler says where it put a pod: the one thing that a pod's predecessors may be asked. */
const nodeInEvents = (events: readonly CoreV1Event[]): string | null => {
  const last = events.findLast(({ reason, message }) => reason === 'Scheduled' && ASSIGNED.test(message ?? ''))
  return ASSIGNED.exec(last?.message ?? '')?.[1] ?? null
}

export const nodeOf = ({ name, pod }: Entry, backings: readonly Backing[], told: Told): Known<string | null> => {
  if (pod?.spec?.nodeName !== undefined) return known(pod.spec.nodeName, `spec of pod ${name}`)
  const pinned = backings.find(({ node }) => node !== null)?.node
  if (pinned != null) return known(pinned, 'node affinity of its volume')
  const events = told.get(name)
  if (events?.known === false) return unknown(events.why, events.by)
  const last = nodeInEvents(toldOf(told, name))
  return last === null ? unknown('it is on no node, and no event says where it last was', 'Events') : known(last, `events of pod ${name}`)
}

/** Why its node's word is not to be had, null while its kubelet reports. A node that cannot be read is believed. */
export const lostOf = ({ pod }: Entry, { nodes }: Snapshot): string | null => {
  const name = pod?.spec?.nodeName
  if (name === undefined || !nodes.known) return null
  const node = nodes.value.find(({ metadata }) => metadata?.name === name)
  return node === undefined ? 'gone: the cluster has no such node any more' : notReady(node)
}

const claimWords = ({ claim, phase, volume }: Backing, { claims }: Snapshot, told: Told): string => {
  if (phase === 'Missing') return `PersistentVolumeClaim ${claim} does not exist`
  if (phase === 'Released') return `PersistentVolumeClaim ${claim} does not exist; its volume ${volume} still does, and is Released`
  if (phase === 'Lost') return `PersistentVolumeClaim ${claim} is Lost: its volume ${volume} does not exist any more`
  const found = claims.known ? claims.value.find(({ metadata }) => metadata?.name === claim) : undefined
  const events = toldOfThis(told, found?.metadata)
  const said = lastWarning(events) ?? events.at(-1)
  const words = said === undefined ? '' : `: ${said.reason}: ${said.message}`
  return `PersistentVolumeClaim ${claim} is ${phase} (storage class ${found?.spec?.storageClassName ?? 'default'})${words}`
}

const byClaim = (backings: readonly Backing[], snapshot: Snapshot, told: Told): Waiting | null => {
  const bad = backings.filter(({ phase }) => phase !== 'Bound' && phase !== 'Unknown')
  return bad.length === 0 ? null : { reason: 'PersistentVolumeClaim', message: bad.map((backing) => claimWords(backing, snapshot, told)).join('; ') }
}

const byScheduler = (message: string, backings: readonly Backing[], snapshot: Snapshot, told: Told): Waiting => {
  const claim = /persistentvolumeclaim/i.test(message) ? byClaim(backings, snapshot, told) : null
  if (claim !== null) return claim
  const trouble = troubledNodes(snapshot.nodes)
  return { reason: 'Unschedulable', message: `${message}${trouble.length === 0 ? '' : ` (${trouble.join('; ')})`}` }
}

/** A volume leaves one node before it comes to another: until its old pod is gone, and six minutes more where that node is dead. */
const ATTACH_PATIENCE: Millis = minutes(5)
const ATTACH = 'FailedAttachVolume'

/** The attach controller tries again and again: only after a while is that a failure. */
const byAttaching = (events: readonly CoreV1Event[], warning: CoreV1Event, now: Instant): Waiting | null => {
  const first = events.find(({ type, reason }) => type === 'Warning' && reason === ATTACH)
  // Meanwhile the kubelet says, of the same trouble, that a mount timed out for want of it.
  if (first === undefined || (warning.reason !== ATTACH && !/attach/i.test(warning.message ?? ''))) return null
  const since = new Date(first.firstTimestamp ?? first.eventTime ?? first.metadata.creationTimestamp ?? first.lastTimestamp ?? now).getTime()
  return { reason: now - since < ATTACH_PATIENCE ? 'Attaching' : ATTACH, message: warning.message ?? ATTACH }
}

/** Mounting and attaching go wrong while the container is only said to be created. */
const byKubelet = (metadata: V1ObjectMeta | undefined, own: Waiting, told: Told, now: Instant): Waiting => {
  const events = own.reason === 'ContainerCreating' ? toldOfThis(told, metadata) : []
  const warning = lastWarning(events)
  if (warning === undefined) return own
  return byAttaching(events, warning, now) ?? { reason: warning.reason ?? own.reason, message: warning.message ?? own.message }
}

/** What created nothing, in its controller's words: a quota, an admission hook. */
const withCreation = (absent: Waiting, set: V1StatefulSet | null, told: Told): Waiting => {
  const failed = toldOfThis(told, set?.metadata).findLast(({ reason }) => reason === 'FailedCreate')
  return failed === undefined || absent.reason !== 'NotCreated' ? absent : { ...absent, message: `${absent.message}; FailedCreate: ${failed.message}` }
}

export const waitsFor = (entry: Entry, volumes: readonly Volume[], snapshot: Snapshot, told: Told, now: Instant): Known<Waiting | null> => {
  const { pod, absent, set } = entry
  const by = 'status and events'
  const backings = volumes.flatMap(({ backing }) => (backing === null ? [] : [backing]))
  if (absent !== null || pod === null) return known(absent === null ? null : withCreation(absent, set, told), by)
  const lost = lostOf(entry, snapshot)
  if (lost !== null) return known({ reason: 'NodeLost', message: `node ${pod.spec?.nodeName} is ${lost}` }, by)
  const unplaced = unschedulable(pod)
  if (unplaced !== null) return known(byScheduler(unplaced, backings, snapshot, told), by)
  const own = waitingOf(pod)
  return known(own === null ? null : byKubelet(pod.metadata, own, told, now), by)
}

/** Names whose events tell something about a member that does not run as it should. */
export const namesToAsk = ({ name, set, absent }: Entry, volumes: readonly Volume[]): readonly string[] => [
  name,
  ...(absent === null || set?.metadata?.name === undefined ? [] : [set.metadata.name]),
  ...volumes.flatMap(({ backing }) => (backing === null || backing.phase === 'Bound' ? [] : [backing.claim])),
]
