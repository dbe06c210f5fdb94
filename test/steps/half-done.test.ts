// What was begun and is half done when kdr dies: changes that nobody else goes on with are offered again, what
// goes on by itself is waited for, and a reassignment that was never taken is neither.
import { describe, expect, it } from 'vitest'
import { type Decision, isAct, type Step } from '../../src/engine/step.ts'
import type { Survey, Throttled } from '../../src/model/survey.ts'
import type { ReadWorld, WriteWorld } from '../../src/ports/world.ts'
import { type Moves, moveReplicas } from '../../src/steps/multi/reassign.ts'
import { layThrottle, liftThrottle, toThrottle } from '../../src/steps/multi/throttle.ts'
import { lookForHanging } from '../../src/steps/multi/transactions.ts'
import { disableUnclean } from '../../src/steps/multi/unclean-off.ts'
import { blind, healthy, row, seen, table, topic } from '../helpers/survey.ts'

const RATES = { 'leader.replication.throttled.rate': '40000007', 'follower.replication.throttled.rate': '40000007' }
const LISTS = { 'leader.replication.throttled.replicas': '*', 'follower.replication.throttled.replicas': '*' }
const on: readonly Throttled[] = [
  { type: 'broker', name: '1', values: RATES },
  { type: 'broker', name: '2', values: RATES },
  { type: 'topic', name: 'orders', values: LISTS },
]
const throttled = on.map(({ type, name }) => ({ type, name, before: {} }))
const moves = [0, 1].map((partition) => ({ topic: 'orders', partition, before: [1, 3], after: [1, 2] }))
const value: Moves = { moves, throttled }
const plan: Decision<Moves> = { step: {} as Step, value: () => value, taken: () => value }

const laid = (...on: readonly Throttled[]): Survey => ({ ...healthy(), throttles: seen(on) })

describe('a throttle', () => {
  it('of which only a part was laid, or lifted, is offered again after a crash', () => {
    expect(layThrottle(plan).done(laid(...on.slice(0, 2)), value)).toMatchObject({ state: 'not-started', detail: expect.stringContaining('2 of 3') })
    expect(liftThrottle(plan).done(laid(...on.slice(2)), { throttled })).toMatchObject({ state: 'not-started', detail: '1 throttles are left' })
    expect(layThrottle(plan).done(laid(...on), value)).toMatchObject({ state: 'done' })
    expect(liftThrottle(plan).done(laid(), { throttled })).toMatchObject({ state: 'done' })
  })

  /** What the step would write, by `type name`. */
  const written = async (step: Step, survey: Survey): Promise<Record<string, unknown>> => {
    const changes: Record<string, unknown> = {}
    const alterConfigs = async ({ type, name }: { type: string; name: string }, change: unknown) => {
      changes[`${type} ${name}`] = change
    }
    const world = { survey: async () => survey, change: { kafka: { alterConfigs } } } as unknown as WriteWorld
    const found = await step.resolve(world)
    if (!isAct(step) || !('target' in found)) return found as Record<string, unknown>
    await step.act(world, found.target, new AbortController().signal)
    return changes
  }
  const own = { 'leader.replication.throttled.rate': '5000000', 'follower.replication.throttled.rate': '5000000' }
  const listed = { 'leader.replication.throttled.replicas': '0:1,0:2' }
  const theirs: readonly Throttled[] = [
    { type: 'broker', name: '2', values: own },
    { type: 'topic', name: 'orders', values: listed },
  ]
  const planned = (survey: Survey): Decision<Moves> => {
    const moved: Moves = { moves, throttled: toThrottle(survey, ['orders']) }
    return { step: {} as Step, value: () => moved, taken: () => moved }
  }
  const none: Decision<Moves> = { step: {} as Step, value: () => value, taken: () => null }

  it('that the operator has set stays, and what was laid over it is put back', async () => {
    const mine = planned(laid(...theirs))
    expect(await written(layThrottle(mine), laid(...theirs))).toEqual({ 'broker 1': RATES, 'broker 3': RATES, 'topic orders': LISTS })
    const after = laid(
      { type: 'broker', name: '1', values: RATES },
      { type: 'broker', name: '2', values: own },
      { type: 'topic', name: 'orders', values: LISTS },
    )
    expect(await written(liftThrottle(mine), after)).toEqual({
      'broker 1': { 'leader.replication.throttled.rate': null, 'follower.replication.throttled.rate': null },
      'topic orders': { ...listed, 'follower.replication.throttled.replicas': null },
    })
  })

  it('that a run which was given up has left is known by its rate and taken off by the next one', async () => {
    expect(Object.keys(await written(liftThrottle(none), laid(...on)))).toEqual(['topic orders', 'broker 1', 'broker 2'])
    expect(toThrottle(laid(...on), ['orders']).every(({ before }) => Object.keys(before).length === 0)).toBe(true)
    expect(await written(liftThrottle(none), laid(...theirs, { type: 'topic', name: 'all', values: LISTS }))).toEqual({
      nothing: expect.stringContaining("broker 2, topic orders, topic all is not kdr's and stays"),
    })
  })
})

