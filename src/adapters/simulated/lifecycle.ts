// Processes and what they go through: start-up, registration, controlled shutdown, death and silence.
import { type Cluster, type Registration, SESSION_TIMEOUT } from './cluster.ts'
import { moveAway, registeredUnclean, settle } from './controller.ts'
import {
  exitedAgain,
  inconsistentClusterId,
  KRAFT_BROKER,
  KRAFT_CONTROLLER,
  type Lines,
  nodeExists,
  noQuorum,
  notFormatted,
  noZooKeeper,
  SCHEMA_REGISTRY,
  stamp,
  strangeFolder,
  ZOOKEEPER_BROKER,
  ZOOKEEPER_SERVER,
} from './log-lines.ts'
import { bootRegistry, registryGone } from './registry.ts'
import { hasNoPod, isUp, type SimMember } from './state.ts'

/** Default of zookeeper.connection.timeout.ms, and of initial.broker.registration.timeout.ms. */
const PATIENCE = { zookeeper: 18_000, kraft: 60_000 } as const
/** Controlled shutdown without a working controller: three tries of up to 30 s (G4). */
const HOPELESS_SHUTDOWN = 90_000
/** A partition that nobody else can lead: three tries, 5 s apart. */
const STUCK_SHUTDOWN = 15_000

const linesOf = (cluster: Cluster, member: SimMember): Lines => {
  if (member.role === 'zookeeper') return ZOOKEEPER_SERVER
  if (member.role === 'controller') return KRAFT_CONTROLLER
  if (member.role === 'schema-registry') return SCHEMA_REGISTRY
  return cluster.mode === 'zookeeper' ? ZOOKEEPER_BROKER : KRAFT_BROKER
}

export const dataOf = (member: SimMember): string => `/var/lib/${member.name}/data`

const log = (cluster: Cluster, member: SimMember, lines: readonly string[]): void => {
  for (const line of lines) member.log.push(/^[A-Z]+ /.test(line) ? `${stamp(cluster.now)} ${line}` : line)
}

/** Runs `then` unless this incarnation is over or hangs by then. */
const later = (cluster: Cluster, member: SimMember, length: number, then: () => void): void => {
  const boot = member.boot
  cluster.time.after(length, () => {
    if (member.boot === boot && member.state === 'running') then()
  })
}

export const startMember = (cluster: Cluster, member: SimMember): void => {
  member.boot += 1
  member.pid = cluster.random.between(2000, 30_000)
  member.startedAt = cluster.now
  member.state = 'running'
  member.claimed = true
  member.previousLog = member.log
  member.log = []
  log(cluster, member, linesOf(cluster, member).starting(member.id, dataOf(member)))
  if (member.role === 'broker') bootBroker(cluster, member)
  else if (member.role === 'controller' && !member.formatted) later(cluster, member, 400, () => exit(cluster, member, 1, notFormatted(dataOf(member))))
  else bootOther(cluster, member)
}

const bootOther = (cluster: Cluster, member: SimMember): void => {
  const ready = () => serve(cluster, member)
  const process = {
    later: (length: number, then: () => void) => later(cluster, member, length, then),
    exit: (lines: readonly string[]) => exit(cluster, member, 1, lines),
    serve: ready,
  }
  const boot = member.role === 'schema-registry' ? () => bootRegistry(cluster, member, process) : ready
  later(cluster, member, cluster.random.between(900, 1800) + cluster.misbehaviour.startDelay(), boot)
}

const serve = (cluster: Cluster, member: SimMember): void => {
  member.serving = true
  log(cluster, member, linesOf(cluster, member).started(member.id))
  if (member.role !== 'broker') cluster.ensemble.review()
  settle(cluster)
  cluster.setOf(member)?.review()
}

