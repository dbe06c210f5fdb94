// Parts hold the largest file of an archive, and little memory does for it.
import { describe, expect, it } from 'vitest'
import { MOST_PARTS, PART_LIMIT, PartMemory, partSize, partsOnTheWay } from '../../../src/adapters/s3/parts.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB

/** Memory in use while byte `at` of the object is written. */
const memoryAt = (at: number): number => {
  let number = 1
  for (let end = partSize(1); end <= at; end += partSize(number)) number += 1
  return partSize(number) * (1 + partsOnTheWay(partSize(number)))
}

describe('partSize', () => {
  it('holds twice what a part of an archive may have in the parts that S3 takes, none smaller than the one before', () => {
    const sizes = Array.from({ length: MOST_PARTS }, (_, at) => partSize(at + 1))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(2 * PART_LIMIT)
    expect(sizes.every((size, at) => size >= (sizes[at - 1] ?? 5 * MIB))).toBe(true)
  })

  it('keeps within 64 MiB, however long the object', () => {
    for (const gib of [0, 1, 7, 8, 20, 50, 130, 270]) expect(memoryAt(gib * GIB)).toBeLessThanOrEqual(64 * MIB)
  })
})

describe('PartMemory', () => {
  it('hands out no more than may be on its way, and memory again once it is free', async () => {
    const memory = new PartMemory()
    const done: (() => void)[] = []
    const buffers: Buffer[] = []
    for (let at = 0; at < 6; at += 1) {
      const buffer = await memory.take(8 * MIB)
      buffers.push(buffer)
      memory.lend(
        buffer,
        () => new Promise((resolve) => done.push(resolve)),
        () => {},
      )
    }
    const seventh = memory.take(8 * MIB)
    expect(await Promise.race([seventh, Promise.resolve('waits')])).toBe('waits')
    done[2]?.()
    expect(await seventh).toBe(buffers[2])
  })
})
