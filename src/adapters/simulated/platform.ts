// The platform of the simulation: its members as processes, with the same preconditions as the real ones.
import { Duplex } from 'node:stream'
import { KdrError } from '../../errors.ts'
import { known, unknown } from '../../model/known.ts'
import type { Backing, Member, TargetIdentity, Workload } from '../../model/member.ts'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import type { MemberRef, PlatformCommands, PlatformReader, PlatformWriter } from '../../ports/platform.ts'
import { formatDuration } from '../../units.ts'
import type { Call } from './call.ts'
import type { Cluster } from './cluster.ts'
import { ZXID } from './coordination.ts'
import { until } from './kafka-logs.ts'
import type { Life } from './life.ts'
import { dataOf, killMember, startMember, terminateMember } from './lifecycle.ts'
import { createWorkloads, placeIn } from './set.ts'
import { hasNoPod, isWanted, type SimMember, type SimSet, uidOf } from './state.ts'
import { restoreFrom, snapshotOf } from './znode-file.ts'

const BY = 'simulated process table'
const GIB = 1024 ** 3

export const identityOf = (cluster: Cluster): TargetIdentity => ({
  platform: 'simulated',
  cluster: cluster.name,
  identity: `simulated/${cluster.name}/${cluster.clusterId}`,
})

const commands = (cluster: Cluster): PlatformCommands => ({
  list: () => `(simulated) list members of ${cluster.name}`,
  logs: (member) => `(simulated) logs of ${member}`,
  stop: (member, grace) => `(simulated) stop ${member} within ${formatDuration(grace)}`,
  start: (member) => `(simulated) start ${member}`,
  restart: (member, grace) => `(simulated) restart ${member} within ${formatDuration(grace)}`,
  reconnect: (member) => `(simulated) reconnect ${member}`,
  format: (member, clusterId) => `(simulated) format ${member} for ${clusterId}`,
  kafka: (tool, args) => [`${tool}.sh`, ...args].join(' '),
})

const waitingOf = (cluster: Cluster, member: SimMember) => {
  const { name, state, exits } = member
  const set = cluster.setOf(member)
  if (set !== null && hasNoPod(member))
    return isWanted(set, member)
      ? { reason: 'NotCreated', message: `StatefulSet ${set.name} wants ${name}, but there is no such pod` }
      : { reason: 'ScaledDown', message: `StatefulSet ${set.name} has ${set.replicas} replicas, which leaves ${name} out; its claims are still there` }
  return cluster.revives === 'always' && state === 'stopped' && exits > 0 ? { reason: 'CrashLoopBackOff', message: `it exited ${exits} times` } : null
}

const workloadOf = (set: SimSet | null): Workload | null =>
  set === null
    ? null
    : {
        kind: 'StatefulSet',
        name: set.name,
        version: String(set.version),
        replicas: set.replicas,
        first: set.first,
        ordered: set.ordered,
        deletesClaims: { whenScaled: false, whenDeleted: false },
      }

/** Nobody mounts its disk, and this life has not looked at it. */
const isUnseen = (cluster: Cluster, life: Life, member: SimMember): boolean =>
  cluster.setOf(member) !== null && hasNoPod(member) && member.claimed && life.looked.get(member.name)?.boot !== member.boot

const UNSEEN = 'it does not run, so nothing can look at its disk from inside'

const namesCluster = ({ role, disk, formatted }: SimMember): boolean => role !== 'zookeeper' && (disk === 'intact' || (role === 'controller' && formatted))

const backingOf = ({ name, claimed }: SimMember): Backing =>
  claimed
    ? { claim: `data-${name}`, phase: 'Bound', volume: `pv-${name}`, reclaim: 'Retain', node: null }
    : { claim: `data-${name}`, phase: 'Missing', volume: null, reclaim: null, node: null }

