// Why one broker failed, and whether a restart helps: some failures are only lengthened or hidden by one.
// Source of the classes: kafka-operations.md §1 scenario 1; the lines they rest on, survey/log-signals.ts.
import type { LogSignal } from '../model/member.ts'
import type { Survey } from '../model/survey.ts'
import { brokerOf, memberOfBroker } from '../model/survey.ts'
import { formatBytes } from '../units.ts'
import { byNode, byPlatform } from './classify-platform.ts'
import { type Case, type Failure, type FailureKind, failure, type Rule } from './failure.ts'
import { brokerStatus, quorumHeld } from './status.ts'

/** Less than this share of a disk free counts as full: a broker on it dies again at its next segment (log.segment.bytes is 1 GiB). */
const FULL_BELOW = 0.01

const signalOf = (the: Case, kind: LogSignal['kind']): LogSignal | undefined => the.signals.findLast((signal) => signal.kind === kind)
const logOf = (the: Case): string => (the.member.signals.known ? the.member.signals.by : 'log')

const byDisk: Rule = (the) => {
  const { member, broker } = the
  const line = signalOf(the, 'disk-full')
  const instead = 'free or add disk space first (never by deleting segments by hand), then run this again'
  if (line !== undefined) return failure('disk-full', 'no', line.line, instead, logOf(the))
  const dirs = broker.logDirs.known
    ? broker.logDirs.value.map((dir) => ({ name: dir.path, usable: dir.usableBytes, total: dir.totalBytes, by: broker.logDirs.by }))
    : []
  const volumes = member.volumes.map((volume) => ({
    name: volume.path,
    usable: volume.usableBytes.known ? volume.usableBytes.value : null,
    total: volume.totalBytes.known ? volume.totalBytes.value : null,
    by: volume.usableBytes.by,
  }))
  const full = [...dirs, ...volumes].find((disk) => disk.usable !== null && disk.total !== null && disk.total > 0 && disk.usable / disk.total < FULL_BELOW)
  return full === undefined ? null : failure('disk-full', 'no', `${full.name} has ${formatBytes(full.usable ?? 0)} left`, instead, full.by)
}

const RECOPIED = 'its replicas are copied again from their leaders'
const REBIND = 'the data is still there: give the volume back to its claim (clear claimRef, pin volumeName) before the broker starts on a new one'

const byVolume: Rule = ({ member }) => {
  const going = member.volumes.find(({ backing }) => backing?.phase === 'Terminating')?.backing
  if (going !== undefined && going !== null && member.revives === 'always') {
    const because = `claim ${going.claim} is being deleted, and its volume ${going.volume ?? ''} with it (${going.reclaim ?? 'reclaim policy not seen'}), as soon as the pod goes`
    return failure('volume', 'no', because, 'set the reclaim policy of the volume to Retain before anything restarts the pod', member.state.by)
  }
  const gone = member.volumes.find((volume) => volume.state.known && volume.state.value === 'gone')
  if (gone?.backing?.phase === 'Released')
    return failure('volume', 'no', `its claim ${gone.backing.claim} is gone, its volume ${gone.backing.volume} is not`, REBIND, gone.state.by)
  if (gone?.backing != null) {
    const because = `${gone.backing.claim} is gone: the broker comes back on a new, blank volume`
    return failure('blank-disk', 'yes', because, RECOPIED, gone.state.by)
  }
  if (gone !== undefined)
    return failure(
      'volume',
      'no',
      `volume ${gone.name} (${gone.path}) is gone`,
      'find its disk and attach it again; only when it is proven lost, give it a new one',
      gone.state.by,
    )
  const blank = member.volumes.find((volume) => volume.state.known && volume.state.value === 'blank')
  if (blank === undefined) return null
  const because = `volume ${blank.name} (${blank.path}) is blank: the broker comes back without its data`
  // A broker writes meta.properties itself (ZooKeeper), or its start formats a blank disk as every image's entry
  // point does (KRaft); where it does not, the start dies of `not-formatted`. G2 decides whether it may start.
  return failure('blank-disk', 'yes', because, RECOPIED, blank.state.by)
}

