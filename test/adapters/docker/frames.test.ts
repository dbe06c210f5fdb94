import { describe, expect, it } from 'vitest'
import { collect, linesOf, unframe } from '../../../src/adapters/docker/frames.ts'

const frame = (stream: 1 | 2, text: string): Buffer => {
  const content = Buffer.from(text)
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(content.length, 4)
  return Buffer.concat([header, content])
}

describe('multiplexed output', () => {
  it('takes 20,000 frames in one piece', () => {
    const frames = Array.from({ length: 20_000 }, (_, at) => frame(at % 2 === 0 ? 1 : 2, `line ${at}\n`))
    const { stdout, stderr, both } = unframe(Buffer.concat(frames))
    const lines = linesOf(both.toString())
    expect(lines).toHaveLength(20_000)
    expect([lines[0], lines.at(-1)]).toEqual(['line 0', 'line 19999'])
    expect(linesOf(stdout.toString())).toHaveLength(10_000)
    expect(linesOf(stderr.toString())[0]).toBe('line 1')
  })

  it('puts a line together that came in two frames, and keeps what there is of a last one cut off', () => {
    const whole = Buffer.concat([frame(1, 'half a '), frame(1, 'line\nré'), frame(1, 'cut off here')])
    expect(linesOf(unframe(whole.subarray(0, -5)).stdout.toString())).toEqual(['half a line', 'récut off'])
    expect(unframe(Buffer.alloc(0)).both).toHaveLength(0)
  })

  it('keeps no more of a stream than it may', async () => {
    const chunks = async function* () {
      for (let at = 0; at < 100; at += 1) yield Buffer.alloc(1000, at)
    }
    expect(await collect(chunks(), 2500)).toHaveLength(2500)
  })

  it('has no last line that is only a line end', () => {
    expect(linesOf('a\r\nb\n')).toEqual(['a', 'b'])
    expect(linesOf('')).toEqual([])
  })
})
