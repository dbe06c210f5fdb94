// The codecs, on what their own libraries and Java clients write.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import { canCompress, compress, decompress } from '../../../src/model/batches/codecs.ts'

const TEXT = Buffer.from('acknowledged '.repeat(40))
/** TEXT by the zstd tool reading a pipe: a frame without content size, as Java's stream writes it. */
const ZSTD = Buffer.from('KLUv/QRopQAAaGFja25vd2xlZGdlZCABAPigzi/M32QN', 'base64')

const GZIP = 1
const SNAPPY = 2
const LZ4 = 3

/** As snappy-java's SnappyOutputStream frames it. */
const xerial = (blocks: readonly Buffer[]): Buffer => {
  const framed = blocks.flatMap((block) => {
    const packed = compressSync(block)
    const length = Buffer.alloc(4)
    length.writeInt32BE(packed.length)
    return [length, packed]
  })
  return Buffer.concat([Buffer.from('82534e41505059000000000100000001', 'hex'), ...framed])
}

describe('compress', () => {
  const bytes = fc.uint8Array({ maxLength: 100_000 }).map((array) => Buffer.from(array))

  test.each([0, 1, 2, 3, 4].filter(canCompress))('writes with codec %i what decompress reads', (codec) => {
    fc.assert(
      fc.property(bytes, (data) => {
        expect(Buffer.compare(decompress(codec, compress(codec, data)), data)).toBe(0)
      }),
    )
  })

  test('writes lz4 in independent blocks, which is all that Java reads', () => {
    const [flags = 0] = compress(LZ4, TEXT).subarray(4)
    expect(flags >> 6).toBe(1)
    expect((flags >> 5) & 1).toBe(1)
  })

  test('says so where this Node cannot', () => {
    if (canCompress(4)) return
    expect(() => compress(4, TEXT)).toThrow(expect.objectContaining({ code: 'codec-unavailable', exit: 'usage' }))
  })
})

describe('decompress', () => {
  const bytes = fc.uint8Array({ maxLength: 4000 }).map((array) => Buffer.from(array))

  test.each([
    ['none', 0, (data: Buffer) => data],
    ['gzip', GZIP, (data: Buffer) => gzipSync(data)],
    ['snappy, one raw block', SNAPPY, (data: Buffer) => compressSync(data)],
    ['snappy in frames', SNAPPY, (data: Buffer) => xerial([data.subarray(0, 7), data.subarray(7)])],
    ['lz4', LZ4, (data: Buffer) => compressFrameSync(data)],
  ])('gives back what was compressed with %s', (_, codec, compress) => {
    fc.assert(
      fc.property(bytes, (data) => {
        expect(Buffer.compare(decompress(codec, compress(data)), data)).toBe(0)
      }),
    )
  })

  test('reads zstd, whichever decoder this Node has', () => {
    expect(decompress(4, ZSTD).toString()).toBe(TEXT.toString())
  })

  test.each([1, 2, 3, 4])('damaged data of codec %i is an error, not garbage', (codec) => {
    expect(() => decompress(codec, Buffer.from('not compressed at all'))).toThrow(expect.objectContaining({ code: 'corrupt-batch' }))
  })

  test('a frame that is cut off is an error', () => {
    const whole = xerial([TEXT, TEXT])
    expect(() => decompress(SNAPPY, whole.subarray(0, whole.length - 5))).toThrow(expect.objectContaining({ code: 'corrupt-batch' }))
    expect(() => decompress(4, ZSTD.subarray(0, ZSTD.length - 12))).toThrow(expect.objectContaining({ code: 'corrupt-batch' }))
  })
})
