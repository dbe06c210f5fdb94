// Backups as a person reads them at 80 columns, and as a script does.
import { describe, expect, it } from 'vitest'
import { ageWords, type Listed, listLines, restoreLines } from '../../src/cli/render/backups.ts'
import { widthOf } from '../../src/cli/render/text.ts'
import { transferWords } from '../../src/cli/render/transfer.ts'
import { restoreReport } from '../../src/cli/restore.ts'

const NOW = Date.UTC(2026, 10, 23, 6, 0, 0)

const backup = (given: Partial<Listed>): Listed => ({
  name: 'full_backup_20261120_031500',
  type: 'full',
  status: 'complete',
  date: '2026-11-20T03:15:00.000Z',
  chain: 'a1b2c3d4',
  sequence: 0,
  parent: null,
  bytes: 123_456_789,
  topics: 12,
  records: 1_000_000,
  encrypted: false,
  ...given,
})

const BACKUPS = [
  backup({ name: 'full_backup_20251101_000000', status: 'lossy', chain: null, sequence: null, date: '2025-11-01T00:00:00Z' }),
  backup({}),
  backup({ name: 'incremental_backup_20261123_031500', type: 'incremental', date: '2026-11-23T03:15:00Z', sequence: 1, status: 'incomplete' }),
]

describe('a listing', () => {
  it('fits 80 columns with the longest names', () => {
    const lines = listLines(BACKUPS, NOW, 80)
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(80)
    expect(lines).toMatchInlineSnapshot(`
      [
        "NAME                                STATUS      AGE    CHAIN   SIZE",
        "full_backup_20251101_000000         LOSSY       387 d  -       117.7 MiB",
        "full_backup_20261120_031500         complete    3 d    a1b2.0  117.7 MiB",
        "incremental_backup_20261123_031500  INCOMPLETE  2 h    a1b2.1  117.7 MiB",
      ]
    `)
  })

  it('has type and date where there is room', () => {
    expect(listLines(BACKUPS, NOW, 120)[2]).toContain('2026-11-20 03:15:00Z')
  })

  it('tells chains apart, however alike their ids', () => {
    const lines = listLines([backup({ chain: 'abcdef01' }), backup({ chain: 'abcdef02' })], NOW, 80)
    expect(lines[1]).toContain('abcdef01.0')
    expect(lines[2]).toContain('abcdef02.0')
  })

  it.each([
    ['2026-11-23T05:59:30Z', '0 min'],
    ['2026-11-23T04:00:00Z', '2 h'],
    ['2026-11-21T04:00:00Z', '2 d'],
    ['nonsense', '?'],
    [null, '?'],
  ])('%s is %s old', (date, words) => {
    expect(ageWords(date, NOW)).toBe(words)
  })
})

describe('progress', () => {
  it('says how far, how much, how fast and how long still', () => {
    expect(transferWords({ doing: 'reading', bytes: 50 * 1024 ** 2, records: 1000, share: 0.5 }, 10_000)).toBe(
      '50 %, 50.0 MiB, 5.0 MiB/s, about 10.0 s left, reading, 1,000 records',
    )
  })

  it('estimates nothing of too little', () => {
    expect(transferWords({ doing: 'reading', bytes: 10, records: null, share: 0.001 }, 500)).toBe('0 %, 10 B, reading')
    expect(transferWords({ doing: 'reading', bytes: 2048, records: null, share: null }, 2000)).toBe('2.0 KiB, 1.0 KiB/s, reading')
  })
})

describe('a restore', () => {
  const options = { name: 'full_backup_20261120_031500', what: 'all' } as const
  const target = {
    schema: 'kdr/restore/1',
    ...options,
    status: 'complete',
    topics: 2,
    records: 1234,
    offsets: 'preserved',
    groups: 1,
    partitions: [],
    notRestored: [{ what: 'user alice', why: 'Kafka gives no SCRAM secret away: set a new one' }],
  } as const

  it('reports what its last step settled', () => {
    const report = restoreReport(options, 80)
    expect(report.json({ run: 'r', exitCode: 5 })).toMatchObject({ schema: 'kdr/restore/1', name: options.name, records: null, exitCode: 5 })
    report.sink({ type: 'step.settled', at: '', step: 'report-restore', key: 'report-restore', effect: 'read', target, detail: '', seconds: 1, proves: null })
    expect(report.json({ run: 'r', exitCode: 0 })).toMatchObject({ schema: 'kdr/restore/1', topics: 2, records: 1234, offsets: 'preserved', exitCode: 0 })
    expect(report.lines()).toEqual(restoreLines(target, 80))
  })

  it('names what did not come back', () => {
    const lines = restoreLines(target, 80)
    expect(lines.join('\n')).toContain('- user alice: Kafka gives no SCRAM secret away')
    for (const line of lines.join('\n').split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(80)
  })
})
