// What is chosen for a segment, and that nothing larger than it says comes out of one.
import { execFileSync } from 'node:child_process'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { chooseCompression, expand } from '../../src/archive/compression.ts'

const text = Buffer.from('one line after the other\n'.repeat(40_000))
const packed = { zst: execFileSync('zstd', ['-c', '-q'], { input: text, maxBuffer: 1 << 24 }), gz: gzipSync(text) }

describe('auto', () => {
  it('stores what producers compressed, and deflates the rest', () => {
    const batch = (codec: number, length: number) => ({ codec, bytes: Buffer.alloc(length) })
    expect(chooseCompression([batch(3, 100), batch(0, 10)])).toBe('none')
    expect(chooseCompression([batch(3, 10), batch(0, 100)])).toBe('gzip')
    expect(chooseCompression([])).toBe('none')
  })
})

describe.each(['zst', 'gz'] as const)('content in %s', (codec) => {
  it('comes back', async () => {
    expect((await expand(codec, packed[codec], text.length)).equals(text)).toBe(true)
  })

  it('that is more than it should be, or damaged, is refused', async () => {
    await expect(expand(codec, packed[codec], 1000)).rejects.toThrow('more than the 1000 bytes')
    await expect(expand(codec, Buffer.from('nothing of the kind'), 1000)).rejects.toThrow('cannot be decompressed')
  })
})
