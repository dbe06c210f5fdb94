// Every way in which a chain would lie is a reason for a full backup; what changes nothing is none.
import { describe, expect, it } from 'vitest'
import type { PartitionPlan } from '../../../src/archive/create/ends.ts'
import { type ChainFacts, goOn, whyFull } from '../../../src/archive/create/why-full.ts'
import { FORMAT, type Manifest, type PartitionBackup } from '../../../src/archive/manifest.ts'
import { known, unknown } from '../../../src/model/known.ts'
import { parseInstant } from '../../../src/units.ts'

const before = (change: Partial<PartitionBackup> = {}): PartitionBackup => ({
  topic: 't',
  partition: 0,
  topicId: 'one',
  leaderEpoch: 3,
  logStart: '0',
  start: '0',
  end: '100',
  highWatermark: '100',
  records: 100,
  bytes: 1,
  minTimestamp: 1,
  maxTimestamp: 1,
  largestBatch: 1,
  holes: 0,
  gaps: [],
  segments: [],
  ...change,
})

const parentOf = (...partitions: readonly PartitionBackup[]): Manifest => ({
  backup_date: '2026-01-14T03:00:00.000Z',
  backup_type: 'full',
  kafka_brokers: '',
  topics_count: 1,
  topics: ['t'],
  consumer_groups_count: 0,
  consumer_groups: [],
  backup_size_bytes: 0,
  format: FORMAT,
  name: 'full_backup_20260114_030000',
  status: 'complete',
  incomplete: [],
  finished_at: null,
  kdr_version: '0',
  cluster_id: 'c',
  isolation_level: 'read_committed',
  chain: { id: 'a', sequence: 0, parent: null },
  encryption: null,
  compression: 'none',
  left_out: [],
  open_transactions: [],
  partitions,
  entries: [],
})

const plan = (change: Partial<PartitionPlan> = {}): PartitionPlan => ({
  topic: 't',
  partition: 0,
  topicId: 'one',
  leaderEpoch: 3,
  logStart: 20n,
  start: 20n,
  end: 150n,
  highWatermark: 150n,
  problem: null,
  ...change,
})

const facts = (change: Partial<ChainFacts> = {}): ChainFacts => ({
  present: new Set(['t']),
  plans: [plan()],
  epochEnds: new Map([['t-0', known(150n, 'test')]]),
  cleaning: new Map([['t', known({ compacted: false, tombstones: 86_400_000 }, 'test')]]),
  former: known(new Map(), 'test'),
  now: parseInstant('2026-01-15T02:00:00.000Z'),
  ...change,
})

const compacted = new Map([['t', known({ compacted: true, tombstones: 86_400_000 }, 'test')]])

describe('whyFull', () => {
  it.each<[string, Partial<PartitionBackup>, Partial<ChainFacts>]>([
    ['nothing happened but records', {}, {}],
    ['nothing happened at all', {}, { plans: [plan({ end: 100n })], epochEnds: new Map([['t-0', known(100n, 'test')]]) }],
    ['the topic is gone', {}, { plans: [], present: new Set() }],
    ['another topic is new', {}, { plans: [plan(), plan({ topic: 'new', topicId: 'two' })], present: new Set(['t', 'new']) }],
    ['the leader has changed without loss', {}, { plans: [plan({ leaderEpoch: 4 })], epochEnds: new Map([['t-0', known(100n, 'test')]]) }],
    ['a partition was empty', { end: '0', records: 0 }, { epochEnds: new Map([['t-0', unknown('no epoch', 'test')]]), plans: [plan({ logStart: 0n })] }],
    ['nobody tells ids, and the last backup has nothing of it', { end: '0', records: 0, topicId: null }, { plans: [plan({ topicId: null, logStart: 0n })] }],
    ['a partition cannot be asked just now', {}, { plans: [plan({ problem: 'no leader', end: 0n, logStart: 0n })] }],
    ['a gap is gone from the cluster as well', { gaps: [{ from: '0', to: '15', why: 'deleted by retention' }] }, {}],
    ['a gap is damage', { gaps: [{ from: '40', to: '45', why: 'undecodable: …' }] }, {}],
    ['it is compacted, and tombstones are still there', {}, { cleaning: compacted }],
    [
      'it is compacted and nothing came since',
      {},
      { cleaning: new Map(), now: parseInstant('2027-01-01T00:00:00Z'), plans: [plan({ end: 100n })], epochEnds: new Map([['t-0', known(100n, 'test')]]) },
    ],
  ])('goes on where %s', (_, change, seen) => {
    expect(whyFull(parentOf(before(change)), facts(seen))).toBeNull()
  })

  it.each<[string, RegExp, Partial<PartitionBackup>, Partial<ChainFacts>]>([
    ['it was created again', /created again/, {}, { plans: [plan({ topicId: 'two' })] }],
    [
      'one of its name is further back in the chain',
      /new is in full_backup_20260101_000000, was gone/,
      {},
      { plans: [plan(), plan({ topic: 'new', topicId: 'two' })], former: known(new Map([['new', 'full_backup_20260101_000000']]), 'test') },
    ],
    ['a backup further back cannot be read', /new was in the chain before: damaged/, {}, { former: unknown('damaged', 'test') }],
    ['the cluster tells no ids', /cannot be told whether t was deleted.*no ids/, {}, { plans: [plan({ topicId: null })] }],
    ['the last backup has no id of it', /cannot be told whether t was deleted.*last backup/, { topicId: null }, {}],
    ['it ends earlier', /cut short.*ends at 90/, {}, { plans: [plan({ end: 90n })] }],
    ['an epoch ends earlier though it is longer by now', /leader epoch 3 ends at offset 90/, {}, { epochEnds: new Map([['t-0', known(90n, 'test')]]) }],
    ['nobody says where the epoch ends', /cannot be told whether t-0/, {}, { epochEnds: new Map([['t-0', unknown('no leader', 'test')]]) }],
    ['the leader did not answer about the epoch', /cannot be told whether t-0/, {}, { epochEnds: new Map() }],
    ['retention has overtaken it', /begins at offset 101/, {}, { plans: [plan({ logStart: 101n })] }],
    ['it has more partitions', /2 partitions now and had 1/, {}, { plans: [plan(), plan({ partition: 1 })] }],
    ['it is left out now', /left out of this one/, {}, { plans: [] }],
    ['the last backup lacks what is still there', /lacks offsets 40 to 100/, { gaps: [{ from: '40', to: '100', why: 'no leader' }] }, {}],
    ['tombstones may be gone', /compacted/, {}, { cleaning: compacted, now: parseInstant('2026-01-15T04:00:00.000Z') }],
    ['its cleanup policy is not known', /cannot be told whether t is compacted/, {}, { cleaning: new Map([['t', unknown('refused', 'test')]]) }],
  ])('is full where %s', (_, reason, change, seen) => {
    expect(whyFull(parentOf(before(change)), facts(seen))).toMatch(reason)
  })
})

describe('goOn', () => {
  it('begins where the parent ended, and a new partition at its log start', () => {
    const [known, fresh, away] = goOn(parentOf(before(), before({ partition: 2 })), [
      plan(),
      plan({ partition: 1 }),
      plan({ partition: 2, problem: 'no leader', start: 0n, end: 0n }),
    ])
    expect(known).toMatchObject({ start: 100n, end: 150n })
    expect(fresh).toMatchObject({ start: 20n, end: 150n })
    expect(away).toMatchObject({ start: 100n, end: 100n, problem: 'no leader' })
  })
})
