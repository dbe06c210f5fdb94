// What a backup decides without asking anybody: which topics, whether a chain can go on, how fast, and with how
// much memory.
import { describe, expect, it } from 'vitest'
import { createClock, VirtualTime } from '../../../src/adapters/simulated/clock.ts'
import { Life } from '../../../src/adapters/simulated/life.ts'
import { createRandom } from '../../../src/adapters/simulated/random.ts'
import { Memory } from '../../../src/archive/create/memory.ts'
import { selectTopics } from '../../../src/archive/create/select-topics.ts'
import { spareCompression } from '../../../src/archive/create/spare-compression.ts'
import { openThrottle } from '../../../src/archive/create/throttle.ts'

const signal = new AbortController().signal
const clockOf = () => createClock(new VirtualTime(), createRandom(1, 'clock'), new Life(1))

describe('selectTopics', () => {
  const topics = ['orders', 'orders.eu', 'ordersXeu', 'pay', '_schemas', '__consumer_offsets', '__transaction_state', '__kdr_canary_12'].map((name) => ({
    name,
    id: null,
    internal: name.startsWith('__'),
    partitions: [],
  }))
  const names = (globs: readonly string[]) => selectTopics(topics, globs, '_schemas').kept.map(({ name }) => name)

  it('keeps all but bookkeeping and canaries, schemas first and internal', () => {
    const { kept, leftOut } = selectTopics(topics, [], '_schemas')
    expect(kept.map(({ name, internal }) => [name, internal])).toEqual([
      ['_schemas', true],
      ['orders', false],
      ['orders.eu', false],
      ['ordersXeu', false],
      ['pay', false],
    ])
    expect(leftOut.map(({ topic }) => topic)).toEqual(['__consumer_offsets', '__kdr_canary_12', '__transaction_state'])
  })

  it.each([
    [['orders'], ['orders']],
    [['orders.*'], ['orders.eu']],
    [['orders?eu'], ['orders.eu', 'ordersXeu']],
    [
      ['pay', 'order*'],
      ['orders', 'orders.eu', 'ordersXeu', 'pay'],
    ],
    [['__consumer_offsets'], []],
  ])('%s', (globs, kept) => {
    expect(names(globs)).toEqual(kept)
  })

  it('refuses a pattern that matches nothing', () => {
    expect(() => names(['orders', 'oders*'])).toThrow(/no topic matches oders\*/)
  })
})

describe('openThrottle', () => {
  it.each([
    [1 << 20, 6, 5 << 20],
    [20 << 20, 6, 300 << 20],
    [100 << 10, 2, 1 << 20],
  ])('holds %i bytes per second over %i partitions', async (rate, parallel, total) => {
    const clock = clockOf()
    const began = clock.monotonic()
    const throttle = openThrottle(rate, { fetchBytes: 4 << 20, parallel }, clock)
    let left = total
    const lane = async () => {
      while (left > 0) {
        await throttle.wait(signal)
        const bytes = Math.min(left, throttle.maxBytes)
        left -= bytes
        await clock.sleep(3)
        throttle.pay(bytes)
      }
      await throttle.wait(signal)
    }
    await Promise.all(Array.from({ length: parallel }, lane))
    const measured = (total / (clock.monotonic() - began)) * 1000
    expect(measured).toBeLessThanOrEqual(rate)
    expect(measured).toBeGreaterThan(rate * 0.95)
  })

  it('asks small partitions for no more than they have', async () => {
    const clock = clockOf()
    const began = clock.monotonic()
    const throttle = openThrottle(1 << 20, { fetchBytes: 4 << 20, parallel: 1 }, clock)
    for (let at = 0; at < 1000; at += 1) {
      await throttle.wait(signal)
      throttle.pay(100)
    }
    expect(clock.monotonic() - began).toBeLessThan(300)
  })
})

describe('Memory', () => {
  it('lets nobody overtake who waits', async () => {
    const memory = new Memory(100)
    expect(memory.tryTake(80)).toBe(true)
    const order: string[] = []
    const large = memory.take(90, signal).then(() => order.push('large'))
    const small = memory.take(10, signal).then(() => order.push('small'))
    expect(memory.tryTake(5)).toBe(false)
    memory.give(80)
    await Promise.all([large, small])
    expect(order).toEqual(['large', 'small'])
  })

  it('lets what alone is too large through when nothing else is held', async () => {
    const memory = new Memory(100)
    await memory.take(50, signal)
    const large = memory.take(500, signal)
    memory.give(50)
    await large
    expect(memory.tryTake(1)).toBe(false)
  })

  it('forgets whoever gives up', async () => {
    const memory = new Memory(100)
    await memory.take(60, signal)
    const leaving = new AbortController()
    const large = memory.take(90, leaving.signal)
    const small = memory.take(40, signal)
    leaving.abort(new Error('enough'))
    await expect(large).rejects.toThrow('enough')
    await small
  })
})

describe('spareCompression', () => {
  const plain = [100]

  it('leaves alone what producers compressed', () => {
    expect(spareCompression('auto').choose([10, 0, 0, 90])).toBe('none')
    expect(spareCompression('gzip').choose([10, 0, 0, 90])).toBe('gzip')
  })

  it('leaves alone what it would take too much memory to compress', () => {
    const compression = spareCompression('auto')
    expect(compression.choose([100 << 20])).toBe('none')
    expect(compression.choose([15 << 20])).not.toBe('none')
  })

  it('compresses one segment at a time, and others not at all meanwhile', () => {
    const auto = spareCompression('auto')
    const best = auto.choose(plain)
    expect(best).not.toBe('none')
    expect(auto.choose(plain)).toBe('none')
    auto.settle('none', 100, 100)
    expect(auto.choose(plain)).toBe('none')
    auto.settle(best, 100, 40)
    expect(auto.choose(plain)).toBe(best)
    auto.settle(best, 100, null)
    expect(auto.choose(plain)).toBe(best)
  })

  it('tries ever less often where nothing shrinks', () => {
    const auto = spareCompression('auto')
    let tries = 0
    for (let at = 0; at < 1000; at += 1) {
      const chosen = auto.choose(plain)
      if (chosen !== 'none') tries += 1
      auto.settle(chosen, 100, 99)
    }
    expect(tries).toBeLessThan(30)
  })
})
