// What `auto` comes to: batches that producers compressed stay as they are, others are compressed as far as there
// is something to spare. A core compresses less in a second than one reads, so that a backup that compressed
// everything would take several times as long; whoever wants the smallest says gzip or zstd.
import { chooseCompression, requireCompression } from '../compression.ts'
import type { Compression } from '../manifest.ts'

/** Of what came out of compressing; above it is not worth the time. */
const WORTHWHILE = 0.9
/** Segments left alone after ones that did not shrink, at most. */
const LONGEST_PAUSE = 64

/** The best this Node has. */
const able = (): Compression => {
  try {
    requireCompression('zstd')
    return 'zstd'
  } catch {
    return 'gzip'
  }
}

/** A single batch that is larger is left alone: compressing it would hold it three times. */
const LARGEST = 32 << 20

export interface SpareCompression {
  /** For a segment with so many bytes of each codec. */
  choose(bytesByCodec: readonly number[]): Compression
  /** A segment for which `choose` was asked has been written, in so many bytes, or not at all (null). */
  settle(chosen: Compression, bytes: number, written: number | null): void
}

export const spareCompression = (asked: Compression | 'auto'): SpareCompression => {
  if (asked !== 'auto') return { choose: () => asked, settle: () => undefined }
  const best = able()
  let busy = false
  let skip = 0
  let pause = 0
  return {
    choose: (bytesByCodec) => {
      // Codecs nobody used are holes in it.
      const rows = bytesByCodec.map((length, codec) => ({ codec, bytes: { length } })).filter((row) => row !== undefined)
      if (chooseCompression(rows) === 'none' || busy || rows.reduce((sum, { bytes }) => sum + bytes.length, 0) > LARGEST) return 'none'
      if (skip > 0) {
        skip -= 1
        return 'none'
      }
      busy = true
      return best
    },
    settle: (chosen, bytes, written) => {
      if (chosen === 'none') return
      busy = false
      if (written === null) return
      pause = written < bytes * WORTHWHILE ? 0 : Math.min(LONGEST_PAUSE, Math.max(1, pause * 2))
      skip = pause
    },
  }
}
