// Groups as they lie in an archive: written group by group, each checked as the reader will.
import { expect, it } from 'vitest'
import { checkMetadata } from '../../../src/archive/check-own.ts'
import { groupsText } from '../../../src/archive/create/describe.ts'
import type { GroupBackup } from '../../../src/archive/manifest.ts'
import { metadata } from '../sample.ts'

const group = (name: string, offset: string): GroupBackup => ({
  group: name,
  state: 'Empty',
  protocolType: 'consumer',
  offsets: [{ topic: 'orders', partition: 0, offset, leaderEpoch: -1, metadata: 'two\nlines "quoted" ü', archivedIndex: null }],
})

it.each([[[]], [[group('a', '1')]], [[group('a\nb', '1'), { ...group('c', '2'), offsets: [] }, group('d', '3')]]])(
  'is the JSON of all of them',
  (groups: readonly GroupBackup[]) => {
    expect(groupsText(groups).toString('utf8')).toBe(`${JSON.stringify(groups, null, 1)}\n`)
  },
)

it('refuses what could not be read again, by the name of the group', () => {
  const { groups: _, ...rest } = metadata
  expect(() => checkMetadata('x', rest, [group('a', '1'), group('b', '-1')])).not.toThrow()
  expect(() => checkMetadata('x', rest, [group('a', '1'), group('b', 'first')])).toThrow(/x was not kept.*group b: offsets\.0\.offset: must be an offset/)
})
