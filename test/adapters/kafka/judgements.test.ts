// The adapter's few decisions of its own: which Metadata is fresher, which names stand for all ACLs, how
// far a voter is behind, what a name of a canary is.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fresher } from '../../../src/adapters/kafka/cluster.ts'
import { sampleNames } from '../../../src/adapters/kafka/completeness.ts'
import { answersWithin, pause, within } from '../../../src/adapters/kafka/deadline.ts'
import { errorName, kafkaError } from '../../../src/adapters/kafka/error-codes.ts'
import { splitEndpoint } from '../../../src/adapters/kafka/link.ts'
import { votersOf } from '../../../src/adapters/kafka/looks.ts'
import type { MetadataAnswer } from '../../../src/adapters/kafka/messages/metadata.ts'
import { mustBeCanary } from '../../../src/adapters/kafka/probe.ts'

const answer = (topics: Readonly<Record<string, readonly number[]>>): MetadataAnswer => ({
  brokers: [],
  clusterId: null,
  controllerId: -1,
  topics: Object.entries(topics).map(([name, epochs]) => ({
    error: 0,
    name,
    id: null,
    internal: false,
    partitions: epochs.map((leaderEpoch, partition) => ({ error: 0, partition, leader: 1, leaderEpoch, replicas: [1], isr: [1] })),
  })),
})

describe('the fresher Metadata', () => {
  test('has seen more elections', () => {
    expect(fresher(answer({ a: [4, 2] }), answer({ a: [3, 2] }))).toBeGreaterThan(0)
  })

  test('is not the one that still shows a deleted topic with many elections', () => {
    expect(fresher(answer({ a: [3], deleted: [900] }), answer({ a: [4] }))).toBeLessThan(0)
  })

  test('is not the one of a broker that has just started and knows no topic', () => {
    expect(fresher(answer({}), answer({ a: [0] }))).toBeLessThan(0)
  })

  test('is decided the same whichever is asked first', () => {
    const topics = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.array(fc.nat(9), { maxLength: 3 }))
    fc.assert(
      fc.property(topics, topics, (a, b) => {
        expect(Math.sign(fresher(answer(a), answer(b))) + Math.sign(fresher(answer(b), answer(a)))).toBe(0)
      }),
    )
  })
})

describe('names that stand for every topic ACL', () => {
  /** Which patterns decide about a name. */
  const deciding = (patterns: readonly { name: string; prefixed: boolean }[], name: string) =>
    patterns
      .filter((pattern) => (pattern.prefixed ? name.startsWith(pattern.name) : pattern.name === '*' || pattern.name === name))
      .map((pattern) => `${pattern.prefixed} ${pattern.name}`)
      .sort()
      .join()

  test('for any topic there is one that the same ACLs decide about', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(fc.record({ name: word, prefixed: fc.boolean() })), word, (patterns, topic) => {
        const sampled = sampleNames(patterns, '0123').map((name) => deciding(patterns, name))
        expect(sampled).toContain(deciding(patterns, topic === '*' ? 'a' : topic))
      }),
    )
  })
})

describe('voters', () => {
  const replica = (id: number, lastFetch: bigint, lastCaughtUp: bigint) => ({ id, logEndOffset: 10n, lastFetch, lastCaughtUp })

  test('are behind by the latest time the leader named; the leader itself is not', () => {
    const voters = votersOf({ leaderId: 1, voters: [replica(1, -1n, -1n), replica(2, 5000n, 4900n), replica(3, 2000n, -1n)] })
    expect(voters.map((voter) => [voter.id, voter.lastFetchAgo, voter.lastCaughtUpAgo])).toEqual([
      [1, 0, 0],
      [2, 0, 100],
      [3, 3000, null],
    ])
  })
})

test('Kafka errors keep their names, also those without one here', () => {
  expect([errorName(41), errorName(-1), errorName(999)]).toEqual(['NOT_CONTROLLER', 'UNKNOWN_SERVER_ERROR', 'ERROR_999'])
  expect(kafkaError('x', 19)).toMatchObject({ code: 'kafka-not-enough-replicas', message: 'x: NOT_ENOUGH_REPLICAS' })
})

test('endpoints are host and port, also with an IPv6 address', () => {
  expect(splitEndpoint('broker.example:9092')).toEqual({ host: 'broker.example', port: 9092 })
  expect(splitEndpoint('[::1]:9092')).toEqual({ host: '::1', port: 9092 })
})

test('a probe refuses names that are not kdr’s own', () => {
  expect(() => mustBeCanary('__kdr_canary')).not.toThrow()
  for (const name of ['orders', '_schemas', '__consumer_offsets', 'x__kdr_', '']) {
    expect(() => mustBeCanary(name)).toThrow(expect.objectContaining({ code: 'not-a-canary' }))
  }
})

describe('waiting', () => {
  const never = new Promise<never>(() => {})
  const open = new AbortController().signal

  test('ends at its deadline', async () => {
    await expect(within(never, 10, open, () => new Error('late'))).rejects.toThrow('late')
  })

  test('ends with the reason of the abort, before or during', async () => {
    const during = new AbortController()
    const waiting = within(never, 10_000, during.signal, () => new Error('late'))
    during.abort(new Error('stop'))
    await expect(waiting).rejects.toThrow('stop')
    await expect(within(Promise.resolve(1), 10, during.signal, () => new Error('late'))).rejects.toThrow('stop')
    await expect(pause(10_000, during.signal)).rejects.toThrow('stop')
  })

  test('for the best of several does not wait for who is hung', async () => {
    expect(await answersWithin([never, Promise.resolve(1), Promise.reject(new Error('down'))], 5)).toEqual([1])
    expect(await answersWithin([Promise.reject(new Error('down'))], 5)).toEqual([])
    expect(await answersWithin([], 5)).toEqual([])
  })
})
