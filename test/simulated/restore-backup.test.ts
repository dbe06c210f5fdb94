// A backup made of one simulated cluster and restored into another: the same records, offsets where they can be
// kept, groups at the next unread record.
import { describe, expect, it } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { createRandom } from '../../src/adapters/simulated/random.ts'
import { openWholeChain } from '../../src/archive/chain.ts'
import { openArchive } from '../../src/archive/read-archive.ts'
import { grantApprover } from '../../src/engine/gate.ts'
import { resumeRun, startRun } from '../../src/engine/runner.ts'
import { KdrError } from '../../src/errors.ts'
import { known } from '../../src/model/known.ts'
import type { KafkaRestoreWriter } from '../../src/ports/kafka-backup.ts'
import { restoreBackup } from '../../src/scenarios/restore-backup.ts'
import { memoryStore } from '../archive/memory-store.ts'
import { backUp, everything, held, produce, reportOf, restoring, signal, source, T0, TOPICS } from './restores.ts'
import { compose, open } from './stage.ts'

describe('restore of a backup', () => {
  it('brings back every record at its offset, settings and groups', async () => {
    const store = memoryStore()
    const first = await source()
    const name = await backUp(first, store)
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name })
    const result = await startRun(deps)
    expect(result.why).toBe('recovered and verified')
    expect(result.exit).toBe('ok')
    expect(await everything(second)).toEqual(await everything(first))
    const report = reportOf(events)
    expect(report).toMatchObject({ schema: 'kdr/restore/1', name, topics: 3, records: 350, offsets: 'preserved', groups: 1, notRestored: [] })
    const overrides = await second.ports.backup.topicOverrides(['orders', 'people', 'empty'], signal)
    expect([...overrides].map(([topic, configs]) => [topic, configs.known ? Object.fromEntries(configs.value) : null])).toEqual([
      ['orders', { 'min.insync.replicas': '2', 'retention.ms': '-1' }],
      ['people', { 'cleanup.policy': 'compact' }],
      ['empty', {}],
    ])
    const [group] = await second.ports.backup.groupOffsets(['billing'], signal)
    expect(group?.offsets.map(({ partition, offset, metadata }) => `${partition} ${offset} ${metadata}`)).toEqual([
      '0 55 streams-0',
      '1 56 streams-1',
      '2 57 streams-2',
    ])
  })

  it('maps offsets where that is asked for, and groups with them', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name, offsets: 'mapped', topicPrefix: 'dr-' })
    expect((await startRun(deps)).exit).toBe('ok')
    expect((await held(second, 'dr-orders', 1))[0]).toBe('0 to 80')
    expect(reportOf(events)).toMatchObject({ offsets: 'mapped' })
    const [group] = await second.ports.backup.groupOffsets(['billing'], signal)
    expect(group?.offsets.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`)).toEqual([
      'dr-orders 0 55',
      'dr-orders 1 16',
      'dr-orders 2 57',
    ])
  })

  it('leaves a group alone that somebody is in, says what to do, and is incomplete as long as that is not where it was', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [], groups: [{ group: 'billing', state: 'Stable', protocolType: 'consumer', offsets: [] }] })
    const { deps, events } = restoring(second, store, { name })
    expect((await startRun(deps)).why).toBe('recovered and verified')
    expect(reportOf(events)).toMatchObject({
      status: 'incomplete',
      groups: 0,
      notRestored: [{ what: 'group billing', why: expect.stringMatching(/^it is Stable: .*stop its members/) }],
    })
    expect((await second.ports.backup.groupOffsets(['billing'], signal))[0]?.offsets).toEqual([])
  })

  it.each([
    { at: 'where it was', state: 'Stable', offsets: [55n, 56n, 57n], status: 'complete', said: 0 },
    { at: 'further', state: 'Stable', offsets: [60n, 61n, 62n], status: 'complete', said: 1 },
    { at: 'further in part', state: 'Stable', offsets: [60n, 50n, 62n], status: 'incomplete', said: 1 },
    { at: 'not so far', state: 'Empty', offsets: [1n, 41n, 2n], status: 'incomplete', said: 1 },
    { at: 'further', state: 'Empty', offsets: [60n, 61n, 62n], status: 'complete', said: 1 },
  ])('once more, with a group that is $state and $at, is $status', async ({ state, offsets, status, said }) => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    expect((await startRun(restoring(second, store, { name, groups: false }).deps)).exit).toBe('ok')
    const rows = offsets.map((offset, partition) => ({ topic: 'orders', partition, offset, leaderEpoch: -1, metadata: '' }))
    await second.write.restore.commitOffsets('billing', rows, signal)
    const again = restoring(second, store, { name })
    const { backup } = second.ports
    const groupOffsets: typeof backup.groupOffsets = async (...asked) => (await backup.groupOffsets(...asked)).map((group) => ({ ...group, state }))
    const ports = { ...again.deps.ports, backup: { ...backup, groupOffsets } }
    const { observe } = compose({ ...second, ports }).deps
    expect((await startRun({ ...again.deps, ports, observe })).exit).toBe('ok')
    expect(reportOf(again.events)).toMatchObject({ status, notRestored: { length: said } })
  })

  it('is metadata first and data then, as in the runbook', async () => {
    const store = memoryStore()
    const first = await source()
    const name = await backUp(first, store)
    const second = open({ topics: [] })
    expect((await startRun(restoring(second, store, { name, what: 'data' }).deps)).exit).toBe('refused')
    expect((await startRun(restoring(second, store, { name, what: 'metadata' }).deps)).exit).toBe('ok')
    expect((await startRun(restoring(second, store, { name, what: 'data' }).deps)).exit).toBe('ok')
    expect(await everything(second)).toEqual(await everything(first))
    // Once more changes nothing.
    expect((await startRun(restoring(second, store, { name }).deps)).exit).toBe('ok')
    expect(await everything(second)).toEqual(await everything(first))
  })

  it('refuses what holds records of somebody else, and replaces it where that is said', async () => {
    const store = memoryStore()
    const first = await source()
    const name = await backUp(first, store)
    const second = open({ topics: TOPICS })
    await produce(second, 'orders', 0, 1000, 5, 5)
    const refused = await startRun(restoring(second, store, { name }).deps)
    expect(refused.exit).toBe('refused')
    expect(refused.why).toContain('orders is there already')
    expect(second.world.effects.filter(({ by }) => by === 'kdr').map(({ what }) => what)).toEqual(['produce'])
    const { deps } = restoring(second, store, { name, existing: 'recreate' })
    expect((await startRun(deps)).exit).toBe('ok')
    expect(await everything(second)).toEqual(await everything(first))
  })

  it('keeps what is no younger than the time asked for', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name, toTime: T0 + 54 })
    expect((await startRun(deps)).exit).toBe('ok')
    expect((await held(second, 'orders', 0))[0]).toBe('0 to 55')
    expect((await held(second, 'orders', 1))[0]).toBe('40 to 55')
    expect(reportOf(events)?.records).toBe(55 + 15 + 55 + 30)
    const [group] = await second.ports.backup.groupOffsets(['billing'], signal)
    expect(group?.offsets.map(({ offset }) => offset)).toEqual([55n, 55n, 55n])
  })

  it('reads the archives once, the plan before it included, and says how far it is', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    let opened = 0
    const scenario = restoreBackup({
      open: async (given, progress) => {
        opened += 1
        return { archives: await openWholeChain(store, given, null, progress, signal), lossy: null }
      },
    })
    const { deps, events } = restoring(second, store, { name })
    const granted = grantApprover({ allow: ['change'], confirm: null, acceptLoss: [] }, 'simulated')
    expect((await startRun({ ...deps, scenario, approver: granted } as typeof deps)).exit).toBe('ok')
    expect(opened).toBe(1)
    const told = events.find((event) => event.type === 'step.progress' && event.step === 'choose-backup')
    expect(told).toMatchObject({ detail: expect.stringMatching(/\/s$/), total: 1, unit: 'MB' })
  })

  it('loads nothing a second time where what it restored is partly gone since: incomplete, and groups go on after that', async () => {
    const store = memoryStore()
    const first = await source()
    const name = await backUp(first, store)
    const second = open({ topics: [] })
    expect((await startRun(restoring(second, store, { name }).deps)).exit).toBe('ok')
    const gone = [
      { topic: 'orders', partition: 0, before: 99n },
      { topic: 'orders', partition: 2, before: 30n },
    ]
    await second.write.restore.deleteRecords(gone, signal)
    const left = await everything(second)
    const again = restoring(second, store, { name })
    expect((await startRun(again.deps)).exit).toBe('ok')
    expect(await everything(second)).toEqual(left)
    const report = reportOf(again.events)
    expect(report).toMatchObject({ status: 'incomplete', records: 350 - 129, offsets: 'preserved', groups: 1 })
    expect(report?.notRestored.map(({ what }) => what)).toEqual(['orders-0 0 to 99', 'orders-2 0 to 30', 'group billing: orders-0 55 to 99'])
    const [group] = await second.ports.backup.groupOffsets(['billing'], signal)
    expect(group?.offsets.map(({ offset }) => offset)).toEqual([99n, 56n, 57n])
    // Its settings alone ask for no deletion.
    expect((await startRun(restoring(second, store, { name, what: 'metadata', existing: 'recreate' }).deps)).exit).toBe('ok')
    expect(await everything(second)).toEqual(left)
    expect((await startRun(restoring(second, store, { name, existing: 'recreate' }).deps)).exit).toBe('ok')
    expect(await everything(second)).toEqual(await everything(first))
  })

  it('refuses a topic that ends where it should and is empty, and replaces it where that is said', async () => {
    const store = memoryStore()
    const first = await source()
    const name = await backUp(first, store)
    const whole = await everything(first)
    await first.write.restore.deleteRecords([{ topic: 'orders', partition: 0, before: 100n }], signal)
    const refused = await startRun(restoring(first, store, { name }).deps)
    expect(refused).toMatchObject({ exit: 'refused', hint: expect.stringContaining('--existing recreate') })
    expect(refused.why).toMatch(/orders is there already: partition 0 .* holds none/)
    expect((await held(first, 'orders', 0))[0]).toBe('100 to 100')
    expect((await startRun(restoring(first, store, { name, existing: 'recreate' }).deps)).exit).toBe('ok')
    expect(await everything(first)).toEqual(whole)
  })

  it('warns of an operator that would undo it, and replays nothing of what that keeps', async () => {
    const store = memoryStore()
    const first = open({ topics: [...TOPICS, { name: '__strimzi_store_topic', partitions: 1, configs: {} }], groups: [] })
    const name = await backUp(first, store)
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name })
    const members: typeof deps.ports.platform.members = async (until) =>
      (await second.ports.platform.members(until)).map((member) => ({
        ...member,
        owner: known({ name: 'Strimzi', minds: 'restart', instead: '', pause: null, freeTopics: 'kubectl annotate …' }, 'labels'),
      }))
    const identity: typeof deps.ports.platform.identity = async (until) => ({ ...(await second.ports.platform.identity(until)), platform: 'kubernetes' })
    const ports = { ...deps.ports, platform: { ...second.ports.platform, members, identity } }
    const { observe } = compose({ ...second, ports }).deps
    await startRun({ ...deps, ports, observe })
    const [planned] = events.flatMap((event) => (event.type === 'step.settled' && event.step === 'check-target' ? [event.detail] : []))
    expect(planned).toMatch(/Strimzi runs these brokers: .*First: kubectl annotate …; .*the backup's cluster had __strimzi_store_topic/)
    expect(reportOf(events)?.notRestored).toEqual([{ what: 'topic __strimzi_store_topic', why: expect.stringContaining('an operator keeps for itself') }])
    expect((await second.ports.backup.topics(['__strimzi_store_topic'], signal)).topics).toEqual([])
  })

  it('deletes nothing where nobody knows what the backup lacks', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const archive = await openArchive(store, name, null, signal)
    const second = open({ topics: TOPICS })
    await produce(second, 'orders', 0, 1000, 5, 5)
    const { deps } = restoring(second, store, { name, existing: 'recreate', acceptLossy: true })
    const scenario = restoreBackup({ open: async () => ({ archives: [archive], lossy: 'it may have stopped early' }) })
    const refused = await startRun({ ...deps, scenario } as typeof deps)
    expect(refused.exit).toBe('refused')
    expect(refused.why).toContain('may not all be in the backup')
    expect((await held(second, 'orders', 0))[0]).toBe('0 to 5')
  })

  it('waits for no partition that has nothing to load', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    expect((await startRun(restoring(second, store, { name, topics: ['people'] }).deps)).exit).toBe('ok')
    const { deps } = restoring(second, store, { name })
    // Its leader has one more that its followers never get.
    const offsets: typeof deps.ports.kafka.offsets = async (of, at, until) =>
      (await second.ports.kafka.offsets(of, at, until)).map((answer) =>
        of.ask === 'local-end' && answer.topic === 'people' && answer.offset.known
          ? { ...answer, offset: { ...answer.offset, value: answer.offset.value + 1n } }
          : answer,
      )
    const ports = { ...deps.ports, kafka: { ...deps.ports.kafka, offsets } }
    expect((await startRun({ ...deps, ports })).why).toBe('recovered and verified')
  })

  it.each([
    ['while they are loaded fails, naming them', true, 'failed', /^Compare .*(orders|people)-\d begins at \d+ and not at \d+: somebody deleted/],
    ['once retention holds again says that it compared none', false, 'ok', /./],
  ] as const)('whose records are all deleted %s', async (_, loading, exit, why) => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name })
    const all = [
      { topic: 'orders', partition: 0 },
      { topic: 'orders', partition: 1 },
      { topic: 'orders', partition: 2 },
      { topic: 'people', partition: 0 },
    ]
    const rows = all.map((at) => ({ ...at, before: at.topic === 'people' ? 30n : 100n + 20n * BigInt(at.partition) }))
    const purge = async () => {
      await second.write.restore.deleteRecords(rows, signal)
      for (const topic of loading ? [] : ['orders', 'people'])
        await second.write.kafka.alterConfigs({ type: 'topic', name: topic }, { 'retention.ms': null }, signal)
    }
    let purged: Promise<unknown> = Promise.resolve()
    const tell: typeof deps.events = (event) => {
      if (event.type === 'step.intent' && event.step === 'compare-records') purged = purge()
      deps.events(event)
    }
    const slower = {
      ...deps.ports.backup,
      topicOverrides: async (...asked: Parameters<typeof deps.ports.backup.topicOverrides>) => {
        await purged
        return second.ports.backup.topicOverrides(...asked)
      },
    }
    const { observe } = compose({ ...second, ports: { ...second.ports, backup: slower } }).deps
    const result = await startRun({ ...deps, observe, events: tell })
    await purged
    expect(result).toMatchObject({ exit, why: expect.stringMatching(why) })
    const detail = (step: string) => events.flatMap((event) => (event.type === 'step.settled' && event.step === step ? [event.detail] : []))
    expect(detail('compare-records')).toEqual(loading ? [] : [expect.stringContaining('none could be compared')])
  })

  it('refuses a backup that says nothing of a partition which its cluster had', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const archive = await openArchive(store, name, null, signal)
    const partitions = archive.manifest.partitions.filter(({ topic, partition }) => topic !== 'orders' || partition !== 1)
    const second = open({ topics: [] })
    const { deps } = restoring(second, store, { name })
    const scenario = restoreBackup({ open: async () => ({ archives: [{ ...archive, manifest: { ...archive.manifest, partitions } }], lossy: null }) })
    expect(await startRun({ ...deps, scenario } as typeof deps)).toMatchObject({ exit: 'refused', why: expect.stringContaining('says nothing of orders-1') })
    expect((await second.ports.backup.topics(null, signal)).topics).toEqual([])
  })

  it('names where the source went on after its last record, and lets groups that stood there go on', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const archive = await openArchive(store, name, null, signal)
    const partitions = archive.manifest.partitions.map((one) => (one.topic === 'orders' && one.partition === 0 ? { ...one, end: '102' } : one))
    const metadata = async () => {
      const all = await archive.metadata(signal)
      const offsets = (one: (typeof all.groups)[number]) => one.offsets.map((at) => (at.partition === 0 ? { ...at, offset: '102' } : at))
      return { ...all, groups: all.groups.map((one) => ({ ...one, offsets: offsets(one) })) }
    }
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name })
    const archives = [{ ...archive, manifest: { ...archive.manifest, partitions }, metadata }]
    const scenario = restoreBackup({ open: async () => ({ archives, lossy: null }) })
    expect((await startRun({ ...deps, scenario } as typeof deps)).exit).toBe('ok')
    const report = reportOf(events)
    expect(report?.notRestored).toEqual([{ what: 'orders-0 100 to 102', why: expect.stringContaining('set back to 100') }])
    const [group] = await second.ports.backup.groupOffsets(['billing'], signal)
    expect(group?.offsets.map(({ offset }) => offset)).toEqual([100n, 56n, 57n])
  })

  it.each([1, 2, 3, 4, 5, 6])('loses and doubles nothing where requests and answers are lost: seed %i', async (seed) => {
    const store = memoryStore()
    const first = await source()
    const name = await backUp(first, store)
    const second = open({ topics: [] })
    const { deps } = restoring(second, store, { name, offsets: seed % 2 === 0 ? 'mapped' : 'auto' })
    const random = createRandom(seed, 'losses')
    const silent = () => new KdrError('no answer', { code: 'broker-silent' })
    const produceRaw: KafkaRestoreWriter['produceRaw'] = async (rows, until) => {
      const luck = random.between(0, 9)
      if (luck === 0) throw silent()
      const kept = luck < 3 ? rows.slice(1) : rows
      const answers = kept.length === 0 ? [] : await second.write.restore.produceRaw(kept, until)
      if (luck === 9) throw silent()
      const moved = rows.slice(0, rows.length - kept.length)
      return [...answers, ...moved.map(({ topic, partition }) => ({ topic, partition, error: 'NOT_LEADER_OR_FOLLOWER', message: null, baseOffset: -1n }))]
    }
    const write = { ...deps.write, restore: { ...second.write.restore, produceRaw } }
    expect((await startRun({ ...deps, write })).why).toBe('recovered and verified')
    const values = async (simulation: Simulation) =>
      Object.values(await everything(simulation)).map((words) => words.slice(1).map((text) => text.replace(/^\d+ /, '')))
    expect(await values(second)).toEqual(await values(first))
  })

  it('whose only copy loses its broker is told of it, and does not wait for ever', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    const { deps, events: seen } = restoring(second, store, { name, replicationFactor: 1 })
    let broken: Promise<unknown> = Promise.resolve()
    let since = Number.NaN
    const events: typeof deps.events = (event) => {
      deps.events(event)
      if (event.type !== 'step.intent' || event.step !== 'load-data') return
      since = Date.parse(event.at)
      broken = second.faults.inject('kill-broker', { broker: 2 }, signal)
    }
    const { exit, why } = await startRun({ ...deps, events })
    await broken
    const [named] = seen.flatMap((event) => (event.type === 'step.progress' && event.step === 'load-data' && event.detail.startsWith('waiting') ? [event] : []))
    expect(named?.detail).toContain('broker 2')
    expect(Date.parse(named?.at ?? '') - since).toBeLessThan(10_000)
    expect(why).toMatch(/(orders|people|empty)-\d (has no leader|has taken no batch)|which leads/)
    expect(exit).not.toBe('ok')
  })

  it.each(['refuses', 'never answers'] as const)('names a partition, and who led it, as soon as that %s', async (how) => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name })
    let since = Number.NaN
    const produceRaw: KafkaRestoreWriter['produceRaw'] = async (rows, until) => {
      const at = (row: (typeof rows)[number]) => row.topic === 'orders' && row.partition === 0
      const mine = rows.filter(at)
      const others = rows.filter((row) => !at(row))
      const answers = others.length === 0 ? [] : await second.write.restore.produceRaw(others, until)
      if (mine.length === 0) return answers
      if (Number.isNaN(since)) since = second.clock.now()
      if (how === 'never answers') {
        await second.clock.sleep(32_000, until)
        throw new KdrError('no answer', { code: 'broker-silent' })
      }
      return [
        ...answers,
        ...mine.map(({ topic, partition }) => ({ topic, partition, error: 'LEADER_NOT_AVAILABLE', message: 'nobody leads it', baseOffset: -1n })),
      ]
    }
    const result = await startRun({ ...deps, write: { ...deps.write, restore: { ...second.write.restore, produceRaw } } })
    expect(result).toMatchObject({ exit: 'failed', why: expect.stringMatching(/orders-0, which broker \d led, has taken no batch for 5 minutes/) })
    const told = events.flatMap((event) => (event.type === 'step.progress' && event.detail.startsWith('waiting for broker') ? [event] : []))
    expect(told[0]?.detail).toMatch(
      how === 'refuses'
        ? /^waiting for broker \d, which led orders-0 \(LEADER_NOT_AVAILABLE: nobody leads it\)$/
        : /^waiting for broker \d, which led orders-0.* \(no answer\)$/,
    )
    expect(Date.parse(told[0]?.at ?? '') - since).toBeLessThan(10_000)
    // Once in a while it is said again.
    expect(told.length).toBeGreaterThan(5)
    expect(told.length).toBeLessThan(60)
  })

  it.each(['resume', 'anew'] as const)(
    'killed at each journal line, then: %s',
    async (how) => {
      const store = memoryStore()
      const first = await source()
      const name = await backUp(first, store)
      const whole = open({ topics: [] })
      const { run } = await startRun(restoring(whole, store, { name }).deps)
      const wanted = await everything(first)
      const lines = whole.store.find(run).read().lines.length
      for (let line = 1; line <= lines; line += 1) {
        const killed = open({ topics: [] })
        killed.crashAfterLine(line)
        await startRun(restoring(killed, store, { name }).deps).catch(() => {})
        const second = killed.reboot()
        const [id] = second.store.list()
        const { deps } = restoring(second, store, { name })
        const over = id === undefined || second.store.find(id).read().lines.at(-1)?.includes('"run.finished"') === true
        const result =
          how === 'resume' && !over && id !== undefined ? await resumeRun({ ...deps, takeOver: id }, id) : await startRun({ ...deps, takeOver: id ?? null })
        expect(result.why, `line ${line}`).toBe('recovered and verified')
        expect(await everything(second), `line ${line}`).toEqual(wanted)
        const [group] = await second.ports.backup.groupOffsets(['billing'], signal)
        expect(
          group?.offsets.map(({ offset }) => offset),
          `line ${line}`,
        ).toEqual([55n, 56n, 57n])
      }
    },
    300_000,
  )
})
