import { expect, it } from 'vitest'
import { parseLoss } from '../../src/cli/grants.ts'
import { suggest } from '../../src/config/suggest.ts'

it('names every partition of an accepted loss', () => {
  expect(parseLoss('orders:0-2,5')).toEqual(['orders-0', 'orders-1', 'orders-2', 'orders-5'])
  expect(parseLoss('a.b_c-d:7')).toEqual(['a.b_c-d-7'])
})

it.each(['orders', ':1', 'orders:', 'orders:1-', 'orders:*', 'orders:2-1', 'or ders:1', 'orders:1,,2'])('does not take %j for partitions', (text) => {
  expect(() => parseLoss(text)).toThrow('does not name partitions')
})

it.each([
  ['bootstrp', 'bootstrap'],
  ['plat', 'platform'],
  ['xyzzy', undefined],
])('suggests for %s: %s', (typed, near) => {
  expect(suggest(typed, ['platform', 'kafka', 'bootstrap', 'tls'])).toBe(near)
})
