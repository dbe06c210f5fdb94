// A member's volumes: what its disks say while it runs, and the claim and volume that keep them while it
// does not. A claim that is proven absent is the only thing that says `gone`.
import type { V1PersistentVolume, V1PersistentVolumeClaim, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Backing, Volume } from '../../model/member.ts'
import { type ZooKeeperContent, zooKeeperState } from '../../model/quorum-disk.ts'
import type { Disk } from './disk.ts'
import { claimName, type Entry } from './roster.ts'
import type { Snapshot } from './snapshot.ts'

export interface Mount {
  readonly name: string
  readonly path: string
  /** null: it dies with the pod, or belongs to the node. */
  readonly claim: string | null
}

const claimOf = (volume: V1Volume, pod: string): string | null =>
  volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral === undefined ? null : `${pod}-${volume.name}`)

/** Kinds that may hold a member's data; the rest is configuration. */
const mayHoldData = (volume: V1Volume, pod: string): boolean => claimOf(volume, pod) !== null || volume.emptyDir !== undefined || volume.hostPath !== undefined

const ordinalOf = (name: string): number => Number(/-(\d+)$/.exec(name)?.[1] ?? -1)

/** Where its main container sees which claim; of a pod that is not there, as its StatefulSet would make it. */
export const mountsOf = ({ name, pod, container, set }: Entry): readonly Mount[] => {
  const volumes = pod?.spec?.volumes ?? set?.spec?.template?.spec?.volumes ?? []
  const templates = (set?.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name ?? '')
  return (container?.volumeMounts ?? []).flatMap(({ name: volume, mountPath: path, readOnly }: V1VolumeMount): Mount[] => {
    if (readOnly === true) return []
    const found = volumes.find((candidate) => candidate.name === volume)
    if (pod === null && templates.includes(volume)) return [{ name: volume, path, claim: claimName(volume, set?.metadata?.name ?? '', ordinalOf(name)) }]
    return found !== undefined && mayHoldData(found, name) ? [{ name: volume, path, claim: claimOf(found, name) }] : []
  })
}

/** Local and zonal disks say so in their node affinity: by host name, or by the node's own. */
const nodeOf = (volume: V1PersistentVolume | undefined, { nodes }: Snapshot): string | null => {
  const terms = volume?.spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []
  const [host, ...others] = terms.flatMap(({ matchExpressions = [], matchFields = [] }) =>
    [...matchExpressions, ...matchFields].flatMap(({ key, operator, values = [] }) =>
      operator === 'In' && (key === 'kubernetes.io/hostname' || key === 'metadata.name') ? values : [],
    ),
  )
  if (host === undefined || others.length > 0) return null
  const named = nodes.known ? nodes.value.find(({ metadata }) => metadata?.labels?.['kubernetes.io/hostname'] === host) : undefined
  return named?.metadata?.name ?? host
}

const phaseOf = (claim: V1PersistentVolumeClaim): string =>
  claim.metadata?.deletionTimestamp === undefined ? (claim.status?.phase ?? 'Pending') : 'Terminating'

const whenReleased = ({ status }: V1PersistentVolume): number => new Date(status?.lastPhaseTransitionTime ?? 0).getTime()

/** Volumes that belonged to a claim of this name once and were kept (Released), the latest first: their data may be given back. */
const releasedOf = (name: string, namespace: string, { volumes }: Snapshot): readonly V1PersistentVolume[] =>
  (volumes.known ? volumes.value : [])
    .filter(({ spec, status }) => status?.phase === 'Released' && spec?.claimRef?.name === name && spec.claimRef.namespace === namespace)
    .sort((a, b) => whenReleased(b) - whenReleased(a))

/** Of a claim that is gone, the volume it left behind is still named. */
const backingOf = (name: string, namespace: string, snapshot: Snapshot): Backing => {
  const { claims, volumes } = snapshot
  const claim = claims.known ? claims.value.find(({ metadata }) => metadata?.name === name) : undefined
  const bound = volumes.known ? volumes.value.find(({ metadata }) => metadata?.name === claim?.spec?.volumeName) : undefined
  const [left] = claim === undefined ? releasedOf(name, namespace, snapshot) : []
  const volume = bound ?? left
  const absent = !claims.known ? 'Unknown' : left === undefined ? 'Missing' : 'Released'
  return {
    claim: name,
    phase: claim === undefined ? absent : phaseOf(claim),
    volume: claim?.spec?.volumeName ?? volume?.metadata?.name ?? null,
    reclaim: volume?.spec?.persistentVolumeReclaimPolicy ?? null,
    node: nodeOf(volume, snapshot),
  }
}

