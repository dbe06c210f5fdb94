// The four codecs of record batches. kafkajs has gzip only; the others are loaded when first met.
import { createRequire } from 'node:module'
import { gunzipSync } from 'node:zlib'
import { KdrError, wordsOf } from '../../errors.ts'

type Decompress = (data: Buffer) => Buffer

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = 16

/** Java clients write snappy-java's frames: a header with two version numbers, then blocks with their lengths. Others write one raw block. */
const unwrapXerial = (data: Buffer, block: Decompress): Buffer => {
  if (!data.subarray(0, XERIAL.length).equals(XERIAL)) return block(data)
  const parts: Buffer[] = []
  for (let at = XERIAL_HEADER; at < data.length; ) {
    const length = data.readInt32BE(at)
    parts.push(block(data.subarray(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return Buffer.concat(parts)
}

const loaders: Readonly<Record<number, { readonly name: string; readonly load: (require: NodeJS.Require) => Decompress }>> = {
  1: { name: 'gzip', load: () => gunzipSync },
  2: {
    name: 'snappy',
    load: (require) => {
      const { uncompressSync } = require('snappy') as { uncompressSync: (data: Buffer) => Buffer }
      return (data) => unwrapXerial(data, (block) => uncompressSync(block))
    },
  },
  3: { name: 'lz4', load: (require) => (require('lz4-napi') as { decompressFrameSync: Decompress }).decompressFrameSync },
  4: {
    name: 'zstd',
    load: (require) => {
      // In node:zlib since 22.15 and 23.8.
      const { zstdDecompressSync } = require('node:zlib') as { zstdDecompressSync?: Decompress }
      if (zstdDecompressSync !== undefined) return zstdDecompressSync
      const { decompress } = require('fzstd') as { decompress: (data: Uint8Array) => Uint8Array }
      return (data) => {
        const bytes = decompress(data)
        return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      }
    },
  },
}

const loaded = new Map<number, Decompress>()

/** `codec` is the three lowest bits of a batch's attributes; 0 is none. Errors: `codec-unknown`, `corrupt-batch`. */
export const decompress = (codec: number, data: Buffer): Buffer => {
  if (codec === 0) return data
  const entry = loaders[codec]
  if (entry === undefined) throw new KdrError(`a record batch is compressed with codec ${codec}, which kdr does not know`, { code: 'codec-unknown' })
  const run = loaded.get(codec) ?? entry.load(createRequire(import.meta.url))
  loaded.set(codec, run)
  try {
    return run(data)
  } catch (error) {
    throw new KdrError(`a record batch compressed with ${entry.name} could not be read: ${wordsOf(error)}`, { code: 'corrupt-batch', cause: error })
  }
}
