// How a segment is made smaller, and how that is undone within bounds. Batches that the producer compressed stay
// as they are: compressing them again costs most of the time of a backup and saves nothing.
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { KdrError } from '../errors.ts'
import { Damage } from './damage.ts'
import type { SegmentName } from './layout.ts'
import type { Compression } from './manifest.ts'

type Transform = (data: Buffer, options: object, done: (error: Error | null, result: Buffer) => void) => void

/** In node:zlib since 22.15 and 23.8, not yet in its types for Node 20. */
const zstd = zlib as unknown as { readonly zstdCompress?: Transform; readonly zstdDecompress?: Transform }

/** Throws `zstd-unsupported` (exit 2) where this Node has no zstd to write with. */
export const requireCompression = (compression: Compression | 'auto'): void => {
  if (compression !== 'zstd' || zstd.zstdCompress !== undefined) return
  throw new KdrError('compression zstd needs Node 22.15 or later, which this is not', {
    code: 'zstd-unsupported',
    exit: 'usage',
    hint: 'use --compression auto, gzip or none, or run kdr with a newer Node',
  })
}

/** What `auto` means for a segment of these batches: `none` where most of their bytes are compressed already. */
export const chooseCompression = (batches: Iterable<{ readonly codec: number; readonly bytes: { readonly length: number } }>): Compression => {
  let plain = 0
  let compressed = 0
  for (const { codec, bytes } of batches) {
    if (codec === 0) plain += bytes.length
    else compressed += bytes.length
  }
  return plain > compressed ? 'gzip' : 'none'
}

export const zstdContent = (content: Buffer): Promise<Buffer> => {
  requireCompression('zstd')
  return promisify<Buffer, object, Buffer>(zstd.zstdCompress as Transform)(content, {})
}

export const gzipContent = (content: Buffer): Promise<Buffer> => promisify<Buffer, object, Buffer>(zlib.gzip)(content, { level: 1, memLevel: 9 })

/** By fzstd, which is slow and in JavaScript, where Node has none: in pieces, so that it stops at `limit`. */
const unzstdSlowly = (content: Buffer, limit: number): Buffer => {
  const { Decompress } = createRequire(import.meta.url)('fzstd') as typeof import('fzstd')
  const parts: Uint8Array[] = []
  let length = 0
  const stream = new Decompress((part) => {
    length += part.length
    if (length > limit) throw new RangeError('too long')
    parts.push(part)
  })
  stream.push(content, true)
  return Buffer.concat(parts)
}

/** Content of an entry as it was before `codec`: exactly `bytes`, and never more than that is made of it. Throws Damage. */
export const expand = async (codec: SegmentName['codec'], content: Buffer, bytes: number): Promise<Buffer> => {
  if (codec === null) return content
  const limits = { maxOutputLength: Math.max(1, bytes), chunkSize: 1 << 20 }
  try {
    if (codec === 'gz') return await promisify<Buffer, object, Buffer>(zlib.gunzip)(content, limits)
    if (zstd.zstdDecompress === undefined) return unzstdSlowly(content, bytes)
    return await promisify<Buffer, object, Buffer>(zstd.zstdDecompress)(content, limits)
  } catch (thrown) {
    throw new Damage(thrown instanceof RangeError ? `more than the ${bytes} bytes come out of it that the manifest allows` : 'it cannot be decompressed')
  }
}
