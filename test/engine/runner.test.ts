// The engine's promises, one by one, on lamps: no effect without a durable intent and a yes.
import { describe, expect, it } from 'vitest'
import { grantApprover } from '../../src/engine/gate.ts'
import { resumeRun, startRun } from '../../src/engine/runner.ts'
import { choose, forEach, type Guard, phase } from '../../src/engine/step.ts'
import { journalOf, type Lamp, room, scenarioOf, stage, stateOf, switchOn, typesOf, verifyLight } from './lamps.ts'

const dark: Guard<Lamp> = {
  name: 'G9',
  check: (now, { lamp }) => (stateOf(now, 'fuse') === 'blown' ? { guard: 'G9', because: 'the fuse is blown', protects: [lamp], force: null } : null),
}

describe('a run', () => {
  it('recovers, with the intent durable before the effect and the RTO clock stopped by the verification', async () => {
    const here = room('hall')
    const at = stage(here, scenarioOf(phase('light', 'Light', switchOn(here, 'hall')), verifyLight('hall')))
    let durable: readonly string[] = []
    here.acts.before = () => {
      durable = typesOf(journalOf(at, at.simulation.store.list()[0] ?? ''))
    }
    const result = await startRun(at.deps)
    expect(result).toMatchObject({ outcome: 'recovered', exit: 'ok', rpoRecords: 0 })
    expect(result.rtoSeconds).not.toBeNull()
    expect(durable.at(-1)).toBe('step.intent')
    expect(typesOf(journalOf(at, result.run))).toEqual([
      'run.started',
      'phase.started',
      'gate.asked',
      'gate.answered',
      'step.intent',
      'step.acted',
      'step.settled',
      'phase.finished',
      'step.settled',
      'run.finished',
    ])
    expect(here.thrown).toEqual(['hall'])
  })

  it('does nothing when the intent cannot be written', async () => {
    const here = room('hall')
    const at = stage(here, scenarioOf(switchOn(here, 'hall')))
    const { create } = at.deps.store
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const store = {
      ...at.deps.store,
      create: (id: string) => {
        const folder = create(id)
        const open = () => {
          const file = folder.open()
          return {
            ...file,
            append: (line: string) => {
              if (line.includes('step.intent')) throw full
              file.append(line)
            },
          }
        }
        return { ...folder, open }
      },
    }
    const result = await startRun({ ...at.deps, store })
    expect(result).toMatchObject({ outcome: 'failed', exit: 'failed' })
    expect(here.thrown).toEqual([])
  })

  it('changes nothing when declined: exit 3', async () => {
    const here = room('hall')
    const result = await startRun(stage(here, scenarioOf(switchOn(here, 'hall')), { answer: () => false }).deps)
    expect(result).toMatchObject({ outcome: 'declined', exit: 'declined' })
    expect(here.thrown).toEqual([])
  })

  it('is stopped, not declined, when an earlier effect stands: exit 6', async () => {
    const here = room('hall', 'stairs')
    const at = stage(here, scenarioOf(switchOn(here, 'hall'), switchOn(here, 'stairs')), { answer: (gate) => gate.text[0]?.includes('hall') === true })
    expect(await startRun(at.deps)).toMatchObject({ outcome: 'stopped', exit: 'stopped' })
    expect(here.thrown).toEqual(['hall'])
  })

  it('asks again when the facts changed while it was asked', async () => {
    const here = room('hall', 'fuse')
    const at = stage(here, scenarioOf(switchOn(here, 'hall', { guards: [dark] })), {
      answer: () => {
        here.lamps.set('fuse', 'blown')
        return true
      },
    })
    expect(await startRun(at.deps)).toMatchObject({ outcome: 'refused', exit: 'refused', why: expect.stringContaining('the fuse is blown') })
    expect(here.thrown).toEqual([])
  })

  it('wants the target typed before stop and delete, and names every flag', async () => {
    const here = room('hall')
    const at = stage(here, scenarioOf(switchOn(here, 'hall', { effect: 'stop' }), verifyLight('hall')))
    await startRun(at.deps)
    expect(at.asked[0]).toMatchObject({ ask: 'type', challenge: 'hall', flags: ['--allow stop', `--confirm ${at.simulation.identity.cluster}`] })
  })

  it('without grants names all missing flags before anything is touched: exit 4', async () => {
    const here = room('hall', 'stairs')
    const at = stage(here, scenarioOf(switchOn(here, 'hall'), switchOn(here, 'stairs', { effect: 'stop' })), {
      approver: grantApprover({ allow: ['restart'], confirm: null, acceptLoss: [] }, 'simulated'),
    })
    const result = await startRun(at.deps)
    expect(result).toMatchObject({ outcome: 'refused', exit: 'approvalMissing', why: expect.stringContaining('--allow stop --confirm simulated') })
    expect(here.thrown).toEqual([])
  })

  it('acts on exactly what was granted', async () => {
    const here = room('hall')
    const at = stage(here, scenarioOf(switchOn(here, 'hall'), verifyLight('hall')), {
      approver: grantApprover({ allow: ['restart'], confirm: null, acceptLoss: [] }, 'simulated'),
    })
    expect(await startRun(at.deps)).toMatchObject({ outcome: 'recovered', exit: 'ok' })
    expect(journalOf(at, at.simulation.store.list()[0] ?? '')).toContainEqual(
      expect.objectContaining({ type: 'gate.answered', by: 'grant', answer: '--allow restart' }),
    )
  })

  it('never takes unknown for success', async () => {
    const here = room('hall')
    here.acts.instead = () => {
      here.seen = false
    }
    const result = await startRun(stage(here, scenarioOf(switchOn(here, 'hall'), verifyLight('hall'))).deps)
    expect(result).toMatchObject({ outcome: 'unknown', exit: 'unknown' })
  })

  it('fails at the deadline and says that it may still go on', async () => {
    const here = room('hall')
    here.acts.instead = () => here.lamps.set('hall', 'warming')
    const result = await startRun(stage(here, scenarioOf(switchOn(here, 'hall'))).deps)
    expect(result).toMatchObject({ outcome: 'failed', exit: 'failed', why: expect.stringContaining('may still go on') })
  })

  it('retries on demand, and only what the live system says was not begun', async () => {
    const here = room('hall')
    let tries = 0
    here.acts.instead = (lamp) => {
      tries += 1
      if (tries === 2) here.lamps.set(lamp, 'on')
    }
    const result = await startRun(stage(here, scenarioOf(switchOn(here, 'hall'), verifyLight('hall')), { choices: [{ choice: 'retry' }] }).deps)
    expect(result).toMatchObject({ outcome: 'recovered' })
    expect(here.thrown).toEqual(['hall', 'hall'])
  })

  it('looks again without acting again', async () => {
    const here = room('hall')
    here.acts.instead = () => {}
    const at = stage(here, scenarioOf(switchOn(here, 'hall'), verifyLight('hall')))
    const choose = async () => {
      here.lamps.set('hall', 'on')
      return { choice: 'look' as const }
    }
    expect(await startRun({ ...at.deps, desk: { by: 'operator', choose } })).toMatchObject({ outcome: 'recovered' })
    expect(here.thrown).toEqual(['hall'])
  })

  it('is capped at unverified once a step was skipped', async () => {
    const here = room('hall')
    here.acts.instead = () => {}
    const at = stage(here, scenarioOf(switchOn(here, 'hall')), { choices: [{ choice: 'skip', reason: 'daylight' }] })
    expect(await startRun(at.deps)).toMatchObject({ outcome: 'unverified', exit: 'failed', why: expect.stringContaining('daylight') })
  })

  it('keeps a second run out while it lasts: exit 8', async () => {
    const here = room('hall')
    const at = stage(here, scenarioOf(switchOn(here, 'hall'), verifyLight('hall')))
    const second = stage(here, scenarioOf(switchOn(here, 'hall')), { simulation: at.simulation.beside() })
    let refused: unknown
    here.acts.before = async () => {
      refused = await startRun(second.deps).catch((thrown: unknown) => thrown)
    }
    await startRun(at.deps)
    expect(refused).toMatchObject({ code: 'locked', exit: 'locked' })
  })

  it('stops at Ctrl-C before any effect with 130 and after one with 6', async () => {
    const here = room('hall', 'stairs')
    const early = stage(here, scenarioOf(switchOn(here, 'hall')), {
      answer: () => {
        early.interrupt.abort()
        return true
      },
    })
    expect(await startRun(early.deps)).toMatchObject({ outcome: 'stopped', exit: 'interrupted' })
    expect(here.thrown).toEqual([])
    const late = stage(here, scenarioOf(switchOn(here, 'hall'), switchOn(here, 'stairs')))
    here.acts.before = () => late.interrupt.abort()
    expect(await startRun(late.deps)).toMatchObject({ outcome: 'stopped', exit: 'stopped', hint: expect.stringContaining('kdr runs resume') })
    expect(here.thrown).toEqual(['hall'])
  })

  it('hides secrets wherever a run leaves words', async () => {
    const here = room('hall')
    const at = stage(
      here,
      scenarioOf(switchOn(here, 'hall', { guards: [{ name: 'G9', check: () => ({ guard: 'G9', because: 'password hunter2', protects: [], force: null }) }] })),
    )
    const result = await startRun(at.deps)
    expect(JSON.stringify([at.events, journalOf(at, result.run)])).not.toContain('hunter2')
  })

  it('walks a chosen branch only, and lists items again after each', async () => {
    const here = room('a', 'b', 'fuse')
    const each = forEach({
      id: 'each',
      title: 'Every dark lamp',
      items: (now) => ['a', 'b'].filter((lamp) => stateOf(now, lamp) === 'off').map((lamp) => ({ key: lamp, title: lamp, parts: [switchOn(here, lamp)] })),
    })
    const branch = choose({
      id: 'which',
      title: 'Which',
      pick: () => ({ branch: 'lamps', because: 'it is night' }),
      branches: [
        { id: 'lamps', when: 'at night', parts: [each] },
        { id: 'fuse', when: 'at noon', parts: [switchOn(here, 'fuse')] },
      ],
    })
    await startRun(stage(here, scenarioOf(branch, verifyLight('a'))).deps)
    expect(here.thrown).toEqual(['a', 'b'])
  })
})

