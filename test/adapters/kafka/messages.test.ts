// Requests byte by byte, and answers with everything in them that kdr skips.
import { describe, expect, test } from 'vitest'
import type { Message } from '../../../src/adapters/kafka/message.ts'
import { DescribeAcls } from '../../../src/adapters/kafka/messages/access.ts'
import { IncrementalAlterConfigs } from '../../../src/adapters/kafka/messages/configs.ts'
import { DescribeQuorum, ElectLeaders } from '../../../src/adapters/kafka/messages/controller.ts'
import { DescribeLogDirs } from '../../../src/adapters/kafka/messages/log-dirs.ts'
import { Metadata } from '../../../src/adapters/kafka/messages/metadata.ts'
import { ListOffsets, LOCAL } from '../../../src/adapters/kafka/messages/offsets.ts'
import { Fetch, Produce } from '../../../src/adapters/kafka/messages/records.ts'
import { DescribeTopicPartitions } from '../../../src/adapters/kafka/messages/topic-partitions.ts'
import { CreateTopics } from '../../../src/adapters/kafka/messages/topics.ts'
import { WireReader, WireWriter } from '../../../src/adapters/kafka/wire.ts'

const encoded = <Q>(message: Message<Q, unknown>, question: Q): string => {
  const writer = new WireWriter()
  message.encode(writer, question)
  return writer.finish().toString('hex')
}

/** Decodes and checks that nothing but the closing tags is left over. */
const decoded = <A>(message: Message<never, A>, answer: WireWriter): A => {
  const reader = new WireReader(answer.finish())
  const value = message.decode(reader)
  if (message.flexible) reader.tags()
  expect(reader.left).toBe(0)
  return value
}

const ids = (writer: WireWriter, list: readonly number[]) => writer.array(list, (each, id) => each.i32(id))

describe('requests', () => {
  test('Metadata asks for all topics with null, by name with the zero id, and never creates one', () => {
    expect(encoded(Metadata, null)).toBe('00' + '00' + '00' + '00')
    expect(encoded(Metadata, ['t'])).toBe(['02', '00'.repeat(16), '0274', '00', '00', '00', '00'].join(''))
  })

  test('ListOffsets of a local log carries replica -2, rows grouped by topic', () => {
    const partitions = [
      { topic: 'a', partition: 1 },
      { topic: 'b', partition: 2 },
      { topic: 'a', partition: 3 },
    ]
    const row = (partition: string) => `${partition}ffffffffffffffffffffffff00`
    const question = { replica: LOCAL, isolation: 0, timestamp: -1n, partitions }
    expect(encoded(ListOffsets, question)).toBe(`fffffffe0003026103${row('00000001')}${row('00000003')}0002620${'2'}${row('00000002')}0000`)
  })

  test('ElectLeaders names its partitions, never all', () => {
    const question = { kind: 'unclean' as const, partitions: [{ topic: 't', partition: 4 }], timeout: 5000 }
    expect(encoded(ElectLeaders, question)).toBe('01' + '02' + '0274' + '0200000004' + '00' + '00001388' + '00')
  })

  test('IncrementalAlterConfigs sets values and deletes where null', () => {
    const question = { type: 'topic' as const, name: 't', changes: { k: 'v', d: null } }
    expect(encoded(IncrementalAlterConfigs, question)).toBe('02' + '020274' + '03' + '026b00027600' + '0264010000' + '00' + '00' + '00')
  })

  test('CreateTopics leaves counts to the assignment', () => {
    const question = { topics: [{ name: 't', assignments: [[1, 2]], configs: {} }], timeout: 1 }
    expect(encoded(CreateTopics, question)).toBe(
      '02' + '0274' + 'ffffffff' + 'ffff' + '02' + '00000000' + '030000000100000002' + '00' + '01' + '00' + '00000001' + '00' + '00',
    )
  })

  test('Fetch v11 is not flexible and reads committed', () => {
    const question = { topic: 't', partition: 2, offset: 5n, maxBytes: 16, maxWait: 100 }
    const row = '00000002' + 'ffffffff' + '0000000000000005' + 'ffffffffffffffff' + '00000010'
    expect(encoded(Fetch, question)).toBe(
      ['ffffffff', '00000064', '00000001', '00000010', '01', '00000000', 'ffffffff', '00000001', '000174', '00000001', row, '00000000', '0000'].join(''),
    )
  })

  test('Produce waits for all in-sync replicas', () => {
    const question = { rows: [{ topic: 't', partition: 2, batch: Buffer.from('ab') }], timeout: 3 }
    expect(encoded(Produce, question)).toBe('00' + 'ffff' + '00000003' + '02' + '0274' + '02' + '00000002' + '036162' + '00' + '00' + '00')
  })

  test('DescribeAcls asks for the ACLs of all topics', () => {
    expect(encoded(DescribeAcls, null)).toBe('02' + '00' + '01' + '00' + '00' + '01' + '01' + '00')
  })

  test('DescribeTopicPartitions goes on where the cursor says', () => {
    expect(encoded(DescribeTopicPartitions, { topics: ['t'], cursor: null })).toBe('02' + '027400' + '000007d0' + 'ff' + '00')
    expect(encoded(DescribeTopicPartitions, { topics: [], cursor: { topic: 't', partition: 9 } })).toBe(
      '01' + '000007d0' + '01' + '0274' + '00000009' + '00' + '00',
    )
  })
})