/** Where another volume still names the claim, the data may be there: whoever reads of the state must read of that too. */
const withReleased = (state: Volume['state'], backing: Backing | null, namespace: string, snapshot: Snapshot): Volume['state'] => {
  if (backing === null) return state
  const others = releasedOf(backing.claim, namespace, snapshot).flatMap(({ metadata }) => (metadata?.name === backing.volume ? [] : [metadata?.name]))
  const words = others.map((name) => `; volume ${name}, Released, still names this claim`).join('')
  return state.known ? known(state.value, `${state.by}${words}`) : unknown(`${state.why}${words}`, state.by)
}

/** What a formatter leaves before it writes meta.properties, and what `mkfs` does: neither is data. */
const NOT_DATA = /^(?:bootstrap\.checkpoint|meta\.properties\.tmp|lost\+found|myid)/

interface Kind {
  readonly isZooKeeper: boolean
  readonly isControllerOnly: boolean
  /** What is on every disk of this ZooKeeper. */
  readonly contents: readonly ZooKeeperContent[]
}

const stateOnDisk = (disk: Disk, { isZooKeeper, isControllerOnly, contents }: Kind, by: string): Volume['state'] => {
  if (!disk.readable) return unknown('it cannot be listed', by)
  if (isZooKeeper && disk.zooKeeper !== null) return zooKeeperState(disk.zooKeeper, contents, by)
  if (!isZooKeeper && disk.meta !== null) return isControllerOnly && !disk.metadataLog ? known('blank', `${by}: formatted, without a log`) : known('intact', by)
  const data = disk.entries.filter((entry) => !NOT_DATA.test(entry))
  if (data.length === 0) return known('blank', by)
  return unknown(`it holds ${data[0]} but no ${isZooKeeper ? 'version-2' : 'meta.properties'}`, by)
}

const byBacking = (backing: Backing | null, why: string): Volume['state'] => {
  if (backing?.phase === 'Missing' || backing?.phase === 'Released') return known('gone', 'PersistentVolumeClaims: there is no such claim')
  if (backing?.phase === 'Lost') return known('gone', 'PersistentVolumeClaims: it is Lost, its volume does not exist any more')
  return unknown(why, 'reading of its disk')
}

const bytes = (value: number | null | undefined, why: string, by: string): Known<number> => (value == null ? unknown(why, by) : known(value, by))

const volumeOf = (mount: Mount, disks: Known<readonly Disk[]>, backing: Backing | null, kind: Kind): Volume => {
  const { isZooKeeper } = kind
  const disk = disks.known ? disks.value.find(({ path }) => path === mount.path) : undefined
  const why = disks.known ? 'it was not looked at' : disks.why
  const state = disk === undefined ? byBacking(backing, why) : stateOnDisk(disk, kind, disks.by)
  const clusterId = disk?.meta?.get('cluster.id')
  const { name, path } = mount
  const by = disks.by
  const intact = state.known && state.value === 'intact'
  return {
    name,
    path,
    state,
    usableBytes: bytes(disk?.usableBytes, why, by),
    totalBytes: bytes(disk?.totalBytes, why, by),
    clusterId: isZooKeeper
      ? known(null, 'a ZooKeeper disk names no cluster')
      : clusterId !== undefined
        ? known(clusterId, by)
        : !state.known || intact
          ? unknown(intact ? 'its meta.properties names no cluster' : why, by)
          : known(null, state.by),
    ...(isZooKeeper && disk !== undefined && disk.zxid !== null ? { zxid: disk.zxid } : {}),
    backing,
  }
}

const hasIdentity = ({ meta, zooKeeper }: Disk): boolean => meta !== null || zooKeeper !== null

const pathsOf = (disks: Known<readonly Disk[]>, which: (disk: Disk) => boolean): readonly string[] =>
  disks.known ? disks.value.filter(which).map(({ path }) => path) : []

/**
 * Volumes of its data. Where one of several carries the identity, others that hold something else are not log directories
 * (all of those carry it), and what outlives no pod counts only if it does.
 */
export const volumesOf = (entry: Entry, disks: Known<readonly Disk[]>, snapshot: Snapshot, namespace: string): readonly Volume[] => {
  const kind: Kind = {
    isZooKeeper: entry.roles.includes('zookeeper'),
    isControllerOnly: entry.roles.length === 1 && entry.roles[0] === 'controller',
    contents: disks.known ? disks.value.flatMap(({ zooKeeper }) => zooKeeper ?? []) : [],
  }
  const [identified, unreadable] = [pathsOf(disks, hasIdentity), pathsOf(disks, ({ readable }) => !readable)]
  const relevant = mountsOf(entry).filter(
    ({ claim, path }) => identified.includes(path) || (claim !== null && (identified.length === 0 || unreadable.includes(path))),
  )
  return relevant.map((mount) => {
    const backing = mount.claim === null ? null : backingOf(mount.claim, namespace, snapshot)
    const volume = volumeOf(mount, disks, backing, kind)
    return { ...volume, state: withReleased(volume.state, backing, namespace, snapshot) }
  })
}