const bootBroker = (cluster: Cluster, member: SimMember): void => {
  if (member.broken) {
    later(cluster, member, 400, () => exit(cluster, member, 1, strangeFolder(dataOf(member))))
    return
  }
  // A blank KRaft broker is formatted before it starts, as container entrypoints and the process platform do.
  const format = member.disk === 'blank' && cluster.mode === 'kraft' ? cluster.random.between(1200, 1800) : 0
  member.disk = 'intact'
  log(cluster, member, linesOf(cluster, member).recovering(dataOf(member), member.cleanShutdown))
  const recovery = member.cleanShutdown ? 0 : cluster.random.between(300, 900)
  const boot = format + cluster.random.between(2200, 3800) + recovery + cluster.misbehaviour.startDelay()
  later(cluster, member, boot, () => register(cluster, member, 0))
  const again = cluster.misbehaviour.exitAfter(member.id)
  if (again !== null) later(cluster, member, again, () => exit(cluster, member, 1, exitedAgain(member.id)))
}

const register = (cluster: Cluster, member: SimMember, waited: number): void => {
  const { serving } = cluster.ensemble
  const zookeeper = cluster.mode === 'zookeeper'
  // ZooKeeper: NODEEXISTS is fatal. KRaft: DUPLICATE_BROKER_REGISTRATION is tried again until the old session is fenced.
  if (serving && cluster.ensemble.emptied) exit(cluster, member, 1, inconsistentClusterId(cluster.clusterId))
  else if (serving && zookeeper && cluster.registrations.has(member.id)) exit(cluster, member, 1, nodeExists(member.id))
  else if (serving && !cluster.registrations.has(member.id)) joinCluster(cluster, member)
  else if (serving || waited < PATIENCE[cluster.mode]) later(cluster, member, 500, () => register(cluster, member, waited + 500))
  else exit(cluster, member, 1, zookeeper ? noZooKeeper(member.id) : noQuorum(member.id))
}

/** ZooKeeper sees it before it serves; KRaft keeps it fenced until it does. */
const joinCluster = (cluster: Cluster, member: SimMember): void => {
  const join = () => {
    cluster.registrations.set(member.id, { broker: member.id, boot: member.boot, czxid: cluster.nextZxid(), since: cluster.now, silent: false })
  }
  if (cluster.mode === 'zookeeper') join()
  else if (!member.cleanShutdown) registeredUnclean(cluster, member.id)
  member.cleanShutdown = false
  settle(cluster)
  later(cluster, member, cluster.random.between(400, 900), () => {
    if (cluster.mode === 'kraft') join()
    serve(cluster, member)
  })
}

/** Asks to stop, as SIGTERM does. A hung process does not hear it. */
export const terminateMember = (cluster: Cluster, member: SimMember): void => {
  if (member.state !== 'running') return
  if (member.role === 'broker' && member.serving) shutDown(cluster, member)
  else later(cluster, member, cluster.random.between(200, 500), () => exit(cluster, member, 143, []))
}

/** Controlled shutdown: as long as the controller needs to move what it leads. */
const shutDown = (cluster: Cluster, member: SimMember): void => {
  const lines = linesOf(cluster, member)
  log(cluster, member, lines.stopping(member.id))
  const governed = cluster.governed
  cluster.leaving.add(member.id)
  const moved = governed && moveAway(cluster, member.id)
  settle(cluster)
  const stuck = cluster.mode === 'zookeeper' && !moved ? STUCK_SHUTDOWN : 0
  later(cluster, member, cluster.random.between(800, 1500) + (governed ? stuck : HOPELESS_SHUTDOWN), () => {
    member.cleanShutdown = true
    log(cluster, member, lines.stopped(member.id))
    exit(cluster, member, 143, [])
  })
}

export const killMember = (cluster: Cluster, member: SimMember): void => {
  if (member.state === 'stopped') return
  // A pod is made anew, and counts from none.
  if (cluster.setOf(member) !== null) member.exits = 0
  gone(cluster, member, { code: 137, signal: 'SIGKILL', oomKilled: false })
}

/** SIGSTOP: it exists, its sockets accept, and nothing answers. */
export const pauseMember = (cluster: Cluster, member: SimMember): void => {
  if (member.state !== 'running') return
  member.state = 'paused'
  silence(cluster, member)
  if (member.role !== 'broker') cluster.ensemble.review()
  settle(cluster)
}

