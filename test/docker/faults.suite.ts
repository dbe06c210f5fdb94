// The main job on containers: the drill brings a lab up, then it is broken in every way that containers can be,
// under one ledger of acknowledged records, and recovered through the binary each time.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/adapters/docker/engine.ts'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import { eventsOf, type Stand, until } from '../real/harness.ts'
import { type DockerTruth, dockerStand, engineHere, stateOf, truthOf, watchChanges } from './stand.ts'

/** What the diagnosis or the classified failure must say of each fault, by name. */
const FAULTS: readonly (readonly [fault: string, broker: number, says: RegExp])[] = [
  ['pause-broker', 1, /is paused/],
  ['disconnect-broker', 2, /on no network/],
  ['remove-broker', 3, /blank/],
  ['oom-broker', 1, /killed by the kernel for want of memory/],
]

export const faultsOn = (kafka: string) =>
  describe(`single-broker in Docker on Kafka ${kafka}`, () => {
    const name = `drill-docker-${kafka}`
    const grants = ['--cluster', name, '--non-interactive', '--allow', 'restart,change,stop', '--confirm', name]
    const containerOf = (broker: number) => `${name}-kafka-${broker}`
    let here: Stand
    let engine: Engine
    let truth: DockerTruth
    let ledger: Ledger

    const healthy = () =>
      until('the cluster is healthy', async () => (await here.kdr(['diagnose', '--cluster', name, '--output', 'json'])).out.includes('"healthy"'))

    beforeAll(() => {
      here = dockerStand()
      engine = engineHere()
    })
    afterAll(async () => {
      await ledger?.stop()
      await truth?.close()
      engine?.close()
      await here?.clear()
    })

    it('drills: brings a lab up, kills a broker under load and recovers it without losing a record', async () => {
      const ran = await here.kdr(['drill', 'single-broker', '--platform', 'docker', '--kafka', kafka, '--keep', '--output', 'json'])
      expect(ran.code, ran.err).toBe(0)
      const report = JSON.parse(ran.out)
      expect(report).toMatchObject({
        schema: 'kdr/drill/1',
        platform: 'docker',
        kafka,
        fault: 'kill-broker',
        broken: [containerOf(3)],
        diagnosis: { expected: 'single-broker', got: 'single-broker' },
        ledger: { lost: 0 },
        outcome: 'recovered',
        problems: [],
      })
      expect(report.ledger.acknowledged).toBeGreaterThan(0)
      truth = truthOf(here, name)
      ledger = await openLedger(truth.ledgerPorts, [1, 2, 3], AbortSignal.timeout(60_000))
    })

    it('takes nobody for a broker by its name', async () => {
      const { docker } = engine
      const broker = await docker.getContainer(containerOf(1)).inspect()
      const lookalikes = [
        // Configured like one and on the same network, but of no project; and of the project, but configured as nothing.
        { name: `${name}-kafka-4`, Env: broker.Config.Env, Labels: {} },
        { name: `${name}-kafka-5`, Env: [], Labels: { ...broker.Config.Labels, 'com.docker.compose.service': 'kafka-5' } },
      ]
      const made = await Promise.all(
        lookalikes.map((each) =>
          docker.createContainer({
            ...each,
            Image: broker.Image,
            Entrypoint: ['sleep', '600'],
            Healthcheck: { Test: ['NONE'] },
            HostConfig: { NetworkMode: Object.keys(broker.NetworkSettings.Networks)[0] ?? '' },
          }),
        ),
      )
      try {
        await Promise.all(made.map((container) => container.start()))
        await healthy()
        const status = (await here.json(['lab', 'status', '--name', name])) as { members: { name: string; role: string; id: number | null }[] }
        expect(status.members.filter(({ role }) => role === 'broker').map(({ name: member, id }) => [member, id])).toEqual(
          [1, 2, 3].map((id) => [containerOf(id), id]),
        )
        expect(status.members.map((member) => member.name)).not.toContain(`${name}-kafka-4`)
        const nothing = await here.kdr(['recover', 'single-broker', '--broker', '4', ...grants])
        expect(nothing.code, nothing.out + nothing.err).toBe(5)
        for (const container of made) expect((await container.inspect()).State).toMatchObject({ Running: true })
      } finally {
        await Promise.all(made.map((container) => container.remove({ force: true })))
      }
    })

    it('previews the recovery of a killed broker to the last step, and leaves no trace on the engine', async () => {
      await healthy()
      const broken = await here.json(['lab', 'break', 'kill-broker', '--broker', '2', '--name', name])
      expect(broken).toMatchObject({ fault: 'kill-broker', members: [containerOf(2)] })
      expect(await here.json(['diagnose', '--cluster', name])).toMatchObject({ verdict: 'single-broker', brokers: [2] })
      const before = await stateOf(engine, truth.project)
      const changes = await watchChanges(engine, truth.project)
      const ran = await here.kdr(['recover', 'single-broker', '--cluster', name, '--dry-run', '--output', 'ndjson'])
      expect(ran.code, ran.out + ran.err).toBe(0)
      const events = eventsOf(ran)
      expect(events.filter(({ type }) => type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
      expect(events.filter(({ type }) => type === 'step.intent')).toEqual([])
      expect(await stateOf(engine, truth.project)).toEqual(before)
      expect(await changes()).toEqual([])
    })

    it('recovers the killed broker, and only that one', async () => {
      const before = await stateOf(engine, truth.project)
      const changes = await watchChanges(engine, truth.project)
      const ran = await here.kdr(['recover', 'single-broker', ...grants, '--output', 'ndjson'])
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(await changes()).toContain('container start')
      const after = await stateOf(engine, truth.project)
      expect(after[containerOf(2)]).toMatch(/ running /)
      expect({ ...after, [containerOf(2)]: null }).toEqual({ ...before, [containerOf(2)]: null })
    })

    it.each(FAULTS)('%s: names broker %i and what is wrong with it, and recovers it', async (fault, broker, says) => {
      await healthy()
      expect(await here.json(['lab', 'break', fault, '--broker', String(broker), '--name', name])).toMatchObject({ fault, members: [containerOf(broker)] })
      const diagnosis = (await here.json(['diagnose', '--cluster', name])) as { verdict: string; brokers: number[] }
      expect(diagnosis).toMatchObject({ verdict: 'single-broker', brokers: [broker] })
      const acknowledged = ledger.acknowledged()
      const ran = await here.kdr(['recover', 'single-broker', ...grants, '--output', 'ndjson'])
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(JSON.stringify(diagnosis) + ran.out).toMatch(says)
      expect(eventsOf(ran).at(-1)).toMatchObject({ type: 'run.finished', outcome: 'recovered', rpoRecords: 0 })
      expect(ledger.acknowledged()).toBeGreaterThan(acknowledged)
      const { HostConfig, State } = await engine.docker.getContainer(containerOf(broker)).inspect()
      expect(State.Status).toBe('running')
      // What a fault changed for its own ends is as it was.
      expect([HostConfig.RestartPolicy?.Name, HostConfig.Memory]).toEqual(['unless-stopped', 1 << 30])
    })

    it('lost not one acknowledged record in all of this', async () => {
      await ledger.stop()
      const score = await ledger.score(AbortSignal.timeout(120_000))
      expect(score.acknowledged).toBeGreaterThan(100)
      expect(score.lost).toBe(0)
    })
  })