describe('answers', () => {
  test('Metadata keeps a leaderless partition as data', () => {
    const answer = new WireWriter().i32(0)
    answer.array(['h'], (each, host) => each.i32(1).string(host).i32(9092).string(null).tags())
    answer.string('cluster').i32(1)
    answer.array(['t'], (each, name) => {
      each.i16(0).string(name).uuid('AAAAAAAAAAAAAAAAAAAAAQ').bool(false)
      each.array([0], (row, partition) => {
        row.i16(5).i32(partition).i32(-1).i32(7)
        ids(row, [1, 2])
        ids(row, [2])
        ids(row, [2])
        row.tags()
      })
      each.i32(-2147483648).tags()
    })
    expect(decoded(Metadata, answer.tags())).toEqual({
      brokers: [{ id: 1, host: 'h', port: 9092, rack: null }],
      clusterId: 'cluster',
      controllerId: 1,
      topics: [
        {
          error: 0,
          name: 't',
          id: 'AAAAAAAAAAAAAAAAAAAAAQ',
          internal: false,
          partitions: [{ error: 5, partition: 0, leader: -1, leaderEpoch: 7, replicas: [1, 2], isr: [2] }],
        },
      ],
    })
  })

  test('DescribeTopicPartitions gives ELR, empty where null, and the next page', () => {
    const answer = new WireWriter().i32(0)
    answer.array(['t'], (each, name) => {
      each.i16(0).string(name).uuid(null).bool(false)
      each.array([0, 1], (row, partition) => {
        row.i16(5).i32(partition).i32(-1).i32(2)
        ids(row, [1, 2, 3])
        ids(row, [])
        row.array(partition === 0 ? [3] : null, (list, id) => list.i32(id))
        row.array(partition === 0 ? null : [2], (list, id) => list.i32(id))
        ids(row, [1, 2, 3])
        row.tags()
      })
      each.i32(0).tags()
    })
    answer.i8(1).string('u').i32(5).tags()
    const { topics, next } = decoded(DescribeTopicPartitions, answer.tags())
    expect(topics[0]?.partitions.map((row) => [row.isr, row.elr, row.lastKnownElr])).toEqual([
      [[], [3], []],
      [[], [], [2]],
    ])
    expect(next).toEqual({ topic: 'u', partition: 5 })
  })

  test('DescribeLogDirs leaves out topics a broker lists without partitions', () => {
    const answer = new WireWriter().i32(0).i16(0)
    answer.array(['/d'], (each, path) => {
      each.i16(56).string(path)
      each.array(['held', 'not'], (topic, name) =>
        topic
          .string(name)
          .array(name === 'held' ? [0] : [], (row, partition) => row.i32(partition).i64(1n).i64(0n).bool(false).tags())
          .tags(),
      )
      each.i64(-1n).i64(10n).tags()
    })
    expect(decoded(DescribeLogDirs, answer.tags())).toEqual({
      error: 0,
      dirs: [{ error: 56, path: '/d', topics: ['held'], totalBytes: -1n, usableBytes: 10n }],
    })
  })

  test('DescribeQuorum with an error of its own has no more to read', () => {
    const answer = new WireWriter().i16(6)
    answer.array([], () => {})
    const quorum = DescribeQuorum.decode(new WireReader(answer.tags().finish()))
    expect(quorum).toMatchObject({ error: 6, voters: [] })
  })

  test('Produce explains a refusal with the words for the record', () => {
    const answer = new WireWriter()
    answer.array(['t'], (each, name) =>
      each
        .string(name)
        .array([0], (row, partition) =>
          row
            .i32(partition)
            .i16(87)
            .i64(-1n)
            .i64(-1n)
            .i64(-1n)
            .array(['no key'], (list, words) => list.i32(0).string(words).tags())
            .string('one or more records are bad')
            .tags(),
        )
        .tags(),
    )
    expect(decoded(Produce, answer.i32(0).tags())).toEqual({ throttle: 0, rows: [{ topic: 't', partition: 0, error: 87, message: 'no key', baseOffset: -1n }] })
  })
})
