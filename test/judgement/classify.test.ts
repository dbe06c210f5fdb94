// Which failures a restart heals, which it does not, and what to do instead.
import { describe, expect, it } from 'vitest'
import { classifyFailure } from '../../src/judgement/classify.ts'
import type { Failure, FailureKind } from '../../src/judgement/failure.ts'
import { known } from '../../src/model/known.ts'
import type { LogSignal } from '../../src/model/member.ts'
import type { Survey } from '../../src/model/survey.ts'
import { blind, changeBroker, changeMember, changeVolume, changeZooKeeper, dead, healthy, killed, NOW, paused, seen, signals } from '../helpers/survey.ts'

const down = dead(healthy(), 2)
const said = (survey: Survey, ...kinds: readonly LogSignal['kind'][]): Survey => changeMember(survey, 'kafka2', { signals: signals(...kinds) })
const exit = (survey: Survey, code: number | null, signal: string | null = null, oomKilled = false): Survey =>
  changeMember(survey, 'kafka2', { lastExit: seen({ code, signal, oomKilled }) })
const waits = (reason: string, message = ''): Survey =>
  changeMember(down, 'kafka2', { state: seen('pending'), waiting: seen({ reason, message }), node: seen('node-b') })
const runs = (survey: Survey, age = 3_600_000): Survey => changeMember(survey, 'kafka2', { state: seen('running'), startedAt: seen(NOW - age) })
const fatal = (line: string): Survey => changeMember(down, 'kafka2', { signals: known([{ kind: 'fatal', line }], 'log of kafka2') })

const crashing = changeMember(down, 'kafka2', { waiting: seen({ reason: 'CrashLoopBackOff', message: 'back-off 40s' }) })
const lost = (phase: string): Survey =>
  changeVolume(said(down), 'kafka2', { state: seen('gone'), backing: { claim: 'data-kafka-2', phase, volume: 'pv-2', reclaim: 'Retain', node: null } })

const waitsFor = (reason: string, message: string) => changeMember(down, 'kafka2', { waiting: seen({ reason, message }) })
const going = changeVolume(changeMember(runs(said(changeBroker(down, 2, { reachable: blind }))), 'kafka2', { revives: 'always' }), 'kafka2', {
  backing: { claim: 'data-kafka-2', phase: 'Terminating', volume: 'pv-2', reclaim: 'Delete', node: null },
})

