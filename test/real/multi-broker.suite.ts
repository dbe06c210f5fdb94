// A lost majority through the binary, on real brokers: in the order the ISRs ask for, with an empty disk in the
// last ISR, with losses typed, and with one that never comes back. A ledger is written through all of it.
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import type { PartitionRow } from '../../src/model/partitions.ts'
import { allInSync, bringUp, createTopics, eventsOf, type NdEvent, type Ran, type Ready, type Stand, type Truth, takeDown, until } from './harness.ts'

const PRELOAD = path.join(import.meta.dirname, 'kill-at.mjs')
const soon = () => AbortSignal.timeout(60_000)
const THROTTLES = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate']

export const multiBrokerSuite = (kafka: LabVersion) =>
  describe(`a majority lost on Kafka ${kafka}`, () => {
    const name = `multi-${kafka}`
    const grants = (...effects: readonly string[]) => ['--non-interactive', '--allow', ['restart', 'change', 'stop', ...effects].join(','), '--confirm', name]
    let lab: Ready
    let here: Stand
    let truth: Truth
    let ledger: Ledger

    beforeAll(async () => {
      lab = await bringUp(name, kafka)
      here = lab.here
      truth = lab.truth
      ledger = await openLedger({ clock: truth.ports.clock, kafka: truth.kafka, probe: truth.kafka }, [1, 2, 3], soon())
    })
    afterAll(async () => {
      await ledger?.stop()
      await takeDown(lab)
    })

    const recover = (...flags: readonly string[]) => here.kdr(['recover', 'multi-broker', '--cluster', name, '--output', 'ndjson', ...flags])
    const breakIt = async (fault: string, ...flags: readonly string[]) => {
      const ran = await here.kdr(['lab', 'break', fault, '--name', name, ...flags])
      expect(ran.code, ran.err).toBe(0)
    }
    const healthy = async () => {
      await until('full ISR', async () => allInSync(await truth.rows()))
      await until('healthy', async () => ((await here.json(['diagnose', '--cluster', name])) as { verdict: string }).verdict === 'healthy', 120_000)
    }
    const detail = (events: readonly NdEvent[], step: string) =>
      String(events.find((event) => event.type === 'step.settled' && event['step'] === step)?.['detail'] ?? '')
    const intents = (events: readonly NdEvent[], step: string) => events.filter((event) => event.type === 'step.intent' && event['step'] === step)
    const ended = (ran: Ran) => eventsOf(ran).at(-1)
    const rowsOf = async (topic: string): Promise<readonly PartitionRow[]> => (await truth.rows()).filter((row) => row.topic === topic)
    const everyPartition = async () => (await truth.rows()).flatMap(({ topic, partition }) => ['--accept-loss', `${topic}:${partition}`])
    /** How broker `id` is gone, and the others know it. */
    const unlisted = (id: number) =>
      until(`broker ${id} is not listed`, async () => !(await truth.kafka.metadata(soon())).brokers.some((broker) => broker.id === id))

    it('ISRs apart: the printed order needs no unclean election, and following it needs none', async () => {
      await createTopics(truth, {
        __kdr_pairs: {
          assignments: [
            [1, 2],
            [2, 3],
            [3, 1],
          ],
          minIsr: 1,
        },
      })
      await breakIt('isr-apart')
      const leaderless = (await truth.rows()).filter(({ leader }) => leader < 0)
      expect(leaderless.length).toBeGreaterThan(2)
      const ran = await recover(...grants())
      expect(ran.code, ran.out + ran.err).toBe(0)
      const events = eventsOf(ran)
      expect(detail(events, 'plan-starts')).toMatch(/1\. broker [23]: \d+ partitions wait for it.*2\. broker [23]: /)
      expect(intents(events, 'start-broker')).toHaveLength(2)
      expect(intents(events, 'elect-unclean')).toEqual([])
      expect(ended(ran)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
      await healthy()
      await truth.kafka.deleteTopic('__kdr_pairs', soon())
    })

    it('the last ISR member comes back on an empty disk: it is not started, and nobody is elected unasked', async () => {
      await breakIt('lose-isr')
      const ran = await recover(...grants())
      expect([4, 6], ran.out + ran.err).toContain(ran.code)
      expect(String(ended(ran)?.['why'])).toMatch(/lose-data/)
      expect((await truth.uids())['kafka3']).toBeNull()
      expect((await rowsOf('__kdr_orders')).filter(({ leader }) => leader >= 0)).toEqual([])
    })

    it('losses typed for every partition: recovered, and what is lost lies within what was typed', async () => {
      const before = ledger.acknowledged()
      const ran = await recover(...grants('delete', 'lose-data'), ...(await everyPartition()))
      expect(ran.code, ran.out + ran.err).toBe(0)
      const typed = eventsOf(ran).flatMap((event) => (event.type === 'gate.asked' ? [event['gate'] as { effect: string; challenge: string }] : []))
      const figures = typed.filter(({ effect }) => effect === 'lose-data').map(({ challenge }) => challenge)
      expect(figures.length).toBeGreaterThanOrEqual(9)
      expect(new Set(figures)).toEqual(new Set(['0']))
      expect(ended(ran)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
      await healthy()
      await until('it is written on', async () => ledger.acknowledged() > before + 50)
      await ledger.stop()
      expect(await ledger.score(soon())).toMatchObject({ lost: 0, lostIn: {}, unread: {} })
      await ledger.remove(soon())
    })

    it('gives a partition to whoever has the most, though the controller would take another, and puts the order back', async () => {
      const at = { topic: '__kdr_tail', partition: 0 }
      const write = (text: string) => truth.kafka.produce(at, [{ key: null, value: Buffer.from(text) }], soon())
      await createTopics(truth, { [at.topic]: { assignments: [[1, 2, 3]], minIsr: 1 } })
      // One broker that has just started does not know them all yet.
      const accepted = await everyPartition()
      await write('all')
      for (const id of [1, 2]) {
        await breakIt('kill-broker', '--broker', `${id}`)
        await unlisted(id)
        await until('somebody leads', async () => (await rowsOf(at.topic))[0]?.isr.length === 3 - id)
        await until(`written without ${id}`, async () => (await write(`without ${id}`)) >= 0n)
      }
      await breakIt('wipe-broker', '--broker', '3')
      await truth.platform.start({ name: 'kafka1', uid: null }, soon())
      await until('broker 1 alone is listed', async () => (await truth.kafka.metadata(soon())).brokers.map(({ id }) => id).join() === '1')
      const ran = await recover(...grants('delete', 'lose-data'), ...accepted)
      // What broker 3 alone had acknowledged cannot be counted: recovered, and said to be unverified.
      expect(ran.code, ran.out + ran.err).toBe(1)
      expect(ended(ran)).toMatchObject({ outcome: 'unverified', why: expect.stringContaining('an unknown number more') })
      await healthy()
      const [row] = await rowsOf(at.topic)
      expect(row?.replicas).toEqual([1, 2, 3])
      const { records } = await truth.kafka.fetch(at, 0n, { maxBytes: 100_000, maxWait: 500 }, soon())
      expect([...new Set(records.map(({ value }) => value?.toString()))]).toEqual(['all', 'without 1'])
      await truth.kafka.deleteTopic(at.topic, soon())
    })

    it('one that never comes back: killed under its throttle, the resumed run moves its replicas and takes the throttle off', async () => {
      await createTopics(truth, {
        __kdr_moved: {
          assignments: [
            [3, 1],
            [1, 3],
          ],
          minIsr: 1,
        },
      })
      await breakIt('kill-two')
      const killed = await here.kdr(['recover', 'multi-broker', '--cluster', name, '--gone', '3', ...grants()], {
        env: { KDR_KILL_TYPE: 'step.settled', KDR_KILL_STEP: 'lay-throttle' },
        preload: PRELOAD,
      })
      expect(killed.signal, killed.out + killed.err).toBe('SIGKILL')
      const rates = async () => {
        const configs = await truth.kafka.configs('broker', ['1', '2'], THROTTLES, soon())
        return [...configs.values()].map((each) => (each.known ? each.value.get(THROTTLES[0] ?? '') : 'not seen'))
      }
      expect(await rates()).toEqual(['40000007', '40000007'])
      const resumed = await here.kdr(['runs', 'resume', ...grants()])
      expect(resumed.code, resumed.out + resumed.err).toBe(0)
      expect(
        (await rates()).every((rate) => rate === null || rate === undefined || rate === `${2n ** 63n - 1n}`),
        String(await rates()),
      ).toBe(true)
      expect((await truth.rows()).filter(({ replicas }) => replicas.includes(3))).toEqual([])
      expect((await rowsOf('__kdr_moved')).map(({ replicas, isr }) => [replicas.length, isr.length])).toEqual([
        [2, 2],
        [2, 2],
      ])
      expect((await truth.uids())['kafka3']).toBeNull()
    })
  })
