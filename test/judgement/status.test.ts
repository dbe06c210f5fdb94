// The two-witness rule, state by state.
import { describe, expect, it } from 'vitest'
import { brokerStatus, outOfService, START_UP, type Status } from '../../src/judgement/status.ts'
import type { LogSignal } from '../../src/model/member.ts'
import type { Survey } from '../../src/model/survey.ts'
import { blind, changeBroker, changeMember, changeZooKeeper, dead, expired, healthy, killed, NOW, paused, seen, signals } from '../helpers/survey.ts'

const running = (survey: Survey, age: number, log: readonly LogSignal['kind'][] = []): Survey =>
  changeMember(survey, 'kafka2', { state: seen('running'), startedAt: seen(NOW - age), signals: signals(...log) })
const unregistered = (reachable: boolean | null): Survey => changeBroker(expired(healthy(), 2), 2, { reachable: reachable === null ? blind : seen(reachable) })
const registered = (reachable: boolean | null): Survey => changeBroker(healthy(), 2, { reachable: reachable === null ? blind : seen(reachable) })
const LONG = START_UP * 10

const CASES: readonly (readonly [string, Survey, Status, boolean])[] = [
  ['runs, registered, answers', healthy(), 'up', false],
  ['stopped, still registered', killed(healthy(), 2), 'down', true],
  ['stopped, unregistered', dead(healthy(), 2), 'down', true],
  ['paused, still registered', paused(healthy(), 2), 'hung', true],
  ['pending', changeMember(dead(healthy(), 2), 'kafka2', { state: seen('pending') }), 'down', true],
  ['runs, registered, silent', registered(null), 'unknown', false],
  ['runs for long, registered, refuses', registered(false), 'unknown', false],
  ['just started, registered by its predecessor, refuses', running(registered(false), 1000), 'starting', false],
  ['runs for long, unregistered, silent', running(unregistered(null), LONG), 'hung', true],
  ['runs for long, unregistered, refuses', running(unregistered(false), LONG), 'down', true],
  ['runs for long, unregistered, answers: fenced', running(unregistered(true), LONG), 'down', true],
  ['just started, unregistered, silent', running(unregistered(null), 1000), 'starting', true],
  ['runs for long, unregistered, in log recovery', running(unregistered(false), LONG, ['log-recovery']), 'starting', true],
  ['log recovery of before it came up', running(unregistered(false), LONG, ['log-recovery', 'started']), 'down', true],
  ['unregistered, but no quorum stands behind that', changeZooKeeper(running(unregistered(null), LONG), { quorum: blind }), 'unknown', false],
  ['registration not seen', changeBroker(healthy(), 2, { registered: blind }), 'unknown', false],
  ['member not matched, registered, answers', changeBroker(healthy(), 2, { member: blind }), 'unknown', false],
  ['member not matched, unregistered, silent', changeBroker(unregistered(null), 2, { member: blind }), 'down', true],
  ['platform not seen, unregistered, refuses', { ...unregistered(false), members: blind }, 'down', true],
  ['platform not seen, registered, silent', { ...registered(null), members: blind }, 'unknown', false],
  ['state not seen, registered, answers', changeMember(healthy(), 'kafka2', { state: blind }), 'unknown', false],
]

describe('brokerStatus', () => {
  it.each(CASES.map(([name, survey, status, out]) => ({ name, survey, status, out })))('$name → $status', ({ survey, status, out }) => {
    const judged = brokerStatus(survey, 2)
    expect(judged.status, judged.because).toBe(status)
    expect(judged.because).not.toBe('')
    expect(judged.evidence).toHaveLength(3)
    expect(outOfService(survey, 2)).toBe(out)
  })

  it('leaves the others alone', () => {
    for (const [, survey] of CASES) if (survey.members.known) expect(brokerStatus(survey, 1).status === 'up' || !survey.members.known).toBe(true)
  })

  it('says unknown of a broker nobody saw', () => {
    expect(brokerStatus(healthy(), 9).status).toBe('unknown')
    expect(brokerStatus({ ...healthy(), brokers: blind }, 1).status).toBe('unknown')
  })
})
