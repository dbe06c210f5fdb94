// Every check passes on a healthy cluster, fails by its own fault alone, and is UNKNOWN when it was not seen.
import { describe, expect, it } from 'vitest'
import { type Check, checkHealth, DEFAULT_THRESHOLDS, type Result, verdictOf } from '../../src/judgement/health.ts'
import type { LogDir, Survey } from '../../src/model/survey.ts'
import { BY, blind, changeBroker, changeQuorum, changeRows, changeZooKeeper, dead, dimmed, healthy, row, seen, table, topic } from '../helpers/survey.ts'

const dir = (change: Partial<LogDir>): LogDir => ({ path: '/d', error: null, usableBytes: 60, totalBytes: 100, ...change })
const canary = (change: object): Survey => ({
  ...healthy(),
  canary: seen({ at: 0, sent: 3, received: 3, p99: 10, ledBy: [1], lost: 0, problem: null, ...change }),
})
const skewed = (count: number, of: number): Survey => ({
  ...healthy(),
  partitions: table(
    [topic('orders')],
    Array.from({ length: of }, (_, p) => row('orders', p, [1, 2, 3], { leader: p < count ? 2 : 1 })),
  ),
})
const resultOf = (survey: Survey, id: string): Result | undefined => checkHealth(survey).find((check) => check.id === id)?.result

/** `imok` from every server proves three processes. */
const leaderless = (mode: 'not-serving' | 'follower'): Survey => {
  const { coordination } = healthy()
  if (!coordination.known || coordination.value.kind !== 'zookeeper') throw new Error('not ZooKeeper')
  const servers = coordination.value.servers.map((server) => ({ ...server, mode: seen(mode), syncedFollowers: seen(null) }))
  return changeZooKeeper(healthy(), { servers, quorum: mode === 'not-serving' ? seen(false) : blind })
}

const CASES: readonly (readonly [string, string, Survey, Result])[] = [
  ['brokers-registered', 'one is dead', dead(healthy(), 2), 'FAIL'],
  ['brokers-registered', 'one is silent', changeBroker(healthy(), 2, { reachable: blind }), 'UNKNOWN'],
  ['brokers-registered', 'none was seen', { ...healthy(), brokers: seen([]) }, 'UNKNOWN'],
  ['cluster-id', 'sources disagree', { ...healthy(), clusterId: blind }, 'UNKNOWN'],
  ['quorum', 'lost', changeZooKeeper(healthy(), { quorum: seen(false) }), 'FAIL'],
  ['quorum', 'every ZooKeeper lives and none leads', leaderless('not-serving'), 'FAIL'],
  ['quorum', 'every ZooKeeper follows and none leads', leaderless('follower'), 'UNKNOWN'],
  ['quorum', 'no controller', changeZooKeeper(healthy(), { controller: seen(null) }), 'FAIL'],
  ['quorum', 'no leader of the quorum seen', changeQuorum(healthy('kraft'), { leaderId: blind }), 'UNKNOWN'],
  ['leaderless', 'one partition', changeRows(healthy(), (one) => ({ ...one, leader: one.partition === 0 ? -1 : one.leader })), 'FAIL'],
  ['under-min-isr', 'ISR of one', changeRows(healthy(), (one) => ({ ...one, isr: [1] })), 'FAIL'],
  ['under-min-isr', 'min ISR not seen', { ...healthy(), partitions: table([topic('orders', { minIsr: blind })], [row('orders', 0, [1, 2])]) }, 'UNKNOWN'],
  ['under-replicated', 'one URP', changeRows(healthy(), (one) => (one.partition === 2 ? { ...one, isr: [1, 2] } : one)), 'FAIL'],
  ['internal-topics', 'one URP of __consumer_offsets', changeRows(healthy(), (one) => (one.topic.startsWith('__') ? { ...one, isr: [1, 2] } : one)), 'FAIL'],
  ['internal-topics', 'one URP of another topic', changeRows(healthy(), (one) => (one.topic.startsWith('__') ? one : { ...one, isr: [1, 2] })), 'PASS'],
  ['leader-balance', '1 of 10', skewed(1, 10), 'PASS'],
  ['leader-balance', '2 of 10', skewed(2, 10), 'FAIL'],
  ['disk', '79 %', changeBroker(healthy(), 1, { logDirs: seen([dir({ usableBytes: 21 })]) }), 'PASS'],
  ['disk', '80 %', changeBroker(healthy(), 1, { logDirs: seen([dir({ usableBytes: 20 })]) }), 'FAIL'],
  ['disk', 'size not told', changeBroker(healthy(), 1, { logDirs: seen([dir({ usableBytes: null })]) }), 'UNKNOWN'],
  ['disk', 'not asked', changeBroker(healthy(), 1, { logDirs: blind }), 'UNKNOWN'],
  ['log-dirs', 'one offline', changeBroker(healthy(), 1, { logDirs: seen([dir({}), dir({ error: 'KAFKA_STORAGE_ERROR' })]) }), 'FAIL'],
  ['canary', 'slow', canary({ p99: 2000 }), 'FAIL'],
  ['canary', 'one lost', canary({ lost: 1 }), 'FAIL'],
  ['canary', 'one not back', canary({ received: 2 }), 'FAIL'],
  ['canary', 'nothing sent', canary({ sent: 0, received: 0 }), 'FAIL'],
  ['canary', 'a problem', canary({ problem: 'NOT_ENOUGH_REPLICAS' }), 'FAIL'],
  ['canary', 'not sent', { ...healthy(), canary: blind }, 'UNKNOWN'],
  ...['leaderless', 'under-min-isr', 'under-replicated', 'internal-topics', 'leader-balance'].map((id): readonly [string, string, Survey, Result] => [
    id,
    'partitions not seen',
    { ...healthy(), partitions: blind },
    'UNKNOWN',
  ]),
]

