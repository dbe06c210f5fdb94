// The quorum's recovery on containers, everything on one deployment: lost, one member down, disks emptied, under a
// ledger that goes on writing while nobody governs, and brokers that nobody touches.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Engine } from '../../src/adapters/docker/engine.ts'
import { openZooKeeper } from '../../src/adapters/zookeeper/open-zookeeper.ts'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import { RELEASES } from '../../src/lab/versions.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import { eventsOf, type NdEvent, type Stand, until } from '../real/harness.ts'
import { type DockerTruth, dockerStand, engineHere, stateOf, truthOf, watchChanges } from './stand.ts'

const intents = (events: readonly NdEvent[]) => events.filter(({ type }) => type === 'step.intent').map(({ key }) => String(key))
/** As it is written on paper, wrapped at any width. */
const words = ({ out, err }: { readonly out: string; readonly err: string }) => (out + err).replaceAll(/\s+/g, ' ')

/** `restores`: with the five minutes that a restore from a copy takes here. */
export const quorumOn = (kafka: LabVersion, { restores }: { readonly restores: boolean }) =>
  describe(`the quorum in Docker on Kafka ${kafka}`, () => {
    const name = `quorum-docker-${kafka}`
    const cluster = ['--cluster', name]
    const grants = ['--non-interactive', '--allow', 'restart,change,stop', '--confirm', name]
    const zookeeper = RELEASES[kafka].mode === 'zookeeper'
    const role = zookeeper ? 'zookeeper' : 'controller'
    const member = (id: number) => `${name}-${role}-${id}`
    let here: Stand
    let engine: Engine
    let truth: DockerTruth
    let ledger: Ledger

    vi.setConfig({ testTimeout: 900_000 })

    beforeAll(async () => {
      here = dockerStand()
      engine = engineHere()
      const up = await here.kdr(['lab', 'up', '--platform', 'docker', '--name', name, '--kafka', kafka])
      expect(up.code, up.err).toBe(0)
      truth = truthOf(here, name)
      ledger = await openLedger(truth.ledgerPorts, [1, 2, 3], AbortSignal.timeout(60_000))
    })
    afterAll(async () => {
      await ledger?.stop()
      await truth?.close()
      engine?.close()
      await here?.clear()
    })

    const breakIt = (fault: string) => here.json(['lab', 'break', fault, '--name', name]) as Promise<{ readonly members: readonly string[] }>
    const diagnosis = () => here.json(['diagnose', ...cluster])
    const recover = (...flags: readonly string[]) => here.kdr(['recover', 'zookeeper', ...cluster, ...flags])
    const containers = async (what: string) => Object.entries(await stateOf(engine, truth.project)).filter(([each]) => each.startsWith(`${name}-${what}`))
    const start = async (...ids: readonly number[]) => {
      for (const id of ids) await engine.docker.getContainer(member(id)).start()
    }

    const recovered = async (): Promise<readonly NdEvent[]> => {
      const [before, acknowledged] = [await containers('kafka'), ledger.acknowledged()]
      const ran = await recover(...grants, '--output', 'ndjson')
      expect(ran.code, ran.out + ran.err).toBe(0)
      const events = eventsOf(ran)
      expect(events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'recovered', rpoRecords: 0 })
      expect(await containers('kafka')).toEqual(before)
      expect(ledger.acknowledged()).toBeGreaterThan(acknowledged)
      return events
    }

    it('lost: diagnosed, while producers go on writing to the leaders they have', async () => {
      expect(await breakIt(zookeeper ? 'stop-zookeeper' : 'stop-controllers')).toMatchObject({ members: [member(1), member(2), member(3)] })
      const before = ledger.acknowledged()
      expect(await diagnosis()).toMatchObject({ verdict: 'zookeeper', next: expect.arrayContaining(['recover', 'zookeeper']) })
      await until('producers go on', async () => ledger.acknowledged() >= before + 50, 30_000)
    })

    it('lost: previewed to the last step without a trace on the engine, and refused without a grant', async () => {
      const before = await stateOf(engine, truth.project)
      const changes = await watchChanges(engine, truth.project)
      const dry = await recover('--dry-run', '--output', 'ndjson')
      expect(dry.code, dry.out + dry.err).toBe(0)
      const started = eventsOf(dry).filter(({ type }) => type === 'step.started')
      expect(started.at(-1)).toMatchObject({ step: 'check-stability' })
      const refused = await recover('--non-interactive')
      expect(refused.code, refused.out + refused.err).toBe(4)
      expect(await stateOf(engine, truth.project)).toEqual(before)
      expect(await changes()).toEqual([])
    })

    if (zookeeper)
      it('lost: a server that answers imok without a leader changes nothing in the verdict', async () => {
        await start(1)
        const { Ports } = (await engine.docker.getContainer(member(1)).inspect()).NetworkSettings
        const port = Number(Object.values(Ports).flatMap((bound) => bound ?? [])[0]?.HostPort)
        const zk = openZooKeeper({ servers: [`127.0.0.1:${port}`], dial: (host, to) => truth.platform.dial(host, to), timeout: 3000 })
        await until('it says imok', async () => {
          const answer = (await zk.word('ruok', [`127.0.0.1:${port}`], AbortSignal.timeout(5000))).get(`127.0.0.1:${port}`)
          return answer?.known === true && answer.value.includes('imok')
        })
        await zk.close()
        expect(await diagnosis()).toMatchObject({ verdict: 'zookeeper' })
      })

    it('lost: recovered one member after the other, no broker touched, and records acknowledged meanwhile', async () => {
      const begun = intents(await recovered())
      expect(begun).toEqual([...(zookeeper ? [2, 3] : [1, 2, 3]).map((id) => `start-member[${member(id)}]`), 'canary'])
    })

    it('held, with one member down: that one alone is started', async () => {
      const { members } = await breakIt(zookeeper ? 'kill-zookeeper' : 'kill-controller')
      expect(await diagnosis()).toMatchObject({ verdict: 'at-risk' })
      expect(intents(await recovered())).toEqual([`start-member[${members[0]}]`, 'canary'])
    })

    if (zookeeper)
      it('a blank majority: the survivor is copied and started first, then one empty disk after the other', async () => {
        await breakIt('wipe-zookeeper-majority')
        const events = await recovered()
        const order = events.flatMap(({ type, key, file }) => (type === 'step.intent' ? [String(key)] : type === 'evidence.kept' ? [String(file)] : []))
        const copy = order.findIndex((what) => what.endsWith('.tar.gz'))
        expect(copy).toBeGreaterThanOrEqual(0)
        expect(order.slice(copy).filter((what) => what.startsWith('start-member'))).toEqual([1, 2, 3].map((id) => `start-member[${member(id)}]`))
      })
    else
      it('one empty disk beside a majority with its log: formatted by its image, and in sync again', async () => {
        const { members } = await breakIt('wipe-controller')
        expect(intents(await recovered())).toEqual([`start-member[${members[0]}]`, 'canary'])
      })

    if (zookeeper && restores)
      it('every disk empty: restored from a copy of data and logs, brokers stopped and compared meanwhile', async () => {
        const copies = await truth.platform.data(member(1), AbortSignal.timeout(60_000))
        const files = copies.map((_, at) => path.join(here.home, `zookeeper-1-${at}.tar.gz`))
        for (const [at, { tar }] of copies.entries()) await writeFile(files[at] ?? '', tar)
        const from = ['--snapshot', files.join()]
        await breakIt('lose-zookeeper')
        const changes = await watchChanges(engine, truth.project)
        const dry = await recover(...from, '--dry-run', '--output', 'ndjson')
        expect(dry.code, dry.out + dry.err).toBe(0)
        expect((await recover(...from, '--non-interactive')).code).toBe(4)
        expect(await changes()).toEqual([])
        const ran = await recover(...from, ...grants, '--output', 'ndjson')
        expect(ran.code, ran.out + ran.err).toBe(0)
        const events = eventsOf(ran)
        expect(events.at(-1)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
        expect(events.flatMap(({ type, file }) => (type === 'evidence.kept' ? [file] : []))).toContain('evidence/log-ends.tsv')
        const acknowledged = ledger.acknowledged()
        await until('producers go on', async () => ledger.acknowledged() >= acknowledged + 20, 60_000)
      })

    it('lost not one acknowledged record in all of this', async () => {
      await ledger.stop()
      const score = await ledger.score(AbortSignal.timeout(120_000))
      expect(score).toMatchObject({ lost: 0 })
      expect(score.acknowledged).toBeGreaterThan(300)
    })

    it('every disk, or a majority of the controllers, empty: handed over, and nothing is started: exit 5', async () => {
      await breakIt(zookeeper ? 'lose-zookeeper' : 'wipe-controller-majority')
      const before = await stateOf(engine, truth.project)
      const ran = await recover(...grants)
      expect(ran.code, ran.out + ran.err).toBe(5)
      expect(words(ran)).toContain(zookeeper ? 'complete loss' : 'nothing is formatted')
      expect(await stateOf(engine, truth.project)).toEqual(before)
    })

    if (zookeeper)
      it('that became another cluster stops everything before anything is touched: exit 5', async () => {
        await start(1, 2, 3)
        await until('the empty ensemble is seen', async () => JSON.stringify(await diagnosis()).includes('no cluster.id'))
        const before = await stateOf(engine, truth.project)
        const ran = await recover(...grants)
        expect(ran.code, ran.out + ran.err).toBe(5)
        expect(words(ran)).toContain('no cluster.id')
        expect(await stateOf(engine, truth.project)).toEqual(before)
        expect(await diagnosis()).toMatchObject({ verdict: 'zookeeper', next: [] })
      })
  })