/** Refusals a broker repeats at every start: what to repair before the next. `deadly`: only where it also died of it, since clients can provoke such lines. */
const REPAIR: readonly { readonly sign: LogSignal['kind']; readonly kind: FailureKind; readonly deadly: boolean; readonly instead: string }[] = [
  {
    sign: 'inconsistent-cluster-id',
    kind: 'fatal-start-up',
    deadly: false,
    instead: 'do not edit meta.properties: find out which of the two, disk or quorum, belongs to another cluster',
  },
  { sign: 'log-dir-failure', kind: 'volume', deadly: false, instead: 'check the disk, its mount and its permissions' },
  {
    sign: 'inconsistent-broker-id',
    kind: 'fatal-start-up',
    deadly: true,
    instead: 'attach the disk that belongs to this broker id; do not edit meta.properties',
  },
  { sign: 'not-formatted', kind: 'blank-disk', deadly: true, instead: 'format the disk with the cluster id (kafka-storage format), then run this again' },
  { sign: 'bad-configuration', kind: 'fatal-start-up', deadly: true, instead: 'repair the configuration named in the line' },
  { sign: 'port-in-use', kind: 'fatal-start-up', deadly: true, instead: 'find what holds the port: another incarnation of this broker may still run' },
]

const byRefusal: Rule = (the) => {
  const died = signalOf(the, 'fatal') !== undefined
  for (const { sign, kind, deadly, instead } of REPAIR) {
    const line = signalOf(the, sign)
    if (line !== undefined && (died || !deadly)) return failure(kind, 'no', line.line, instead, logOf(the))
  }
  const corrupt = signalOf(the, 'corrupt-data')
  // Kafka repairs torn indexes and tails by itself (LogLoader): only what it died of is more than that.
  if (corrupt !== undefined && died)
    return failure('volume', 'no', corrupt.line, 'keep the directory as it is and look at the disk; moving it aside is for G2 to allow', logOf(the))
  return null
}

const byOldRegistration: Rule = (the) => {
  const line = signalOf(the, 'node-exists')
  if (line === undefined) return null
  if (the.running) return failure('fatal-start-up', 'wait', line.line, 'it tries again until the registration of its predecessor has expired', logOf(the))
  const expired = quorumHeld(the.survey) && the.broker.registered.known && !the.broker.registered.value
  const instead = expired
    ? 'the registration of its predecessor has expired: a start succeeds now'
    : 'wait until the registration of its predecessor has expired'
  return failure('fatal-start-up', 'yes', line.line, instead, logOf(the))
}

const byMemory: Rule = (the) => {
  const { lastExit } = the.member
  const instead = 'raise its memory (heap or limit), or it will happen again'
  const line = signalOf(the, 'out-of-memory')
  if (line !== undefined) return failure('oom', 'yes', line.line, instead, logOf(the))
  // Started again a moment ago, it will most likely end the same way.
  const young = the.running && the.status.status === 'starting'
  if ((!the.running || young) && lastExit.known && lastExit.value?.oomKilled === true)
    return failure('oom', young ? 'wait' : 'yes', `${young ? 'started again after it was ' : ''}killed by the kernel for want of memory`, instead, lastExit.by)
  return null
}

const byPause: Rule = ({ member, status }) => {
  if (member.state.known && member.state.value === 'paused') return failure('hung', 'yes', status.because, null, member.state.by)
  return null
}

