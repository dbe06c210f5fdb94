// What a restore does where something could not be seen: it never takes that for absent, for compared or for done.
import { describe, expect, it } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { startRun } from '../../src/engine/runner.ts'
import { unknown } from '../../src/model/known.ts'
import type { KafkaRestoreReader } from '../../src/ports/kafka-backup.ts'
import { memoryStore } from '../archive/memory-store.ts'
import { backUp, everything, reportOf, restoring, signal, source, TOPICS } from './restores.ts'
import { compose, open } from './stage.ts'

/** Fetches of orders-0 end in this error, once `begun` says so. */
const failing = (simulation: Simulation, error: string, begun = () => true): KafkaRestoreReader => ({
  ...simulation.ports.backup,
  fetchRaw: async (at, offset, options, until) => {
    const fetched = await simulation.ports.backup.fetchRaw(at, offset, options, until)
    if (at.topic !== 'orders' || at.partition !== 0 || !begun()) return fetched
    fetched.release()
    return { ...fetched, error, batches: Buffer.alloc(0), release: () => {} }
  },
})

describe('a restore that cannot see', () => {
  it('what is in a topic deletes nothing of it, whatever is said of topics that are there', async () => {
    const store = memoryStore()
    const first = await source()
    const name = await backUp(first, store)
    const before = await everything(first)
    const { deps } = restoring(first, store, { name, existing: 'recreate' })
    const ports = { ...deps.ports, backup: failing(first, 'KAFKA_STORAGE_ERROR') }
    const result = await startRun({ ...deps, ports })
    expect(result).toMatchObject({ exit: 'unknown', why: expect.stringContaining('orders-0: what is at offset 99 could not be read: KAFKA_STORAGE_ERROR') })
    expect(await everything(first)).toEqual(before)
  })

  it('a record of the cluster does not say that it compared it', async () => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name })
    const begun = () => events.some((event) => event.type === 'step.intent' && event.step === 'compare-records')
    const ports = { ...deps.ports, backup: failing(second, 'KAFKA_STORAGE_ERROR', begun) }
    const result = await startRun({ ...deps, ports })
    expect(result).toMatchObject({ exit: 'unknown', why: expect.stringContaining('KAFKA_STORAGE_ERROR') })
    expect(result.hint).toContain('run the same command again')
  })

  it('takes nothing for absent that did not come', async () => {
    const store = memoryStore()
    const first = await source()
    const name = await backUp(first, store)
    const { deps } = restoring(first, store, { name, existing: 'recreate' })
    const nothing: KafkaRestoreReader['fetchRaw'] = async (at, offset, options, until) => {
      const fetched = await first.ports.backup.fetchRaw(at, offset, options, until)
      fetched.release()
      return { ...fetched, batches: Buffer.alloc(0), release: () => {} }
    }
    const ports = { ...deps.ports, backup: { ...first.ports.backup, fetchRaw: nothing } }
    expect(await startRun({ ...deps, ports })).toMatchObject({ exit: 'unknown', why: expect.stringContaining('nothing came') })
  })

  it.each(['extents', 'settings'] as const)('%s does not compare, and says what it did not see', async (what) => {
    const store = memoryStore()
    const name = await backUp(await source(), store)
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name })
    const blind = () => events.some((event) => event.type === 'step.intent' && event.step === 'compare-records')
    const { kafka, backup } = second.ports
    const seeing = {
      ...deps.ports,
      kafka: {
        ...kafka,
        offsets: async (...asked: Parameters<typeof kafka.offsets>) =>
          (await kafka.offsets(...asked)).map((row) =>
            what === 'extents' && row.topic === 'orders' && blind() ? { ...row, offset: unknown<bigint>('no answer', 'ListOffsets') } : row,
          ),
      },
      backup: {
        ...backup,
        topicOverrides: async (...asked: Parameters<typeof backup.topicOverrides>) =>
          new Map(
            [...(await backup.topicOverrides(...asked))].map(([topic, own]) => [
              topic,
              what === 'settings' && topic === 'orders' && blind() ? unknown<never>('no answer', 'DescribeConfigs') : own,
            ]),
          ),
      },
    }
    const { observe } = compose({ ...second, ports: seeing }).deps
    const result = await startRun({ ...deps, ports: seeing, observe })
    expect(result).toMatchObject({ exit: 'unknown', why: expect.stringMatching(/orders-0, .* was not seen: nothing is compared/) })
    expect(second.clock.monotonic()).toBeLessThan(3_600_000)
  })

  it.each([
    { who: 'the first broker', says: 'nothing', authorizer: false, created: 0 },
    { who: 'every broker', says: 'no such setting', authorizer: true, created: 1 },
  ])('whether there is an authorizer, as $who says $says of it, asks on and takes none for granted', async ({ who, authorizer, created }) => {
    const acl = {
      resourceType: 'TOPIC',
      resourceName: 'orders',
      patternType: 'LITERAL',
      principal: 'User:a',
      host: '*',
      operation: 'READ',
      permission: 'ALLOW',
    }
    const store = memoryStore()
    const name = await backUp(open({ topics: TOPICS, groups: [], rights: { acls: [acl] } }), store)
    const second = open({ topics: [], rights: { acls: authorizer ? [] : null } })
    const { deps, events } = restoring(second, store, { name })
    const { kafka } = second.ports
    const configs: typeof kafka.configs = async (type, names, keys, until) => {
      const hidden = keys.filter((key) => who !== 'every broker' || key !== 'authorizer.class.name')
      const answers = [...(await kafka.configs(type, names, hidden, until))]
      return new Map(
        answers.map(([broker, said]) => [
          broker,
          type === 'broker' && broker === '1' && who !== 'every broker' ? unknown<never>('no answer', 'DescribeConfigs') : said,
        ]),
      )
    }
    const ports = { ...deps.ports, kafka: { ...kafka, configs } }
    const { observe } = compose({ ...second, ports }).deps
    expect((await startRun({ ...deps, ports, observe })).exit).toBe('ok')
    const acls = await second.ports.backup.acls(signal)
    expect(acls.known && acls.value.length).toBe(created)
    expect(reportOf(events)?.notRestored).toEqual(created === 1 ? [] : [{ what: '1 ACL', why: 'this cluster has no authorizer' }])
  })
})
