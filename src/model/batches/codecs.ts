// The four codecs of record batches. Only gzip is Node's own everywhere; the others are loaded when first met.
import { createRequire } from 'node:module'
import { gunzipSync, gzipSync } from 'node:zlib'
import { KdrError, wordsOf } from '../../errors.ts'

type Convert = (data: Buffer) => Buffer

interface Codec {
  readonly decompress: Convert
  /** null where this Node cannot. */
  readonly compress: Convert | null
}

export const GZIP = 1
export const ZSTD = 4

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = 16
/** Block size of snappy-java. */
const XERIAL_BLOCK = 32 * 1024

/** Java clients write snappy-java's frames: a header with two version numbers, then blocks with their lengths. Others write one raw block. */
const unwrapXerial = (data: Buffer, block: Convert): Buffer => {
  if (!data.subarray(0, XERIAL.length).equals(XERIAL)) return block(data)
  const parts: Buffer[] = []
  for (let at = XERIAL_HEADER; at < data.length; ) {
    const length = data.readInt32BE(at)
    parts.push(block(data.subarray(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return Buffer.concat(parts)
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const wrapXerial = (data: Buffer, block: Convert): Buffer => {
  const parts = [XERIAL, int32(1), int32(1)]
  for (let at = 0; at < data.length; at += XERIAL_BLOCK) {
    const packed = block(data.subarray(at, at + XERIAL_BLOCK))
    parts.push(int32(packed.length), packed)
  }
  return Buffer.concat(parts)
}

const loadSnappy = (require: NodeJS.Require): Codec => {
  const snappy = require('snappy') as { uncompressSync: Convert; compressSync: Convert }
  return {
    decompress: (data) => unwrapXerial(data, (block) => snappy.uncompressSync(block)),
    compress: (data) => wrapXerial(data, (block) => snappy.compressSync(block)),
  }
}

const loadLz4 = (require: NodeJS.Require): Codec => {
  const lz4 = require('lz4-napi') as { decompressFrameSync: Convert; compressFrameSync: Convert }
  return { decompress: (data) => lz4.decompressFrameSync(data), compress: (data) => lz4.compressFrameSync(data) }
}

const loadZstd = (require: NodeJS.Require): Codec => {
  // In node:zlib since 22.15 and 23.8.
  const zlib = require('node:zlib') as { zstdDecompressSync?: Convert; zstdCompressSync?: Convert }
  const { zstdDecompressSync, zstdCompressSync } = zlib
  if (zstdDecompressSync !== undefined) return { decompress: (data) => zstdDecompressSync(data), compress: zstdCompressSync ?? null }
  const { decompress: unpack } = require('fzstd') as { decompress: (data: Uint8Array) => Uint8Array }
  const decompress = (data: Buffer): Buffer => {
    const bytes = unpack(data)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  return { decompress, compress: null }
}

const loaders: Readonly<Record<number, { readonly name: string; readonly load: (require: NodeJS.Require) => Codec }>> = {
  [GZIP]: { name: 'gzip', load: () => ({ decompress: (data) => gunzipSync(data), compress: (data) => gzipSync(data) }) },
  2: { name: 'snappy', load: loadSnappy },
  3: { name: 'lz4', load: loadLz4 },
  [ZSTD]: { name: 'zstd', load: loadZstd },
}

const loaded = new Map<number, Codec>()

const codecOf = (number: number): Codec & { readonly name: string } => {
  const entry = loaders[number]
  if (entry === undefined) throw new KdrError(`a record batch is compressed with codec ${number}, which kdr does not know`, { code: 'codec-unknown' })
  const codec = loaded.get(number) ?? entry.load(createRequire(import.meta.url))
  loaded.set(number, codec)
  return { ...codec, name: entry.name }
}

/** `codec` is the three lowest bits of a batch's attributes; 0 is none. Errors: `codec-unknown`, `corrupt-batch`. */
export const decompress = (codec: number, data: Buffer): Buffer => {
  if (codec === 0) return data
  const { decompress: run, name } = codecOf(codec)
  try {
    return run(data)
  } catch (error) {
    throw new KdrError(`a record batch compressed with ${name} could not be read: ${wordsOf(error)}`, { code: 'corrupt-batch', cause: error })
  }
}

/** All but zstd before Node 22.15. */
export const canCompress = (codec: number): boolean => codec === 0 || codecOf(codec).compress !== null

/** Errors: `codec-unknown`, `codec-unavailable`. */
export const compress = (codec: number, data: Buffer): Buffer => {
  if (codec === 0) return data
  const { compress: run, name } = codecOf(codec)
  if (run !== null) return run(data)
  throw new KdrError(`this Node.js cannot write ${name}`, { code: 'codec-unavailable', exit: 'usage', hint: 'Use Node.js 22.15 or later.' })
}
