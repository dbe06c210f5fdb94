// A sidecar is read as it was written, and nothing that is not one is taken for it.
import { describe, expect, it } from 'vitest'
import { backupOf, parseSidecar, sidecarName } from '../../src/archive/sidecar.ts'
import { full, incremental, SHA } from './sidecars.ts'

const first = full('full_backup_20261123_031500', '2026-11-23T03:15:00.000Z')
const second = incremental('incremental_backup_20261124_031500', '2026-11-24T03:15:00Z', first)

const wordsFor = (change: object | string): string => {
  try {
    parseSidecar(typeof change === 'string' ? change : JSON.stringify({ ...first, ...change }), 's3://b/x.manifest.json')
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'archive-corrupt', exit: 'corrupt' })
    return (thrown as Error).message
  }
  return 'it is one'
}

describe('parseSidecar', () => {
  it('gives back what was written, and passes over what a later kdr adds', () => {
    for (const sidecar of [first, second]) expect(parseSidecar(JSON.stringify({ ...sidecar, later: 1 }), 'x')).toEqual(sidecar)
  })

  it('names the file and what is wrong with it', () => {
    expect(wordsFor('{"format":')).toBe('s3://b/x.manifest.json is no sidecar manifest: it is not JSON')
    expect(wordsFor({ bytes: '1000' })).toContain('bytes: expected a whole number')
    expect(wordsFor({ format: 'kdr-archive/2' })).toContain('a later kdr')
  })

  it.each([
    ['a name that is a path', { name: '../x' }],
    ['a part that is a path', { parts: [{ name: 'full_backup_20261123_031500./../../etc/passwd', bytes: 1000 }] }],
    ['a part of another backup', { parts: [{ name: 'other.tar.gz', bytes: 1000 }] }],
    ['no part', { parts: [], bytes: 0 }],
    ['a part twice', { parts: [first.parts[0], { name: first.parts[0]?.name, bytes: 0 }] }],
    ['a sum that is none', { bytes: 999 }],
    ['a manifest outside', { manifest: { offset: 901, length: 100, bytes: 50, sha256: SHA } }],
    ['a full backup with a parent', { chain: second.chain }],
    ['a child without one', { ...second, chain: { id: 'x', sequence: 1, parent: null } }],
    ['its own parent', { ...second, chain: { id: 'x', sequence: 1, parent: { name: second.name, sha256: SHA } } }],
    ['a date that is none', { date: 'yesterday' }],
    ['a status still open', { status: 'in-progress' }],
    ['a number past 2^53', { records: 2 ** 60 }],
    ['a negative size', { records: -1 }],
  ])('refuses %s', (_, change) => {
    expect(wordsFor(change)).toContain('is no sidecar manifest')
  })
})

describe('names', () => {
  it('tell a sidecar from everything else', () => {
    expect(backupOf(sidecarName('full_backup_1'))).toBe('full_backup_1')
    for (const other of ['full_backup_1.tar.gz', '.manifest.json', 'manifest.json']) expect(backupOf(other)).toBeNull()
  })
})
