// A ZooKeeper's files, written here byte by byte as zookeeper.jute, FileSnap and FileTxnLog say; those of a real one
// are read in test/real/quorum.suite.ts.
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readTree } from '../../src/archive/zookeeper-tree.ts'

const int32 = (value: number) => {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}
const int64 = (value: bigint) => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigInt64BE(value)
  return buffer
}
const field = (value: string | Buffer) => {
  const content = Buffer.from(value as string)
  return Buffer.concat([int32(content.length), content])
}
const header = (magic: string) => Buffer.concat([Buffer.from(magic), int32(2), int64(0n)])

/** One session and one list of ACLs. */
const snapshot = (nodes: Readonly<Record<string, string>>, end = true) =>
  Buffer.concat([
    header('ZKSN'),
    int32(1),
    int64(0x10n),
    int32(6000),
    int32(1),
    int64(1n),
    int32(1),
    int32(31),
    field('world'),
    field('anyone'),
    ...Object.entries(nodes).flatMap(([path, data]) => [field(path), field(data), int64(1n), Buffer.alloc(60)]),
    ...(end ? [field('/'), int64(7n), field('/')] : []),
  ])

const txn = (zxid: bigint, type: number, record: Buffer, time = 1000n) => {
  const body = Buffer.concat([int64(1n), int32(1), int64(zxid), int64(time), int32(type), record])
  return Buffer.concat([int64(99n), field(body), Buffer.from([0x42])])
}
const CREATE = (path: string, data: string) => Buffer.concat([field(path), field(data), int32(0), Buffer.from([0]), int32(1)])
const SET = (path: string, data: string) => Buffer.concat([field(path), field(data), int32(1)])
const log = (...entries: readonly Buffer[]) => Buffer.concat([header('ZKLG'), ...entries, Buffer.alloc(4096)])

const textOf = (data: ReadonlyMap<string, Buffer>) => Object.fromEntries([...data].map(([path, own]) => [path, own.toString()]))

describe("a ZooKeeper's files", () => {
  it('are its newest snapshot and every transaction since, applied in turn', () => {
    const files = [
      { name: 'snapshot.0', content: snapshot({ '': '' }) },
      { name: 'snapshot.5', content: snapshot({ '': '', '/a': 'one', '/gone': 'x' }) },
      { name: 'log.1', content: log(txn(4n, 1, CREATE('/never', 'applied before the snapshot')), txn(6n, 5, SET('/a', 'two'))) },
      {
        name: 'log.7',
        content: log(
          txn(7n, 15, CREATE('/b', 'new')),
          txn(8n, 2, field('/gone')),
          txn(9n, 14, Buffer.concat([int32(2), int32(5), field(SET('/b', 'multi')), int32(1), field(CREATE('/c', 'multi'))])),
          txn(10n, -11, Buffer.alloc(0), 5000n),
        ),
      },
      { name: 'acceptedEpoch', content: Buffer.from('1') },
    ]
    const { zxid, at, data } = readTree(files)
    expect([zxid, at]).toEqual([10n, 5000])
    expect(textOf(data)).toEqual({ '/': '', '/a': 'two', '/b': 'multi', '/c': 'multi' })
  })

  it('fall back to an older snapshot where the newest was cut short, and read compressed ones', () => {
    const files = [
      { name: 'snapshot.1.gz', content: gzipSync(snapshot({ '/a': 'whole' })) },
      { name: 'snapshot.2', content: snapshot({ '/a': 'cut' }, false) },
    ]
    expect(readTree(files)).toMatchObject({ zxid: 1n, at: null })
  })

  it('end where a log was cut short', () => {
    const last = txn(3n, 5, SET('/a', 'lost'))
    const content = Buffer.concat([header('ZKLG'), txn(2n, 5, SET('/a', 'kept')), last.subarray(0, last.length - 9)])
    expect(
      textOf(
        readTree([
          { name: 'snapshot.1', content: snapshot({ '/a': 'old' }) },
          { name: 'log.2', content },
        ]).data,
      ),
    ).toEqual({ '/a': 'kept' })
  })

  it.each([
    ['nothing', []],
    ['logs alone', [{ name: 'log.1', content: log() }]],
    ['something else', [{ name: 'snapshot.1', content: Buffer.from('PK, or anything') }]],
    [
      'a log that is none',
      [
        { name: 'snapshot.1', content: snapshot({}) },
        { name: 'log.2', content: Buffer.from('not a log') },
      ],
    ],
  ])('are refused where there is %s', (_, files) => {
    expect(() => readTree(files)).toThrow(expect.objectContaining({ code: 'bad-snapshot' }))
  })
})
