// Every scenario there is, on one real cluster after the other disaster: told in time, previewed without a trace,
// refused without a grant, and recovered under a ledger.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import { SCENARIOS } from '../../src/scenarios/registry.ts'
import { allInSync, bringUp, eventsOf, type Ready, takeDown, until } from './harness.ts'

const GRANTS = ['--non-interactive', '--allow', 'restart,change,stop,delete', '--confirm']

export const everyScenarioOn = (kafka: LabVersion) =>
  describe(`on Kafka ${kafka}`, () => {
    const name = `every${kafka.replace('.', '')}`
    const cluster = ['--cluster', name]
    let lab: Ready
    let ledger: Ledger

    beforeAll(async () => {
      lab = await bringUp(name, kafka, ['--with', 'schema-registry'])
      const { truth } = lab
      ledger = await openLedger({ clock: truth.ports.clock, kafka: truth.kafka, probe: truth.kafka }, [1, 2, 3], AbortSignal.timeout(60_000))
    })
    afterAll(async () => {
      await ledger?.stop()
      await takeDown(lab)
    })

    const verdict = async () => ((await lab.here.json(['diagnose', ...cluster])) as { verdict: string }).verdict
    const healthy = () => until('healthy', async () => (await verdict()) === 'healthy', 120_000)

    describe.each(SCENARIOS)('$id', ({ id, drill, faults, load }) => {
      const fault = kafka === '3.5' ? drill.fault : (drill.kraft ?? drill.fault)

      it('is told within ten seconds of being asked', async () => {
        await healthy()
        const broken = await lab.here.kdr(['lab', 'break', fault, '--name', name])
        expect(broken.code, broken.err).toBe(0)
        const expected = faults[fault]?.verdict ?? (await load()).verdict
        await until(expected, async () => (await verdict()) === expected, 60_000)
        const ran = await lab.here.kdr(['diagnose', ...cluster, '--output', 'json'])
        expect(ran.seconds).toBeLessThan(10)
        expect(JSON.parse(ran.out)).toMatchObject({ verdict: expected, next: expect.arrayContaining(['recover', id]) })
      })

      it('previews itself to the last step: every process is the one it was', async () => {
        const before = await lab.truth.uids()
        const ran = await lab.here.kdr(['recover', id, ...cluster, '--dry-run', '--output', 'ndjson'])
        expect(ran.code, ran.out + ran.err).toBe(0)
        const events = eventsOf(ran)
        expect(events.some(({ type }) => type === 'step.intent')).toBe(false)
        expect(events.filter(({ type }) => type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
        expect(await lab.truth.uids()).toEqual(before)
      })

      it.each([
        ['no terminal', []],
        ['--non-interactive', ['--non-interactive']],
      ])('without approval (%s) touches nothing: exit 4', async (_, flags) => {
        const before = await lab.truth.uids()
        const ran = await lab.here.kdr(['recover', id, ...cluster, ...flags], { input: 'y\ny\n' })
        expect(ran.code, ran.out + ran.err).toBe(4)
        expect(ran.out + ran.err).toContain('--allow')
        expect(await lab.truth.uids()).toEqual(before)
      })

      it('recovers', async () => {
        const ran = await lab.here.kdr(['recover', id, ...cluster, ...GRANTS, name, '--output', 'ndjson'])
        expect(ran.code, ran.out + ran.err).toBe(0)
        await until('full ISR', async () => allInSync(await lab.truth.rows()))
        await healthy()
      })
    })

    it('has lost nothing that was acknowledged in all of this', async () => {
      await ledger.stop()
      const score = await ledger.score(AbortSignal.timeout(120_000))
      expect(score).toMatchObject({ lost: 0, lostIn: {}, unread: {} })
      expect(score.acknowledged).toBeGreaterThan(500)
    })
  })