describe('a run whose ports misbehave', () => {
  it('goes on after an act that failed in words but worked', async () => {
    const here = room('hall')
    here.acts.instead = (lamp) => {
      here.lamps.set(lamp, 'on')
      throw new Error('the switch did not answer')
    }
    const at = stage(here, scenarioOf(switchOn(here, 'hall'), verifyLight('hall')))
    expect(await startRun(at.deps)).toMatchObject({ outcome: 'recovered', exit: 'ok' })
    expect(here.thrown).toEqual(['hall'])
  })

  it('does not wait for ever for an act or a look that never answers', async () => {
    const here = room('hall')
    const never = new Promise<undefined>(() => {})
    const step = switchOn(here, 'hall')
    const tick = (at: ReturnType<typeof stage>) => void at.simulation.clock.sleep(60_000)
    const hungAct = stage(here, scenarioOf({ ...step, act: () => never } as typeof step))
    tick(hungAct)
    expect(await startRun(hungAct.deps)).toMatchObject({ outcome: 'unknown', exit: 'unknown' })
    const hungLook = stage(here, scenarioOf({ ...step, resolve: () => never } as unknown as typeof step))
    tick(hungLook)
    expect(await startRun(hungLook.deps)).toMatchObject({ outcome: 'failed', exit: 'failed' })
  })

  it('tells how it ended where the journal can no longer be written', async () => {
    const here = room('hall')
    const at = stage(here, scenarioOf(switchOn(here, 'hall'), verifyLight('hall')))
    const { create } = at.deps.store
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const failing = (id: string) => {
      const folder = create(id)
      const open = () => {
        const file = folder.open()
        const append = (line: string) => {
          if (here.thrown.length > 0) throw full
          file.append(line)
        }
        return { ...file, append }
      }
      return { ...folder, open }
    }
    expect(await startRun({ ...at.deps, store: { ...at.deps.store, create: failing } })).toMatchObject({ outcome: 'unknown', exit: 'unknown' })
    expect(at.events.at(-1)).toMatchObject({ type: 'run.finished', exitCode: 7 })
  })

  it('writes nothing more once its lock was taken over', async () => {
    const here = room('hall')
    const at = stage(here, scenarioOf(switchOn(here, 'hall')))
    const answer = async () => {
      const other = at.simulation.beside()
      const run = at.simulation.store.list()[0] ?? ''
      await other.lock.acquire(at.simulation.identity, 'another', run)
      return true
    }
    const slow = { ...at.deps, approver: { ask: async () => ({ approved: await answer(), by: 'operator' as const, answer: 'y' }) } }
    const result = await startRun(slow)
    expect(result).toMatchObject({ outcome: 'failed' })
    expect(typesOf(journalOf(at, result.run)).at(-1)).toBe('gate.asked')
    expect(here.thrown).toEqual([])
  })

  it('is unverified where it could not be seen whether records were lost', async () => {
    const here = room('hall')
    const proof = { ...verifyLight('hall'), loss: () => ({ known: false as const, why: 'it was dark', by: 'toy' }) } as ReturnType<typeof verifyLight>
    expect(await startRun(stage(here, scenarioOf(switchOn(here, 'hall'), proof)).deps)).toMatchObject({
      outcome: 'unverified',
      exit: 'failed',
      rpoRecords: null,
    })
  })

  it('can be resumed though a secret is part of a name', async () => {
    const here = room('hunter2-hall')
    const scenario = scenarioOf(switchOn(here, 'hunter2-hall'), verifyLight('hunter2-hall'))
    const at = stage(here, scenario)
    at.simulation.crashAfterLine(4)
    await expect(startRun(at.deps)).rejects.toThrow('killed')
    const again = stage(here, scenario, { simulation: at.simulation.reboot() })
    expect(await resumeRun(again.deps, again.simulation.store.list()[0] ?? '')).toMatchObject({ outcome: 'recovered' })
  })

  it('gives a guard that could not see time to see', async () => {
    const here = room('hall')
    let looks = 0
    const blind: Guard<Lamp> = { name: 'G9', check: () => (++looks > 3 ? null : { guard: 'G9', because: 'fog', protects: [], force: null, blind: true }) }
    expect(await startRun(stage(here, scenarioOf(switchOn(here, 'hall', { guards: [blind] }), verifyLight('hall'))).deps)).toMatchObject({
      outcome: 'recovered',
    })
  })

  it('looks again without an operator too, before it gives up on what was not seen', async () => {
    const here = room('hall')
    let looks = 0
    const blind: Guard<Lamp> = { name: 'G9', check: () => (++looks > 3 ? null : { guard: 'G9', because: 'fog', protects: [], force: null, blind: true }) }
    const approver = grantApprover({ allow: ['restart'], confirm: null, acceptLoss: [] }, 'simulated')
    const at = stage(here, scenarioOf(switchOn(here, 'hall', { guards: [blind] }), verifyLight('hall')), { approver })
    expect(await startRun(at.deps)).toMatchObject({ outcome: 'recovered', exit: 'ok' })
    expect(at.events.filter(({ type }) => type === 'note')).toMatchObject([{ text: 'G9 refuses: fog; looking again for up to 30 s' }])
  })

  it('refuses at once, and throws no switch, where a guard saw enough', async () => {
    const here = room('hall')
    let looks = 0
    const sure: Guard<Lamp> = { name: 'G9', check: () => (++looks > 0 ? { guard: 'G9', because: 'the fuse is blown', protects: [], force: null } : null) }
    const approver = grantApprover({ allow: ['restart'], confirm: null, acceptLoss: [] }, 'simulated')
    const at = stage(here, scenarioOf(switchOn(here, 'hall', { guards: [sure] })), { approver })
    expect(await startRun(at.deps)).toMatchObject({ outcome: 'refused', exit: 'refused' })
    expect([looks, here.thrown]).toEqual([1, []])
  })
})

