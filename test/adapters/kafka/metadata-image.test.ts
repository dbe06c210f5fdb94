// What the controllers' log amounts to, record by record, in the layouts of Kafka's own metadata/*.json.
import { describe, expect, it } from 'vitest'
import { MetadataImage } from '../../../src/adapters/kafka/metadata-image.ts'
import { readMetadataRecord } from '../../../src/adapters/kafka/metadata-records.ts'
import { WireWriter } from '../../../src/adapters/kafka/wire.ts'

const ID = 'AAAAAAAAAAAAAAAAAAAAAg'
const OTHER = 'AAAAAAAAAAAAAAAAAAAAAw'

const record = (key: number, version: number, write: (writer: WireWriter) => unknown): Buffer => {
  const writer = new WireWriter().uvarint(1).uvarint(key).uvarint(version)
  write(writer)
  return writer.finish()
}
const ints = (writer: WireWriter, list: readonly number[]) => writer.array(list, (each, id) => each.i32(id))
/** Tagged fields, each as its tag and how its value is written. */
const tagged = (writer: WireWriter, fields: readonly (readonly [number, (field: WireWriter) => unknown])[]) => {
  writer.uvarint(fields.length)
  for (const [tag, write] of fields) {
    const field = new WireWriter()
    write(field)
    const bytes = field.finish()
    writer.uvarint(tag).uvarint(bytes.length).raw(bytes)
  }
}

const topic = (name: string, id: string) => record(2, 0, (writer) => writer.string(name).uuid(id).tags())
const removed = (id: string) => record(9, 0, (writer) => writer.uuid(id).tags())
const config = (type: number, resource: string, key: string, value: string | null) =>
  record(4, 0, (writer) => writer.i8(type).string(resource).string(key).string(value).tags())
const partition = (version: number, index: number, id: string, isr: readonly number[]) =>
  record(3, version, (writer) => {
    writer.i32(index).uuid(id)
    ints(writer, [1, 2, 3])
    ints(writer, isr)
    ints(writer, [])
    ints(writer, [])
    writer
      .i32(isr[0] ?? -1)
      .i32(4)
      .i32(9)
    if (version >= 1) writer.array([null, null, null], (each, directory) => each.uuid(directory))
    tagged(
      writer,
      version >= 2
        ? [
            [1, (field) => ints(field, [2])],
            [2, (field) => ints(field, [3])],
          ]
        : [],
    )
  })
const changed = (index: number, id: string, fields: Parameters<typeof tagged>[1]) =>
  record(5, 2, (writer) => {
    writer.i32(index).uuid(id)
    tagged(writer, fields)
  })
const transaction = (key: 23 | 24 | 25) => record(key, 0, (writer) => writer.tags())

const imageOf = (...records: readonly Buffer[]): MetadataImage => {
  const image = new MetadataImage()
  for (const each of records) {
    const read = readMetadataRecord(each)
    if (read !== null) image.apply(read)
  }
  return image
}
const state = (image: MetadataImage, id = ID, index = 0) => image.topics.get(id)?.partitions.get(index)

describe('the log of the controllers', () => {
  it.each([0, 1, 2])('says who is on record, partition records of version %i', (version) => {
    const expected = { replicas: [1, 2, 3], isr: [1], leader: 1, leaderEpoch: 4, elr: version === 2 ? [2] : [], lastKnownElr: version === 2 ? [3] : [] }
    expect(state(imageOf(topic('orders', ID), partition(version, 0, ID, [1])))).toEqual(expected)
  })

  it('is changed by what a change names alone; a leader that is named begins an epoch', () => {
    const image = imageOf(
      topic('orders', ID),
      partition(2, 0, ID, [1]),
      changed(0, ID, [
        [0, (field) => ints(field, [])],
        [1, (field) => field.i32(-1)],
        [6, (field) => ints(field, [1])],
        [5, (field) => field.i8(1)],
      ]),
    )
    expect(state(image)).toEqual({ replicas: [1, 2, 3], isr: [], leader: -1, leaderEpoch: 5, elr: [1], lastKnownElr: [3] })
  })

  it('has settings of topics before the default of all brokers, and none where a single broker has its own', () => {
    const key = 'unclean.leader.election.enable'
    const all = [topic('orders', ID), topic('other', OTHER), config(4, '', key, 'true'), config(2, 'orders', key, 'false')]
    expect([imageOf(...all).setting('orders', key), imageOf(...all).setting('other', key)]).toEqual(['false', 'true'])
    expect(imageOf(...all, config(4, '1', key, 'false')).setting('other', key)).toBeNull()
    expect(imageOf(...all, config(2, 'orders', key, null)).setting('orders', key)).toBe('true')
    expect(imageOf(...all, removed(ID), topic('orders', ID)).setting('orders', key)).toBe('true')
    expect(imageOf(config(4, '', 'ssl.keystore.password', 'x')).setting('orders', 'ssl.keystore.password')).toBeNull()
  })

  it('counts a transaction as a whole, or not at all', () => {
    const inside = [transaction(23), topic('orders', ID), partition(0, 0, ID, [1])]
    expect(imageOf(...inside).topics.size).toBe(0)
    expect(imageOf(...inside, transaction(25)).topics.size).toBe(0)
    expect(state(imageOf(...inside, transaction(24)))?.isr).toEqual([1])
  })

  it('knows who is alive', () => {
    const fenced = (id: number, how: number) =>
      record(17, 0, (writer) => {
        writer.i32(id).i64(7n)
        tagged(writer, [[0, (field) => field.i8(how)]])
      })
    const image = imageOf(
      fenced(1, -1),
      fenced(2, -1),
      fenced(3, -1),
      fenced(2, 1),
      record(1, 0, (writer) => writer.i32(3).i64(7n).tags()),
    )
    expect([...image.registered]).toEqual([1])
  })

  it('is not read where a record has a layout of tomorrow, and passes over what is about something else', () => {
    expect(() => readMetadataRecord(partition(3, 0, ID, [1]))).toThrow(/record 3 in version 3/)
    expect(readMetadataRecord(record(20, 0, (writer) => writer.tags()))).toBeNull()
  })
})