const byRunning: Rule = (the) => {
  const { member, status } = the
  if (!the.running) return null
  const recovery = signalOf(the, 'log-recovery')
  if (recovery !== undefined) return failure('log-recovery', 'wait', recovery.line, 'wait: a kill makes it start over', logOf(the))
  if (status.status === 'starting') return failure('running-unregistered', 'wait', status.because, null, member.startedAt.by)
  if (status.status === 'unknown')
    return failure('unknown', 'no', status.because, 'look again when its registration has expired, or from a second vantage point', member.state.by)
  if (!the.signalsSeen || !member.startedAt.known)
    return failure(
      'running-unregistered',
      'wait',
      `${status.because}; log recovery cannot be ruled out`,
      'read its log: it may be recovering',
      member.signals.by,
    )
  if (status.status === 'hung') return failure('hung', 'yes', status.because, null, member.state.by)
  return failure('running-unregistered', 'yes', status.because, null, the.broker.registered.by)
}

/** It could not reach the metadata quorum: healed by the quorum's return. */
const NO_QUORUM = /ZooKeeperClientTimeoutException|unable to register with the controller quorum/

const byExit: Rule = (the) => {
  const { member } = the
  const exit = member.lastExit.known ? member.lastExit.value : null
  const quorum = the.signals.find((signal) => signal.kind === 'fatal' && NO_QUORUM.test(signal.line))
  if (quorum !== undefined) {
    const held = quorumHeld(the.survey)
    return failure('fatal-start-up', held ? 'yes' : 'no', quorum.line, held ? 'the quorum is held again' : 'bring the metadata quorum back first', logOf(the))
  }
  const fatal = signalOf(the, 'fatal')
  if (fatal !== undefined) {
    if (the.everStarted) return failure('exited', 'yes', fatal.line, 'read the lines before it: it may happen again', logOf(the))
    return failure('fatal-start-up', 'no', fatal.line, 'read the lines before it and repair what they name: it dies at every start', logOf(the))
  }
  if (exit?.signal === 'SIGKILL' || exit?.code === 137) return failure('killed', 'yes', `${member.name} was killed (SIGKILL)`, null, member.lastExit.by)
  if (signalOf(the, 'controlled-shutdown') !== undefined) return failure('exited', 'yes', `${member.name} was asked to stop, and did`, null, logOf(the))
  if (exit !== null) return failure('exited', 'yes', `${member.name} exited with ${exit.signal ?? `code ${exit.code ?? 'unknown'}`}`, null, member.lastExit.by)
  if (the.signalsSeen) return failure('killed', 'yes', `${member.name} is gone without a last word in its log, as after SIGKILL`, null, logOf(the))
  return failure('unknown', 'no', `${member.name} does not run, and neither its exit nor its log was seen`, 'read its log', member.signals.by)
}

const RULES: readonly Rule[] = [byPlatform, byPause, byDisk, byRefusal, byVolume, byOldRegistration, byMemory, byRunning, byExit]

const unseen = (because: string, source: string): Failure => failure('unknown', 'no', because, 'look again, or from a second vantage point', source)

/** First rule wins; a healthy broker may be restarted, if the guards let it. Pure; only what the latest incarnation said counts. */
export const classifyFailure = (survey: Survey, id: number): Failure => {
  const broker = brokerOf(survey, id)
  if (broker === undefined) return unseen(survey.brokers.known ? `broker ${id} is not among the brokers seen` : survey.brokers.why, survey.brokers.by)
  const member = memberOfBroker(survey, id)
  const status = brokerStatus(survey, id)
  if (member === undefined) return unseen(status.because, broker.member.by)
  if (!member.state.known) return byNode(member) ?? unseen(status.because, broker.member.by)
  if (status.status === 'up') return { ...failure('healthy', 'yes', status.because, null, member.state.by), evidence: status.evidence }
  const all = member.signals.known ? member.signals.value : []
  const started = all.findLastIndex((signal) => signal.kind === 'started')
  const the: Case = {
    survey,
    broker,
    member,
    status,
    running: member.state.value === 'running',
    signals: all.slice(started + 1),
    signalsSeen: member.signals.known,
    everStarted: started >= 0,
  }
  for (const rule of RULES) {
    const verdict = rule(the)
    if (verdict !== null) return { ...verdict, evidence: [...verdict.evidence, ...status.evidence] }
  }
  return unseen(status.because, member.state.by)
}
