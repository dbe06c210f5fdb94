// A dry run reaches the last step on projected surveys, shows every gate and refusal, and acts on nothing.
import { describe, expect, it } from 'vitest'
import { rehearse } from '../../src/engine/rehearsal.ts'
import { choose } from '../../src/engine/step.ts'
import { KdrError } from '../../src/errors.ts'
import { room, scenarioOf, stage, stateOf, switchOn, verifyLight } from './lamps.ts'

describe('a rehearsal', () => {
  it('walks to the last step on what each step expects', async () => {
    const here = room('hall', 'stairs')
    const at = stage(here, scenarioOf(switchOn(here, 'hall'), switchOn(here, 'stairs', { effect: 'stop' }), verifyLight('stairs')))
    const result = await rehearse(at.deps)
    expect(result).toMatchObject({ outcome: 'unverified', exit: 'ok' })
    expect(result.gates.map(({ effect }) => effect)).toEqual(['restart', 'stop'])
    expect(at.events.filter(({ type }) => type === 'step.withheld').map((event) => 'key' in event && event.key)).toEqual([
      'switch-hall',
      'switch-stairs',
      'verify',
    ])
    expect(at.events.find((event) => event.type === 'step.withheld' && event.key === 'verify')).toMatchObject({ evaluated: false })
    expect(here.thrown).toEqual([])
    expect(at.simulation.store.list()).toEqual([])
  })

  it('shows a refusal and goes on: exit 5', async () => {
    const here = room('hall', 'stairs')
    const refusing = { name: 'G9', check: () => ({ guard: 'G9', because: 'no', protects: ['hall'], force: null }) }
    const at = stage(here, scenarioOf(switchOn(here, 'hall', { guards: [refusing] }), switchOn(here, 'stairs')))
    expect(await rehearse(at.deps)).toMatchObject({ outcome: 'refused', exit: 'refused' })
    expect(at.events.at(-2)).toMatchObject({ type: 'step.withheld', key: 'switch-stairs' })
  })

  it('says unknown where what matters was not seen: exit 7', async () => {
    const here = room('hall')
    here.seen = false
    expect(await rehearse(stage(here, scenarioOf(switchOn(here, 'hall'))).deps)).toMatchObject({ outcome: 'unknown', exit: 'unknown' })
  })

  it('hears an interrupt while a step looks, however long that takes', async () => {
    const here = room('hall')
    const controller = new AbortController()
    const slow = { ...switchOn(here, 'hall'), resolve: () => new Promise<never>(() => queueMicrotask(() => controller.abort(terminated))) }
    const terminated = new KdrError('terminated', { code: 'interrupted', exit: 'terminated' })
    const at = stage(here, scenarioOf(slow))
    await expect(rehearse({ ...at.deps, interrupt: { signal: controller.signal, cause: () => 'SIGTERM' } })).rejects.toBe(terminated)
    expect(here.thrown).toEqual([])
  })

  it('previews every branch once the facts are projected, and only the taken one before', async () => {
    const here = room('hall', 'a', 'b')
    const which = choose({
      id: 'which',
      title: 'Which',
      pick: (now) => ({ branch: stateOf(now, 'hall') === 'on' ? 'a' : 'b', because: 'so' }),
      branches: [
        { id: 'a', when: 'lit', parts: [switchOn(here, 'a')] },
        { id: 'b', when: 'dark', parts: [switchOn(here, 'b')] },
      ],
    })
    const live = stage(here, scenarioOf(which))
    await rehearse(live.deps)
    expect(live.events.filter(({ type }) => type === 'choice.previewed')).toHaveLength(1)
    const projected = stage(here, scenarioOf(switchOn(here, 'hall'), which))
    await rehearse(projected.deps)
    expect(projected.events.filter(({ type }) => type === 'choice.previewed')).toHaveLength(2)
  })
})