const memberView = (cluster: Cluster, life: Life, member: SimMember): Member => ({
  name: member.name,
  roles: [member.role],
  id:
    isUnseen(cluster, life, member) || (cluster.setOf(member) !== null && hasNoPod(member) && member.disk === 'blank')
      ? unknown(UNSEEN, BY)
      : known(member.id, `${dataOf(member)}/../node.properties`),
  uid: known(uidOf(member), BY),
  state: known(member.state, BY),
  startedAt: known(member.startedAt, BY),
  restarts: known(member.exits, BY),
  lastExit: known(member.lastExit, BY),
  waiting: known(waitingOf(cluster, member), BY),
  revives: waitingOf(cluster, member)?.reason === 'ScaledDown' ? 'never' : cluster.revives,
  node: known('simulated', BY),
  nodeTrouble: known(null, BY),
  disruption: known(null, BY),
  workload: known(workloadOf(cluster.setOf(member)), BY),
  addresses: [member.address],
  // A registry keeps everything in its topic.
  volumes:
    member.role === 'schema-registry'
      ? []
      : [
          {
            name: 'data',
            path: dataOf(member),
            state: !member.claimed ? known('gone', BY) : isUnseen(cluster, life, member) ? unknown(UNSEEN, BY) : known(member.disk, BY),
            ...(member.role === 'zookeeper' && member.disk === 'intact' ? { zxid: BigInt(ZXID) } : {}),
            usableBytes: known(48 * GIB, BY),
            totalBytes: known(64 * GIB, BY),
            clusterId: isUnseen(cluster, life, member)
              ? unknown(UNSEEN, BY)
              : known(namesCluster(member) ? cluster.clusterId : null, `${dataOf(member)}/meta.properties`),
            backing: cluster.revives === 'always' ? backingOf(member) : null,
          },
        ],
  configured: cluster.misbehaviour.showsFiles ? known({}, BY) : unknown('its image keeps it', BY),
  owner: known(null, BY),
  signals: unknown('logs were not read', BY),
})

const find = (cluster: Cluster, name: string): SimMember => {
  const member = cluster.members.find((candidate) => candidate.name === name)
  if (member === undefined) throw new KdrError(`${cluster.name} has no member ${name}`, { code: 'no-such-member', exit: 'usage' })
  return member
}

/** Refuses with `member-changed` when it is no longer the incarnation that was looked at. */
const findUnchanged = (cluster: Cluster, ref: MemberRef): SimMember => {
  const member = find(cluster, ref.name)
  const uid = uidOf(member)
  if (uid === ref.uid) return member
  const words = (value: string | null) => value ?? 'not running'
  throw new KdrError(`${ref.name} changed since it was looked at: it was ${words(ref.uid)} and is ${words(uid)}`, {
    code: 'member-changed',
    exit: 'refused',
    hint: 'look again',
  })
}

/** Of a ZooKeeper its one snapshot; of anybody else what a copy is worth is that it was made, and of which disk. */
async function* contentsOf(cluster: Cluster, { name, role, disk }: SimMember): AsyncGenerator<Uint8Array> {
  yield role === 'zookeeper' && disk === 'intact' ? snapshotOf(cluster) : Buffer.from(`${name}: ${disk}`)
}

/** A leader checkpoints what everybody in its ISR has: what it has acknowledged, and no more. */
const replicasOf = (cluster: Cluster, member: SimMember): readonly ReplicaOnDisk[] =>
  member.disk === 'blank'
    ? []
    : [...cluster.partitions()]
        .filter(({ replicas }) => replicas.includes(member.id))
        .map((partition) => {
          const { records, end } = cluster.logOf(member.id, partition)
          const acknowledged = cluster.truth.acknowledged.get(partition)?.at(-1)
          return {
            topic: partition.topic.name,
            partition: partition.index,
            topicId: partition.topic.id,
            end,
            highWatermark: Math.min(end, acknowledged === undefined ? 0 : acknowledged.offset + 1),
            epoch: records.at(-1)?.epoch ?? null,
            producerId: null,
          }
        })

/** There is nothing to connect to: the simulation's ports answer without sockets. */
const dial = (host: string, port: number): Duplex => {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  stream.destroy(new KdrError(`the simulation has no sockets: nothing listens on ${host}:${port}`, { code: 'simulated-socket' }))
  return stream
}

