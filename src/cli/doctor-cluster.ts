// What a recovery of one cluster needs: to see its platform, its brokers and its quorum, to be allowed to
// see every topic, and to get the lock.
import { wordsOf } from '../errors.ts'
import type { Known } from '../model/known.ts'
import type { PlatformKind } from '../model/member.ts'
import type { Survey } from '../model/survey.ts'
import { formatInstant } from '../units.ts'
import { surveyOnce, type World } from './compose.ts'
import { type Finding, finding, type Result } from './doctor-machine.ts'
import type { Invocation } from './invocation.ts'
import { permissionFindings } from './permissions.ts'

const REACH: Readonly<Record<PlatformKind, string>> = {
  process: 'check the state file and who may read the processes',
  docker: 'check that the engine answers (docker info), and DOCKER_HOST or the context',
  kubernetes: 'check the context and the API server (kubectl cluster-info), and what this principal may list',
  simulated: 'nothing: it is simulated',
}

const platform = ({ members, target }: Survey): Finding => {
  const title = 'Platform'
  if (!members.known) return finding('platform', title, true, 'UNKNOWN', members.why, REACH[target.platform])
  const running = members.value.filter((member) => member.state.known && member.state.value === 'running').length
  const blind = members.value.flatMap(({ workload }) => (workload.known ? [] : [workload.why]))
  if (blind[0] !== undefined)
    return finding(
      'platform',
      title,
      true,
      'UNKNOWN',
      `${running} of ${members.value.length} members run; ${blind[0]}`,
      'see that kdr can read what declares them',
    )
  return finding('platform', title, true, 'PASS', `${running} of ${members.value.length} members run`)
}

const brokers = ({ brokers: seen }: Survey): Finding => {
  const title = 'Brokers'
  const fix = 'check kafka.bootstrap, TLS and SASL of the cluster, and the network in between'
  if (!seen.known) return finding('brokers', title, true, 'UNKNOWN', seen.why, fix)
  const answering = seen.value.filter((broker) => broker.reachable.known && broker.reachable.value)
  // One broker down is what kdr is for: one that answers is what a recovery needs.
  return finding('brokers', title, true, answering.length > 0 ? 'PASS' : 'FAIL', `${answering.length} of ${seen.value.length} answer`, fix)
}

const quorum = ({ coordination }: Survey): Finding => {
  if (!coordination.known)
    return finding(
      'quorum',
      'Metadata quorum',
      true,
      'UNKNOWN',
      coordination.why,
      'set zookeeper.servers where the cluster has ZooKeeper; else see that a broker answers',
    )
  const view = coordination.value
  const title = view.kind === 'zookeeper' ? 'ZooKeeper' : 'Controller quorum'
  const fix = 'kdr diagnose says which member is missing'
  if (!view.quorum.known) return finding('quorum', title, true, 'UNKNOWN', view.quorum.why, fix)
  return finding('quorum', title, true, view.quorum.value ? 'PASS' : 'FAIL', view.quorum.value ? 'held' : 'lost', fix)
}

const permission = ({ partitions }: Survey): Finding => {
  const title = 'Permission to see every topic'
  const fix = 'grant DESCRIBE on all topics and on the cluster to the principal: a hidden topic could lose its last replica unseen'
  return partitions.known
    ? finding(
        'permission',
        title,
        true,
        'PASS',
        `${partitions.value.topics.length} topics, ${partitions.value.size} partitions; proven complete by ${partitions.by}`,
      )
    : finding('permission', title, true, 'UNKNOWN', partitions.why, fix)
}

const identity = (clusterId: Known<string>): Finding =>
  clusterId.known
    ? finding('cluster-id', 'Cluster id', true, 'PASS', clusterId.value)
    : finding('cluster-id', 'Cluster id', true, 'UNKNOWN', clusterId.why, 'kdr diagnose')

const lock = async (world: World, survey: Survey): Promise<Finding> => {
  if (survey.target.identity === '') return finding('lock', 'Lock', true, 'UNKNOWN', 'whose lock to look for was not seen', REACH[survey.target.platform])
  const title = 'Lock'
  // A Lease may be out of sight, as with a role that may only look.
  const held = await world.lock.inspect(survey.target).catch((thrown: unknown) => wordsOf(thrown))
  if (typeof held === 'string') return finding('lock', title, true, 'UNKNOWN', held, 'let kdr read its Lease: the Role that is missing says how')
  if (held === null) return finding('lock', title, true, 'PASS', `free; it covers ${world.lock.covers}`)
  const { holder, alive } = held
  const state = alive === 'unknown' ? 'it cannot be seen from here whether it runs' : alive ? 'it runs' : 'its process is gone'
  const result: Result = alive === 'unknown' ? 'UNKNOWN' : 'FAIL'
  const fix = alive === true ? `wait for it, or ask ${holder.user}` : `kdr runs resume ${holder.run}, or start anew with --take-over ${holder.run}`
  return finding(
    'lock',
    title,
    true,
    result,
    `held by run ${holder.run} (${holder.user}@${holder.host}, pid ${holder.pid}, since ${formatInstant(holder.since)}); ${state}`,
    fix,
  )
}

export const clusterFindings = async (invocation: Invocation, world: World): Promise<readonly Finding[]> => {
  const survey = await surveyOnce(world, invocation.interruption.signal)
  const allowed = await permissionFindings(world, invocation.interruption.signal)
  return [platform(survey), ...allowed, brokers(survey), quorum(survey), identity(survey.clusterId), permission(survey), await lock(world, survey)]
}