const exit = (cluster: Cluster, member: SimMember, code: number, lines: readonly string[]): void => {
  if (code !== 143) member.exits += 1
  log(cluster, member, lines)
  cluster.note('world', 0, 'exit', member.name)
  gone(cluster, member, { code, signal: code === 143 ? 'SIGTERM' : null, oomKilled: false })
}

const gone = (cluster: Cluster, member: SimMember, lastExit: SimMember['lastExit']): void => {
  member.state = 'stopped'
  member.serving = false
  member.startedAt = null
  member.boot += 1
  member.lastExit = lastExit
  if (member.role === 'schema-registry') registryGone(cluster, member, lastExit?.code === 143)
  else if (member.role === 'broker') {
    cluster.leaving.delete(member.id)
    if (!member.cleanShutdown)
      for (const partition of cluster.partitions()) if (partition.replicas.includes(member.id)) cluster.logOf(member.id, partition).die(cluster.now)
  }
  if (member.role === 'broker' && member.cleanShutdown && cluster.ensemble.serving) cluster.registrations.delete(member.id)
  else silence(cluster, member)
  if (member.role !== 'broker') cluster.ensemble.review()
  settle(cluster)
  const set = cluster.setOf(member)
  if (set !== null && hasNoPod(member)) set.review()
  else if (cluster.revives === 'always') revive(cluster, member)
}

/** As a kubelet does: at once after a deletion, and 10 s, 20 s, 40 s … up to five minutes after exits. */
const revive = (cluster: Cluster, member: SimMember): void => {
  const { boot } = member
  const wait = member.exits === 0 ? cluster.random.between(1500, 2500) : Math.min(10_000 * 2 ** (member.exits - 1), 300_000)
  cluster.time.after(wait, () => {
    if (member.boot === boot && member.state === 'stopped') startMember(cluster, member)
  })
}

/** No more heartbeats: its session ends when it times out, and not before. */
const silence = (cluster: Cluster, member: SimMember): void => {
  const registration = member.role === 'broker' ? cluster.registrations.get(member.id) : undefined
  if (registration === undefined || registration.silent) return
  registration.silent = true
  expireAfter(cluster, registration, SESSION_TIMEOUT - cluster.random.between(0, 1500))
}

const expireAfter = (cluster: Cluster, registration: Registration, length: number): void => {
  cluster.time.after(length, () => {
    if (!cluster.ensemble.serving || cluster.registrations.get(registration.broker) !== registration) return
    cluster.registrations.delete(registration.broker)
    settle(cluster)
  })
}

/** A new ensemble leader gives every session its full time again. */
export const ensembleChanged = (cluster: Cluster): void => {
  if (cluster.ensemble.emptied) {
    // Sessions and everything else were in the tree that is gone.
    cluster.registrations.clear()
    cluster.controller = null
  }
  if (cluster.ensemble.serving) {
    for (const registration of cluster.registrations.values()) if (registration.silent) expireAfter(cluster, registration, SESSION_TIMEOUT)
  }
  settle(cluster)
}

/** Everything has run for a while when the story begins. */
export const bringUp = (cluster: Cluster, member: SimMember, startedAt: number): void => {
  member.boot = 1
  member.pid = cluster.random.between(2000, 30_000)
  member.startedAt = startedAt
  member.state = 'running'
  member.serving = true
  member.cleanShutdown = false
  const lines = linesOf(cluster, member)
  const all = [...lines.starting(member.id, dataOf(member)), ...lines.recovering(dataOf(member), true), ...lines.started(member.id)]
  for (const line of all) member.log.push(`${stamp(startedAt)} ${line}`)
  if (member.role !== 'broker') return
  const registration: Registration = { broker: member.id, boot: 1, czxid: cluster.nextZxid(), since: startedAt, silent: false }
  cluster.registrations.set(member.id, registration)
  if (!isUp(member)) throw new Error(`${member.name} did not come up`)
}
