// Memory that is used again: never by two at once, and never more of it kept than was said.
import { expect, test } from 'vitest'
import { Slabs } from '../../src/model/slabs.ts'

const MIB = 1024 * 1024

test('what was given back is lent again, what was not is not', () => {
  const slabs = new Slabs()
  const first = slabs.take(MIB - 1)
  const second = slabs.take(MIB)
  expect(second.bytes === first.bytes).toBe(false)
  expect(first.bytes.buffer instanceof SharedArrayBuffer).toBe(true)
  first.release()
  first.release()
  const third = slabs.take(MIB)
  expect(third.bytes === first.bytes).toBe(true)
  expect(slabs.take(MIB).bytes === third.bytes).toBe(false)
})

test('no more is kept than was said', () => {
  const slabs = new Slabs(MIB)
  const [one, two] = [slabs.take(1), slabs.take(1)]
  one.release()
  two.release()
  expect(slabs.take(1).bytes === one.bytes).toBe(true)
  expect(slabs.take(1).bytes === two.bytes).toBe(false)
})
