// Every scenario there is, on one real cluster after the other disaster: told in time, previewed without a trace,
// refused without a grant, and recovered under a ledger.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import type { SchemaManifest } from '../../src/model/schemas.ts'
import { SCENARIOS } from '../../src/scenarios/registry.ts'
import { allInSync, bringUp, eventsOf, type Ready, takeDown, until } from './harness.ts'
import { ask } from './registries.ts'

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

    it('imports nothing over a registry that is not empty: exit 5', async () => {
      const [file, other] = ['schemas.json', 'other.json'].map((each) => path.join(lab.here.home, each)) as [string, string]
      const { members } = (await lab.here.json(['lab', 'status', '--name', name])) as { members: readonly { role: string; address: string }[] }
      const address = members.find(({ role }) => role === 'schema-registry')?.address ?? ''
      expect((await ask(address, 'POST', '/subjects/kept/versions', { schema: '"string"' })).status).toBe(200)
      expect((await lab.here.kdr(['schemas', 'export', file, ...cluster])).code).toBe(0)
      const manifest = JSON.parse(readFileSync(file, 'utf8')) as SchemaManifest
      const [first] = manifest.versions
      writeFileSync(other, JSON.stringify({ ...manifest, raw: null, versions: [...manifest.versions, { ...first, subject: 'unheard-of', id: 130 }] }))
      const ran = await lab.here.kdr(['recover', 'schema-registry', ...cluster, ...GRANTS, name, '--schemas', other])
      expect(ran.code, ran.out + ran.err).toBe(5)
      expect(ran.out + ran.err).toContain('42205')
      expect((await ask(address, 'GET', '/subjects')).body).toEqual(['kept'])
    })

    it('has lost nothing that was acknowledged in all of this', async () => {
      await ledger.stop()
      const score = await ledger.score(AbortSignal.timeout(120_000))
      expect(score).toMatchObject({ lost: 0, lostIn: {}, unread: {} })
      expect(score.acknowledged).toBeGreaterThan(500)
    })
  })