describe('unclean election', () => {
  it('that was switched off for some topics only is switched off for the others after a crash', () => {
    const survey = { ...healthy(), partitions: table([topic('a'), topic('b', { uncleanElection: seen(true) })], []) }
    expect(disableUnclean().done(survey, { topics: ['a', 'b'] })).toMatchObject({ state: 'not-started', detail: expect.stringContaining('b') })
    expect(disableUnclean().done(survey, { topics: ['a'] })).toMatchObject({ state: 'done' })
  })
})

describe('a reassignment', () => {
  const at = (replicas: readonly (readonly number[])[], moving: readonly string[]): Survey => ({
    ...healthy(),
    partitions: table(
      [topic('orders')],
      replicas.map((each, partition) => row('orders', partition, each)),
    ),
    reassigning: seen(moving),
  })
  const step = moveReplicas(plan)
  const { done } = step
  const refusal = (now: Survey) =>
    isAct(step)
      ? step.guards
          .filter(({ name }) => name === 'MOVING')
          .map((guard) => guard.check(now, value))
          .at(0)
      : undefined

  it('is waited for while anything of it moves, and offered again where the rest was never taken', () => {
    const half = [
      [1, 2],
      [1, 3],
    ]
    expect(done(at(half, ['orders-1']), value)).toMatchObject({ state: 'under-way' })
    expect(done(at(half, []), value)).toMatchObject({ state: 'not-started', detail: expect.stringContaining('1 are not being moved') })
    expect(done(at([moves[0]?.after ?? [], moves[1]?.after ?? []], []), value)).toMatchObject({ state: 'done' })
  })

  it('of which only a part was taken ends with why, once the rest is moved', async () => {
    const half = [
      [1, 2],
      [1, 3],
    ]
    const again = moveReplicas(plan)
    const world = { change: { kafka: { reassign: async () => new Map([['orders-1', 'INVALID_REPLICA_ASSIGNMENT']]) } } } as unknown as WriteWorld
    if (isAct(again)) await expect(again.act(world, value, new AbortController().signal)).rejects.toThrow('1 partitions were not taken')
    expect(again.done(at(half, ['orders-0']), value)).not.toHaveProperty('hopeless')
    expect(again.done(at(half, []), value)).toMatchObject({ hopeless: expect.stringContaining('orders-1: INVALID_REPLICA_ASSIGNMENT') })
  })

  it("of somebody else's is not overridden, and nothing is moved while that was not seen", () => {
    const before = moves.map((move) => move.before)
    expect(refusal(at(before, ['orders-1']))).toMatchObject({ guard: 'MOVING', protects: ['orders-1'] })
    expect(refusal({ ...at(before, []), reassigning: blind })).toMatchObject({ blind: true, protects: ['orders-0', 'orders-1'] })
    expect(refusal(at(before, ['other-0']))).toBeNull()
  })
})

describe('a transaction', () => {
  const open = { partition: 'orders-0', producerId: 7n, openSince: 3n }
  const survey = (state: string | null): Survey => ({ ...healthy(), transactions: seen([{ ...open, state }]) })
  const resolve = (...surveys: readonly Survey[]) => {
    let at = 0
    const world = { survey: async () => surveys[Math.min(at++, surveys.length - 1)], clock: { sleep: async () => {} } }
    return lookForHanging().resolve(world as unknown as ReadWorld)
  }

  it('that ended between two questions does not hang: it is looked at again', async () => {
    expect(await resolve(survey('CompleteCommit'), { ...healthy(), transactions: seen([]) })).toEqual({ target: { hanging: [], blind: null } })
    expect(await resolve(survey('CompleteCommit'))).toMatchObject({ target: { hanging: [expect.stringContaining('orders-0')] } })
    expect(await resolve(survey(null), { ...healthy(), transactions: blind })).toMatchObject({ target: { hanging: [], blind: expect.any(String) } })
  })
})