describe('checkHealth', () => {
  it.each(['zookeeper', 'kraft', 'combined'] as const)('passes a healthy %s cluster', (kind) => {
    const checks = checkHealth(healthy(kind))
    expect(checks.filter((check) => check.result !== 'PASS')).toEqual([])
    expect(new Set(checks.map((check) => check.id)).size).toBe(checks.length)
    expect(verdictOf(checks)).toBe('PASS')
  })
  it.each(CASES.map(([id, name, survey, result]) => ({ id, name, survey, result })))('$id: $name → $result', ({ id, survey, result }) => {
    expect(resultOf(survey, id)).toBe(result)
    if (result !== 'PASS') expect(verdictOf(checkHealth(survey))).not.toBe('PASS')
  })
  it('never passes what failed because something was not seen', () => {
    for (const [id, , survey, result] of CASES) {
      if (result === 'PASS') continue
      for (const dim of dimmed(survey)) expect(verdictOf(checkHealth(dim.survey)), `${id} without ${dim.path}`).not.toBe('PASS')
    }
  })
  it('takes thresholds', () => {
    const check = (thresholds: Partial<typeof DEFAULT_THRESHOLDS>, id: string) =>
      checkHealth(canary({ p99: 2500 }), { ...DEFAULT_THRESHOLDS, ...thresholds }).find((one) => one.id === id)?.result
    expect(check({}, 'canary')).toBe('FAIL')
    expect(check({ roundTripP99: 3000 }, 'canary')).toBe('PASS')
    expect(check({ diskUsed: 0.3 }, 'disk')).toBe('FAIL')
  })
})

describe('verdictOf', () => {
  const check = (result: Result): Check => ({ id: result, title: '', result, detail: '', source: BY })
  it.each([
    [[], 'UNKNOWN'],
    [['PASS'], 'PASS'],
    [['PASS', 'UNKNOWN'], 'UNKNOWN'],
    [['UNKNOWN', 'FAIL', 'PASS'], 'FAIL'],
  ] as const)('%j → %s', (results, verdict) => {
    expect(verdictOf(results.map(check))).toBe(verdict)
  })
})
