// Settings of a topic that comes back: what another cluster cannot take is left out by name, and nothing can
// expire while it is loaded.
import { describe, expect, it } from 'vitest'
import { changesTo, finalConfigs, isLoadMode, loadConfigs, retentionOf } from '../../../src/archive/restore/topic-configs.ts'

const KAFKA_4 = new Map<string, string | null>([
  ['log.message.timestamp.difference.max.ms', null],
  ['log.message.timestamp.before.max.ms', '9223372036854775807'],
  ['log.message.timestamp.after.max.ms', '3600000'],
  ['message.max.bytes', '1048588'],
  ['min.insync.replicas', '2'],
  ['log.retention.hours', '168'],
])
const KAFKA_3 = new Map([...KAFKA_4, ['log.message.timestamp.difference.max.ms', '9223372036854775807'], ['log.message.timestamp.after.max.ms', null]] as const)

describe('settings of a restored topic', () => {
  it('leaves out by name what means nothing here', () => {
    const given = { 'retention.ms': '1', 'message.format.version': '3.0', 'follower.replication.throttled.replicas': '*', 'x.own': '1', 'segment.ms': null }
    const { configs, notRestored } = finalConfigs('orders', given, 3, KAFKA_4)
    expect(configs).toEqual({ 'retention.ms': '1' })
    expect(notRestored.map(({ what }) => what)).toEqual([
      'topic orders: message.format.version',
      'topic orders: follower.replication.throttled.replicas',
      'topic orders: x.own',
      'topic orders: segment.ms',
    ])
  })

  it('keeps timestamp limits only where they are known', () => {
    const given = { 'message.timestamp.difference.max.ms': '5' }
    expect(finalConfigs('orders', given, 3, KAFKA_4).configs).toEqual({})
    expect(finalConfigs('orders', given, 3, KAFKA_3).configs).toEqual(given)
  })

  it('caps how many replicas have to be in sync, whoever asked for it', () => {
    expect(finalConfigs('orders', { 'min.insync.replicas': '2' }, 1, KAFKA_4)).toMatchObject({ configs: { 'min.insync.replicas': '1' } })
    expect(finalConfigs('orders', {}, 1, KAFKA_4).notRestored).toHaveLength(1)
    expect(finalConfigs('orders', {}, 2, KAFKA_4)).toEqual({ configs: {}, notRestored: [] })
  })

  it('holds everything while it is loaded', () => {
    const load = loadConfigs({ 'retention.ms': '1000', 'cleanup.policy': 'compact', 'min.insync.replicas': '2' }, 10_000_000, KAFKA_4)
    expect(load).toMatchObject({
      'retention.ms': '-1',
      'cleanup.policy': 'delete',
      'min.insync.replicas': '2',
      'message.timestamp.after.max.ms': '9223372036854775807',
    })
    expect(Number(load['max.message.bytes'])).toBeGreaterThan(10_000_000)
    expect(load).not.toHaveProperty('message.timestamp.difference.max.ms')
    expect(isLoadMode(new Map(Object.entries(load)))).toBe(true)
    expect(isLoadMode(new Map([['retention.ms', '-1']]))).toBe(false)
  })

  it('takes away what loading set, and nothing else', () => {
    const have = new Map([
      ['retention.ms', '-1'],
      ['cleanup.policy', 'delete'],
      ['x.own', '1'],
    ])
    expect(changesTo(have, { 'cleanup.policy': 'compact' }, ['retention.ms', 'cleanup.policy', 'retention.bytes'])).toEqual({
      'retention.ms': null,
      'cleanup.policy': 'compact',
    })
  })

  it('knows how long records are kept', () => {
    expect(retentionOf({}, KAFKA_4)).toBe(168 * 3_600_000)
    expect(retentionOf({ 'retention.ms': '-1' }, KAFKA_4)).toBeNull()
    expect(retentionOf({ 'cleanup.policy': 'compact', 'retention.ms': '5' }, KAFKA_4)).toBeNull()
    expect(retentionOf({ 'retention.ms': '5' }, null)).toBe(5)
  })
})
