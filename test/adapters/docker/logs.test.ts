// Where one start's lines end and the next one's begin.
import { describe, expect, it } from 'vitest'
import { beginOf } from '../../../src/adapters/docker/logs.ts'

describe('the lines of a start', () => {
  it('begin where the one before ended, however late the engine notes the start', () => {
    expect(beginOf(10_000, [2000, 9000])).toBe(9100)
    expect(beginOf(10_000, [9900])).toBe(9950)
  })

  it('begin a little before the start where no end is known', () => {
    expect(beginOf(10_000, [])).toBe(9900)
    expect(beginOf(10_000, [12_000])).toBe(9900)
    expect(beginOf(Number.NEGATIVE_INFINITY, [12_000])).toBe(Number.NEGATIVE_INFINITY)
  })
})