export const createPlatformReader = (cluster: Cluster, life: Life, call: Call): PlatformReader => ({
  kind: 'simulated',
  commands: commands(cluster),
  identity: (signal) => call('platform.identity', signal, () => identityOf(cluster)),
  members: (signal) => call('platform.members', signal, () => cluster.members.map((member) => memberView(cluster, life, member))),
  logs: (name, options, signal) =>
    call('platform.logs', signal, () => {
      const member = find(cluster, name)
      return (options.previous ? member.previousLog : member.log).slice(-options.tail)
    }),
  data: (name, signal) =>
    call('platform.data', signal, () => {
      const member = find(cluster, name)
      return [{ path: dataOf(member), tar: contentsOf(cluster, member) }]
    }),
  replicas: (name, signal) =>
    call('platform.replicas', signal, () => {
      const member = find(cluster, name)
      const looked = life.looked.get(name)
      if (cluster.setOf(member) === null || !hasNoPod(member) || (looked?.boot === member.boot && looked.replicas)) return replicasOf(cluster, member)
      throw new KdrError(`what is on the disk of ${name} is not reached while nobody mounts it`, { code: 'data-unreachable' })
    }),
  events: (_since, signal) => call('platform.events', signal, () => []),
  dial,
  permissions: (_need, signal) => call('platform.permissions', signal, () => []),
  close: async () => undefined,
})

const notHere = (words: string): never => {
  throw new KdrError(words, { code: 'not-on-this-platform', exit: 'usage' })
}

export const createPlatformWriter = (cluster: Cluster, life: Life, call: Call): PlatformWriter => ({
  stop: (ref, options, signal) =>
    call('platform.stop', signal, async () => {
      const member = findUnchanged(cluster, ref)
      if (member.state === 'stopped') return
      cluster.note('kdr', life.number, 'stop', member.name)
      const boot = member.boot
      terminateMember(cluster, member)
      // A paused process cannot act on SIGTERM: it is killed at once, as the process platform does.
      const grace = member.state === 'paused' ? 0 : options.grace
      await until(cluster, grace, signal, () => member.boot !== boot || member.state === 'paused')
      if (member.boot === boot) killMember(cluster, member)
    }),
  start: (ref, signal) =>
    call(
      'platform.start',
      signal,
      () => {
        const member = findUnchanged(cluster, ref)
        if (member.state !== 'stopped') throw new KdrError(`${ref.name} already runs`, { code: 'member-changed', exit: 'refused' })
        cluster.note('kdr', life.number, 'start', member.name)
        member.exits = 0
        const set = cluster.setOf(member)
        if (set === null) startMember(cluster, member)
        else placeIn(set, member)
      },
      cluster.random.between(30, 90),
    ),
  reconnect: async ({ name }) => notHere(`${find(cluster, name).name} has no network of its own`),
  exec: async ({ name }) => notHere(`${find(cluster, name).name} has no inside of its own`),
  inspect: (ref, { replicas }, signal) =>
    call(
      'platform.inspect',
      signal,
      () => {
        const member = find(cluster, ref.name)
        if (cluster.setOf(member) === null) notHere(`the disk of ${ref.name} is seen without that`)
        if (!hasNoPod(findUnchanged(cluster, ref))) throw new KdrError(`${ref.name} has a pod`, { code: 'member-changed', exit: 'refused' })
        if (!member.claimed) throw new KdrError(`the claim of ${ref.name} is not there`, { code: 'disk-unreachable' })
        cluster.note('kdr', life.number, 'look', member.name)
        life.looked.set(member.name, { boot: member.boot, replicas })
      },
      cluster.random.between(2000, 6000),
    ),
  place: (ref, files, signal) =>
    call('platform.place', signal, () => {
      const member = findUnchanged(cluster, ref)
      cluster.note('kdr', life.number, 'place', member.name)
      restoreFrom(cluster, files)
      member.disk = 'intact'
      member.claimed = true
      life.looked.set(member.name, { boot: member.boot, replicas: false })
      return null
    }),
  workloads: cluster.sets.length === 0 ? null : createWorkloads(cluster, life, call),
})