describe('a resumed run', () => {
  const crashed = async (state: string, after = 'step.intent') => {
    const here = room('hall')
    const scenario = scenarioOf(switchOn(here, 'hall'), verifyLight('hall'))
    const at = stage(here, scenario)
    // Lines: run.started, gate.asked, gate.answered, step.intent, step.acted.
    at.simulation.crashAfterLine(after === 'step.intent' ? 4 : 5)
    await expect(startRun(at.deps)).rejects.toThrow('killed')
    here.lamps.set('hall', state)
    const again = stage(here, scenario, { simulation: at.simulation.reboot() })
    return { here, again, run: again.simulation.store.list()[0] ?? '' }
  }

  it('settles an intent that the live system shows done', async () => {
    const { here, again, run } = await crashed('on', 'step.acted')
    expect(await resumeRun(again.deps, run)).toMatchObject({ outcome: 'recovered' })
    expect(here.thrown).toEqual(['hall'])
    expect(again.asked).toEqual([])
  })

  it('offers again what was not begun, through its gate', async () => {
    const { here, again, run } = await crashed('off')
    expect(await resumeRun(again.deps, run)).toMatchObject({ outcome: 'recovered' })
    expect(here.thrown).toEqual(['hall'])
    expect(again.asked).toHaveLength(1)
  })

  it('waits for what is under way', async () => {
    const { here, again, run } = await crashed('warming', 'step.acted')
    void again.simulation.clock.sleep(500).then(() => here.lamps.set('hall', 'on'))
    expect(await resumeRun(again.deps, run)).toMatchObject({ outcome: 'recovered' })
    expect(here.thrown).toEqual(['hall'])
  })

  it('is unknown, exit 7, when the live system cannot be asked', async () => {
    const { here, again, run } = await crashed('off')
    here.seen = false
    expect(await resumeRun(again.deps, run)).toMatchObject({ outcome: 'unknown', exit: 'unknown' })
    expect(here.thrown).toEqual([])
  })

  it('refuses another target, another list and an edited journal', async () => {
    const { here, again, run } = await crashed('off')
    const moved = {
      ...again.deps.ports,
      platform: { ...again.deps.ports.platform, identity: async () => ({ platform: 'simulated' as const, cluster: 'other', identity: 'elsewhere' }) },
    }
    await expect(resumeRun({ ...again.deps, ports: moved }, run)).rejects.toMatchObject({ code: 'target-changed', exit: 'refused' })
    await expect(resumeRun({ ...again.deps, scenario: scenarioOf(verifyLight('hall')) }, run)).rejects.toMatchObject({ code: 'plan-changed', exit: 'refused' })
    const find = (id: string) => {
      const folder = again.deps.store.find(id)
      return { ...folder, read: () => ({ torn: false, lines: folder.read().lines.map((line, at) => (at === 1 ? line.replace('restart', 'read') : line)) }) }
    }
    await expect(resumeRun({ ...again.deps, store: { ...again.deps.store, find } }, run)).rejects.toMatchObject({ code: 'journal-corrupt', exit: 'corrupt' })
    expect(here.thrown).toEqual([])
  })
})
