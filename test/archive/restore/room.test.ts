// Disks are judged one by one: what is certain refuses, what is likely or unknown is said.
import { describe, expect, it } from 'vitest'
import { type Disk, freeIn, type Need, roomFor } from '../../../src/archive/restore/room.ts'

const GB = 2 ** 30
const disks = (...free: readonly (number | null)[]): readonly Disk[] => free.map((gb, broker) => ({ broker, freeBytes: gb === null ? null : gb * GB }))
const need = (gb: number, replicationFactor: number, replicas: readonly number[] | null = null): Need => ({
  bytes: gb * GB,
  replicationFactor,
  replicas,
  replaced: false,
})
const replaced = (one: Need): Need => ({ ...one, replaced: true })
const room = (needs: readonly Need[], free: readonly Disk[] | null, deleted = 0) => roomFor({ needs, disks: free, deleted })

describe('room on the disks', () => {
  it('is enough where every broker has it', () => {
    expect(room([need(3, 2), need(1, 1, [0])], disks(10, 10, 10))).toEqual({ notes: [expect.stringMatching(/7.* of 30.* free$/)], refused: null })
  })

  it.each<[string, readonly Need[], readonly Disk[], RegExp]>([
    ['a broker that has its replicas', [need(5, 2, [0, 1])], disks(4, 100, 100), /broker 0 has 4.*gets 5/],
    ['a broker that every replica comes to', [need(5, 3)], disks(100, 100, 4), /broker 2 has 4.*gets 5/],
    ['all of them together', [need(10, 2)], disks(6, 6, 6), /18.* are free in all/],
  ])('is too little on %s', (_, needs, free, words) => {
    expect(room(needs, free).refused).toMatch(words)
  })

  it('is said, and refuses nothing, where Kafka may still choose others', () => {
    const { notes, refused } = room([need(9, 1)], disks(1, 100, 100))
    expect(refused).toBeNull()
    expect(notes.join()).toMatch(/broker 0 has 1.*even share is 3/)
  })

  it('is unknown where a disk was not seen, and the others are judged', () => {
    expect(room([need(5, 3)], disks(null, 100, 100))).toEqual({ notes: [expect.stringContaining('on broker 0 was not seen')], refused: null })
    expect(room([need(5, 3)], disks(null, 4, 100)).refused).toMatch(/broker 1 has 4/)
    expect(room([need(5, 3)], null).notes.join()).toContain('was not seen')
  })

  it('is not refused for topics that are deleted first, whose size is not known', () => {
    const { notes, refused } = room([replaced(need(5, 3))], disks(4, 100, 100), 2)
    expect(refused).toBeNull()
    expect(notes.join()).toMatch(/2 topics frees is not known.*broker 0 has 4/)
  })

  it('is refused for the topics that are not deleted first, whatever else is', () => {
    const { refused } = room([need(5, 3), replaced(need(1, 3))], disks(4, 100, 100), 1)
    expect(refused).toMatch(/^without the topics that are deleted first it needs about 15.*broker 0 has 4.*gets 5/)
    const { notes, refused: none } = room([need(3, 3), replaced(need(2, 3))], disks(4, 100, 100), 1)
    expect(none).toBeNull()
    expect(notes.join()).toMatch(/broker 0 has 4.*gets 5/)
  })
})

describe('room of a broker', () => {
  const GB = 1_000_000_000
  const dir = (usableBytes: number | null, totalBytes: number | null, error: string | null = null) => ({ path: '/data', usableBytes, totalBytes, error })

  it.each([
    ['two disks', [dir(40 * GB, 100 * GB), dir(30 * GB, 100 * GB)], 70 * GB],
    ['one disk under two directories', [dir(40 * GB, 100 * GB), dir(40 * GB, 100 * GB)], 40 * GB],
    ['one disk under three, while it is written to', [dir(40 * GB, 100 * GB), dir(40 * GB - 4096, 100 * GB), dir(40 * GB - 8192, 100 * GB)], 40 * GB],
    ['disks of other sizes with as much room', [dir(40 * GB, 100 * GB), dir(40 * GB, 200 * GB)], 80 * GB],
    ['a directory that failed', [dir(40 * GB, 100 * GB), dir(null, null, 'KAFKA_STORAGE_ERROR')], 40 * GB],
    ['a directory that does not say', [dir(40 * GB, 100 * GB), dir(null, null)], null],
  ])('%s', (_, dirs, free) => {
    expect(freeIn(dirs)).toBe(free)
  })
})
