// The wire codec, byte by byte as Kafka's protocol guide and KIP-482 have it, and round trips of anything.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WireError, WireReader, WireWriter } from '../../../src/adapters/kafka/wire.ts'

const hex = (writer: WireWriter) => writer.finish().toString('hex')
const reader = (text: string) => new WireReader(Buffer.from(text, 'hex'))

describe('bytes', () => {
  test('integers are big-endian', () => {
    expect(hex(new WireWriter().i8(-1).i16(1).i32(-2).u32(0xfffffffe).i64(258n).bool(true))).toBe('ff0001fffffffefffffffe000000000000010201')
  })

  test('varints carry seven bits a byte', () => {
    expect(hex(new WireWriter().uvarint(300))).toBe('ac02')
    expect(hex(new WireWriter().uvarint(0xffffffff))).toBe('ffffffff0f')
  })

  test('compact strings and arrays count one more, null is zero', () => {
    expect(hex(new WireWriter().string('ab').string('').string(null))).toBe('0361620100')
    expect(hex(new WireWriter().array([1, 2], (each, item) => each.i16(item)).array(null, () => {}))).toBe('030001000200')
  })

  test('strings and arrays of older versions carry plain lengths', () => {
    expect(hex(new WireWriter().oldString('ab').oldArray([7], (each, item) => each.i8(item)))).toBe('000261620000000107')
  })

  test('topic ids are spelt as Kafka spells them, the zero id is none', () => {
    expect(hex(new WireWriter().uuid('AAAAAAAAAAAAAAAAAAAAAQ'))).toBe('00000000000000000000000000000001')
    expect(reader('00000000000000000000000000000001').uuid()).toBe('AAAAAAAAAAAAAAAAAAAAAQ')
    expect(reader('0'.repeat(32)).uuid()).toBeNull()
  })

  test('tagged fields that are not known are skipped', () => {
    const answer = reader('02000201020501aa2a') // two tags: 0 with two bytes, 5 with one; then 42
    answer.tags()
    expect(answer.i8()).toBe(42)
    expect(answer.left).toBe(0)
  })
})

describe('damage', () => {
  test.each([
    ['an integer past the end', (r: WireReader) => r.i32(), '0000'],
    ['a string past the end', (r: WireReader) => r.string(), '0561'],
    ['an array larger than the answer', (r: WireReader) => r.i32s(), 'ffffffff0f'],
    ['a varint without end', (r: WireReader) => r.uvarint(), 'ffffffffffff'],
    ['a tagged field past the end', (r: WireReader) => r.tags(), '0100ff01'],
  ])('%s is an error', (_, read, bytes) => {
    expect(() => read(reader(bytes))).toThrow(WireError)
  })
})

describe('round trips', () => {
  test('of every kind of field, one after another', () => {
    const i32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
    const fields = fc.record({
      small: fc.integer({ min: -128, max: 127 }),
      short: fc.integer({ min: -32768, max: 32767 }),
      whole: i32,
      long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      unsigned: fc.nat(2 ** 32 - 1),
      text: fc.option(fc.string({ unit: 'grapheme', maxLength: 300 })),
      list: fc.option(fc.array(i32)),
      id: fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((id) => id.some((byte) => byte !== 0)),
    })
    fc.assert(
      fc.property(fields, (given) => {
        const id = Buffer.from(given.id).toString('base64url')
        const writer = new WireWriter(1).i8(given.small).i16(given.short).i32(given.whole).i64(given.long).uvarint(given.unsigned)
        writer.string(given.text).uuid(id)
        writer.array(given.list, (each, item) => each.i32(item)).tags()
        const read = new WireReader(writer.finish())
        expect([read.i8(), read.i16(), read.i32(), read.i64(), read.uvarint()]).toEqual([given.small, given.short, given.whole, given.long, given.unsigned])
        expect(read.nullableString()).toEqual(given.text)
        expect(read.uuid()).toBe(id)
        expect(read.nullableArray((each) => each.i32())).toEqual(given.list)
        read.tags()
        expect(read.left).toBe(0)
      }),
    )
  })

  test('reading any bytes ends, in a value or in WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          const read = new WireReader(Buffer.from(bytes))
          read.array((each) => [each.string(), each.i32s(), each.uvarint()])
          read.tags()
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })
})