const CASES: readonly (readonly [string, Survey, FailureKind, Failure['restart'], RegExp?])[] = [
  ['killed, registration still there', killed(healthy(), 2), 'killed', 'yes'],
  ['exit 137', exit(said(down), 137), 'killed', 'yes'],
  ['gone without a last word, exit not seen', changeMember(said(down), 'kafka2', { lastExit: blind }), 'killed', 'yes'],
  ['stopped on request', exit(said(down, 'started', 'controlled-shutdown'), 0), 'exited', 'yes'],
  ['exited with a code', exit(said(down), 3), 'exited', 'yes'],
  ['neither exit nor log seen', changeMember(down, 'kafka2', { lastExit: blind, signals: blind }), 'unknown', 'no', /log/],
  ['killed for memory by the kernel', exit(said(down), 137, 'SIGKILL', true), 'oom', 'yes', /memory/],
  ['started again after it was killed for memory', exit(runs(said(down), 1000), 137, 'SIGKILL', true), 'oom', 'wait', /memory/],
  ['out of heap', exit(said(down, 'started', 'out-of-memory'), 3), 'oom', 'yes', /memory/],
  ['disk full by its log', said(down, 'started', 'disk-full', 'fatal'), 'disk-full', 'no', /space/],
  ['disk full by its size', changeVolume(said(down), 'kafka2', { usableBytes: seen(5e8), totalBytes: seen(100e9) }), 'disk-full', 'no', /space/],
  ['wrong cluster id', said(down, 'fatal', 'inconsistent-cluster-id', 'fatal'), 'fatal-start-up', 'no', /meta\.properties/],
  ['wrong cluster id under KRaft, which keeps trying', runs(said(dead(healthy('kraft'), 2), 'inconsistent-cluster-id')), 'fatal-start-up', 'no'],
  ['wrong broker id', said(down, 'fatal', 'inconsistent-broker-id'), 'fatal-start-up', 'no'],
  ['bad configuration', said(down, 'fatal', 'bad-configuration'), 'fatal-start-up', 'no', /configuration/],
  ['a configuration error that a client provoked, then SIGKILL', exit(said(down, 'bad-configuration'), null, 'SIGKILL'), 'killed', 'yes'],
  ['port in use', said(down, 'port-in-use', 'fatal'), 'fatal-start-up', 'no', /port/],
  ['log directory failed', said(down, 'started', 'log-dir-failure'), 'volume', 'no', /disk/],
  ['not formatted', said(down, 'fatal', 'not-formatted'), 'blank-disk', 'no', /format/],
  ['NODEEXISTS, registration expired', said(down, 'node-exists', 'fatal', 'node-exists'), 'fatal-start-up', 'yes', /expired/],
  ['NODEEXISTS, registration still there', said(killed(healthy(), 2), 'node-exists', 'fatal'), 'fatal-start-up', 'yes', /wait/],
  ['duplicate registration under KRaft, which keeps trying', runs(said(dead(healthy('kraft'), 2), 'node-exists'), 1000), 'fatal-start-up', 'wait'],
  ['any other fatal line at start-up', said(down, 'fatal'), 'fatal-start-up', 'no'],
  ['no ZooKeeper at start-up, quorum held again', fatal('kafka.zookeeper.ZooKeeperClientTimeoutException: Timed out'), 'fatal-start-up', 'yes'],
  [
    'no ZooKeeper at start-up, quorum not seen',
    changeZooKeeper(fatal('kafka.zookeeper.ZooKeeperClientTimeoutException: Timed out'), { quorum: blind }),
    'fatal-start-up',
    'no',
    /quorum/,
  ],
  ['a fatal line after it had come up', said(down, 'started', 'fatal'), 'exited', 'yes'],
  ['a fatal line that it survived', exit(said(down, 'fatal', 'inconsistent-cluster-id', 'started'), null, 'SIGKILL'), 'killed', 'yes'],
  ['corrupt data that it repaired', exit(said(down, 'corrupt-data'), null, 'SIGKILL'), 'killed', 'yes'],
  ['corrupt data that it died of', said(down, 'corrupt-data', 'fatal'), 'volume', 'no'],
  ['log recovery under way', runs(said(down, 'log-recovery')), 'log-recovery', 'wait'],
  ['killed during log recovery', exit(said(down, 'log-recovery'), null, 'SIGKILL'), 'killed', 'yes'],
  [
    'scaled down',
    changeMember(down, 'kafka2', { waiting: seen({ reason: 'ScaledDown', message: 'StatefulSet kafka wants 2 replicas' }) }),
    'scaled-down',
    'yes',
  ],
  [
    'cut off its network',
    changeMember(down, 'kafka2', { state: seen('running'), waiting: seen({ reason: 'NoNetwork', message: 'is on no network' }) }),
    'network',
    'yes',
  ],
  [
    'on a node that does not report',
    changeMember(down, 'kafka2', { state: blind, uid: blind, node: seen('node-b'), nodeTrouble: seen('NotReady since noon') }),
    'node',
    'no',
    /bring node-b back/,
  ],
  ['a claim that is gone while its volume is not', lost('Released'), 'volume', 'no', /claimRef/],
  ['a claim that is gone with its data', lost('Lost'), 'blank-disk', 'yes'],
  ['crash looping with its last words', said(crashing, 'fatal', 'bad-configuration'), 'fatal-start-up', 'no', /configuration/],
  ['restarting over and over with its last words', said(waits('Restarting'), 'fatal', 'bad-configuration'), 'fatal-start-up', 'no', /configuration/],
  ['not created, its controller refused', waitsFor('NotCreated', 'kafka wants kafka-2; FailedCreate: exceeded quota'), 'scheduling', 'no', /quota/],
  ['not created yet', waitsFor('NotCreated', 'kafka wants kafka-2, but there is no such pod'), 'scheduling', 'wait'],
  ['an init container that dies', waits('CrashLoopBackOff', 'init container format'), 'fatal-start-up', 'no', /log/],
  ['a claim on its way out', going, 'volume', 'no', /Retain/],
  ['crash looping for want of memory', exit(said(crashing), 137, 'SIGKILL', true), 'oom', 'yes', /memory/],
  ['paused', paused(healthy(), 2), 'hung', 'yes'],
  ['runs, unregistered, silent', runs(said(changeBroker(down, 2, { reachable: blind }))), 'hung', 'yes'],
  ['runs, unregistered, refuses', runs(said(down)), 'running-unregistered', 'yes'],
  ['runs, unregistered, log not seen', runs(changeMember(down, 'kafka2', { signals: blind })), 'running-unregistered', 'wait', /recover/],
  ['just started', runs(said(down), 1000), 'running-unregistered', 'wait'],
  ['runs, registered, silent', changeBroker(healthy(), 2, { reachable: blind }), 'unknown', 'no', /again/],
  ['healthy', healthy(), 'healthy', 'yes'],
  ['image', waits('ImagePullBackOff', 'Back-off pulling image'), 'image', 'no', /image/],
  [
    'anti-affinity with a lost node',
    waits('Unschedulable', "0/3 nodes are available: 1 node(s) didn't match pod anti-affinity rules"),
    'scheduling',
    'no',
    /node/,
  ],
  ['volume not attached', waits('FailedAttachVolume', 'Multi-Attach error'), 'volume', 'no', /claim/],
  ['pending without a reason', changeMember(down, 'kafka2', { state: seen('pending') }), 'scheduling', 'wait'],
  ['volume gone', changeVolume(said(down), 'kafka2', { state: seen('gone') }), 'volume', 'no'],
  ['blank disk beside ZooKeeper', changeVolume(said(down), 'kafka2', { state: seen('blank') }), 'blank-disk', 'yes'],
  ['blank disk under KRaft', changeVolume(said(dead(healthy('kraft'), 2)), 'kafka2', { state: seen('blank') }), 'blank-disk', 'yes'],
  ['member not matched', changeBroker(down, 2, { member: blind }), 'unknown', 'no'],
  ['brokers not seen', { ...down, brokers: blind }, 'unknown', 'no'],
]

describe('classifyFailure', () => {
  it.each(CASES.map(([name, survey, kind, restart, instead]) => ({ name, survey, kind, restart, instead })))(
    '$name → $kind, restart: $restart',
    ({ survey, kind, restart, instead }) => {
      const found = classifyFailure(survey, 2)
      expect(found, found.because).toMatchObject({ kind, restart })
      expect(found.because).not.toBe('')
      if (restart === 'no') expect(found.instead).not.toBeNull()
      if (instead !== undefined) expect(found.instead).toMatch(instead)
      expect(found.evidence.length).toBeGreaterThan(0)
    },
  )

  it('names the node of a pod that cannot be placed', () => {
    expect(classifyFailure(waits('Unschedulable', 'affinity'), 2).because).toContain('node-b')
  })
})
