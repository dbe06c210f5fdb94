// A majority lost on containers, on one lab: drilled, then broken in the ways that decide who may lead, and
// recovered through the binary each time, under a ledger of acknowledged records.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/adapters/docker/engine.ts'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import { type DockerTruth, dockerStand, engineHere, stateOf, truthOf, watchChanges } from '../docker/stand.ts'
import { eventsOf, type NdEvent, type Stand, until } from '../real/harness.ts'

describe('a majority lost in Docker on Kafka 3.5', () => {
  const name = 'drill-docker-3.5'
  const containerOf = (broker: number) => `${name}-kafka-${broker}`
  const grants = (...effects: readonly string[]) => ['--non-interactive', '--allow', ['restart', 'change', 'stop', ...effects].join(','), '--confirm', name]
  let here: Stand
  let engine: Engine
  let truth: DockerTruth
  let ledger: Ledger

  const soon = () => AbortSignal.timeout(60_000)
  const recover = (...flags: readonly string[]) => here.kdr(['recover', 'multi-broker', '--cluster', name, '--output', 'ndjson', ...flags])
  const breakIt = async (fault: string) => expect(await here.json(['lab', 'break', fault, '--name', name])).toMatchObject({ fault })
  const diagnosed = () => here.json(['diagnose', '--cluster', name]) as Promise<{ readonly verdict: string; readonly next: readonly string[] }>
  /** While a broker starts, what it is cannot be told yet. */
  const foundOut = async () => {
    let last: unknown
    await until('a lost majority is diagnosed', async () => {
      const now = await diagnosed()
      last = now
      return now.verdict === 'multi-broker'
    })
    return last
  }
  const healthy = () => until('the cluster is healthy', async () => (await diagnosed()).verdict === 'healthy', 120_000)
  const rows = async () => [...(await truth.ledgerPorts.kafka.metadata(soon())).partitions.rows()]
  const detail = (events: readonly NdEvent[], step: string) =>
    String(events.find((event) => event.type === 'step.settled' && event['step'] === step)?.['detail'] ?? '')

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

  it('drills: two of three killed under load, and not a record lost', async () => {
    const ran = await here.kdr(['drill', 'multi-broker', '--platform', 'docker', '--kafka', '3.5', '--keep', '--output', 'json'])
    expect(ran.code, ran.err).toBe(0)
    expect(JSON.parse(ran.out)).toMatchObject({
      platform: 'docker',
      fault: 'kill-two',
      broken: [containerOf(3), containerOf(2)],
      diagnosis: { expected: 'multi-broker', got: 'multi-broker' },
      ledger: { lost: 0 },
      outcome: 'recovered',
      problems: [],
    })
    truth = truthOf(here, name)
    ledger = await openLedger(truth.ledgerPorts, [1, 2, 3], soon())
  })

  it('ISRs apart: a dry run changes nothing, no grant is exit 4, and the printed order needs no unclean election', async () => {
    const pairs = [
      [1, 2],
      [2, 3],
      [3, 1],
    ]
    await truth.ledgerPorts.probe.createTopic('__kdr_pairs', pairs, { 'min.insync.replicas': '1' }, soon())
    await healthy()
    await breakIt('isr-apart')
    expect(await foundOut()).toMatchObject({ brokers: [2, 3], next: expect.arrayContaining(['recover', 'multi-broker']) })
    expect((await rows()).filter(({ leader }) => leader < 0).length).toBeGreaterThan(2)

    const before = await stateOf(engine, truth.project)
    const changes = await watchChanges(engine, truth.project)
    const dry = await recover('--dry-run')
    expect(dry.code, dry.out + dry.err).toBe(0)
    expect(
      eventsOf(dry)
        .filter(({ type }) => type === 'step.started')
        .at(-1),
    ).toMatchObject({ step: 'check-stability' })
    const none = await recover('--non-interactive')
    expect(none.code, none.out + none.err).toBe(4)
    expect(await stateOf(engine, truth.project)).toEqual(before)
    expect(await changes()).toEqual([])

    const ran = await recover(...grants())
    expect(ran.code, ran.out + ran.err).toBe(0)
    const events = eventsOf(ran)
    expect(detail(events, 'plan-starts')).toMatch(/1\. broker [23]: \d+ partitions wait for it.*2\. broker [23]: /)
    expect(events.filter(({ type, step }) => type === 'step.intent' && step === 'elect-unclean')).toEqual([])
    expect(events.at(-1)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    await healthy()
  })

  it('the last ISR member comes back on an empty disk: it is not started (G2), and losses are typed by partition', async () => {
    await breakIt('lose-isr')
    await foundOut()
    const refused = await recover(...grants())
    expect([4, 6], refused.out + refused.err).toContain(refused.code)
    expect(String(eventsOf(refused).at(-1)?.['why'])).toMatch(/lose-data/)
    expect((await stateOf(engine, truth.project))[containerOf(3)]).not.toMatch(/ running /)

    const before = ledger.acknowledged()
    const typed = (await rows()).flatMap(({ topic, partition }) => ['--accept-loss', `${topic}:${partition}`])
    const ran = await recover(...grants('delete', 'lose-data'), ...typed)
    // Of topics with a min ISR of 1 nobody can say what the lost disk alone held.
    expect([0, 1], ran.out + ran.err).toContain(ran.code)
    expect(eventsOf(ran).at(-1)).toMatchObject({ outcome: expect.stringMatching(/^recovered$|^unverified$/) })
    await healthy()
    await until('it is written on', async () => ledger.acknowledged() > before + 50)
  })

  it('lost not one acknowledged record in all of this', async () => {
    await ledger.stop()
    const score = await ledger.score(AbortSignal.timeout(120_000))
    expect(score).toMatchObject({ lost: 0, lostIn: {}, unread: {} })
    expect(score.acknowledged).toBeGreaterThan(100)
  })
})
