// A restore by whoever may not do all of it: refused before anything is created, naming each right and its command.
import { describe, expect, it } from 'vitest'
import type { May } from '../../src/adapters/simulated/rights.ts'
import { startRun } from '../../src/engine/runner.ts'
import { unknown } from '../../src/model/known.ts'
import type { KafkaRestoreReader } from '../../src/ports/kafka-backup.ts'
import { memoryStore } from '../archive/memory-store.ts'
import { backUp, produce, restoring, signal, source, TOPICS } from './restores.ts'
import { compose, open } from './stage.ts'

const ACLS = [
  { resourceType: 'TOPIC', resourceName: 'orders', patternType: 'LITERAL', principal: 'User:a', host: '*', operation: 'READ', permission: 'ALLOW' },
  { resourceType: 'TOPIC', resourceName: 'orders', patternType: 'LITERAL', principal: 'User:a', host: '10.0.0.1', operation: 'READ', permission: 'DENY' },
]
const QUOTA = { entity: [{ type: 'user', name: 'a' }], values: { producer_byte_rate: 1 } }

const backedUp = async () => {
  const store = memoryStore()
  const first = await source()
  return { store, first, name: await backUp(first, store) }
}

const without =
  (...denied: readonly string[]): May =>
  (resource, name, operation) =>
    !denied.includes(`${operation} ${resource} ${name}`)

describe('a restore whose principal lacks a right', () => {
  it.each([
    ['CREATE TOPIC orders', 'CREATE CLUSTER kafka-cluster', 'Create on topic orders', '--operation Create --topic orders'],
    ['WRITE TOPIC people', '', 'Write on topic people', '--operation Write --topic people'],
    ['READ TOPIC people', '', 'Read on topic people', '--operation Read --topic people'],
    // orders-1 begins at 40: it is filled up to there, and what fills it deleted.
    ['DELETE TOPIC orders', '', 'Delete on topic orders', '--operation Delete --topic orders'],
    [
      'ALTER_CONFIGS TOPIC orders',
      'ALTER_CONFIGS TOPIC people',
      'AlterConfigs on topics orders, people',
      '--operation AlterConfigs --topic orders --topic people',
    ],
    ['READ GROUP billing', '', 'Read on group billing', '--operation Read --group billing'],
  ])('%s: is refused before anything is created', async (one, other, words, command) => {
    const { store, name } = await backedUp()
    const second = open({ topics: [], rights: { may: without(one, other) } })
    const result = await startRun(restoring(second, store, { name }).deps)
    expect(result.exit).toBe('refused')
    expect(result.why).toContain(`kdr (User:ANONYMOUS) may not do what this restore needs: ${words}`)
    expect(result.hint).toContain(`--add --allow-principal User:ANONYMOUS ${command}`)
    expect(second.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
  })

  it('is refused what the cluster as a whole does not allow: ACLs and quotas', async () => {
    const store = memoryStore()
    const first = await source()
    const whole = {
      ...first.ports.backup,
      acls: async () => ({ known: true as const, value: ACLS, by: 'a' }),
      quotas: async () => ({ known: true as const, value: [QUOTA], by: 'a' }),
    }
    const name = await backUp({ ...first, ports: { ...first.ports, backup: whole } }, store)
    const second = open({ topics: [], rights: { acls: [], may: without('ALTER CLUSTER kafka-cluster', 'ALTER_CONFIGS CLUSTER kafka-cluster') } })
    const result = await startRun(restoring(second, store, { name }).deps)
    expect(result).toMatchObject({
      exit: 'refused',
      why: expect.stringContaining('Alter, AlterConfigs on the cluster'),
      hint: expect.stringMatching(/--operation Alter --operation AlterConfigs --cluster/),
    })
  })

  it('needs no more than is left to do', async () => {
    const { store, name } = await backedUp()
    const may: May = (_, __, operation) => ['DESCRIBE', 'DESCRIBE_CONFIGS', 'READ'].includes(operation)
    const done = open({ topics: [] })
    expect((await startRun(restoring(done, store, { name }).deps)).exit).toBe('ok')
    const { deps } = restoring(done, store, { name })
    const permits: KafkaRestoreReader['permits'] = async (topics, groups) => {
      const of = (resource: string, one: string) => ({
        known: true as const,
        by: 'a',
        value: new Set(['READ', 'WRITE', 'CREATE', 'DELETE', 'DESCRIBE', 'DESCRIBE_CONFIGS'].filter((operation) => may(resource, one, operation))),
      })
      return {
        principal: null,
        cluster: of('CLUSTER', ''),
        topics: new Map(topics.map((one) => [one, of('TOPIC', one)])),
        groups: new Map(groups.map((one) => [one, of('GROUP', one)])),
      }
    }
    const ports = { ...deps.ports, backup: { ...done.ports.backup, permits } }
    expect((await startRun({ ...deps, ports })).why).toBe('recovered and verified')
  })

  it('needs Delete where topics are in the way', async () => {
    const { store, name } = await backedUp()
    const second = open({ topics: TOPICS, rights: { may: without('DELETE TOPIC people') } })
    await produce(second, 'people', 0, 1000, 5, 5)
    const result = await startRun(restoring(second, store, { name, existing: 'recreate' }).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('Delete on topic people') })
    expect(second.world.effects.filter(({ by, what }) => by === 'kdr' && what !== 'produce')).toEqual([])
  })

  it('is not refused where brokers do not say, and it is said', async () => {
    const { store, name } = await backedUp()
    const second = open({ topics: [] })
    const { deps, events } = restoring(second, store, { name })
    const mute: KafkaRestoreReader['permits'] = async (topics, groups) => {
      const why = unknown<never>('the broker does not say', 'Metadata')
      return { principal: null, cluster: why, topics: new Map(topics.map((one) => [one, why])), groups: new Map(groups.map((one) => [one, why])) }
    }
    const result = await startRun({ ...deps, ports: { ...deps.ports, backup: { ...second.ports.backup, permits: mute } } })
    expect(result.why).toBe('recovered and verified')
    const [said] = events.flatMap((event) => (event.type === 'step.settled' && event.step === 'check-permissions' ? [event.detail] : []))
    expect(said).toMatch(/^whether kdr has .* on topic.* was not seen/)
  })

  it('is refused topics that the cluster would not make, and those that are there and not shown', async () => {
    const { store, name } = await backedUp()
    const refusing = async (words: string) => {
      const second = open({ topics: [] })
      const { deps } = restoring(second, store, { name })
      const judgeTopics: KafkaRestoreReader['judgeTopics'] = async () => new Map([['people', words]])
      const result = await startRun({ ...deps, ports: { ...deps.ports, backup: { ...second.ports.backup, judgeTopics } } })
      expect(second.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
      return result
    }
    expect(await refusing('POLICY_VIOLATION: no such topics here')).toMatchObject({
      exit: 'refused',
      why: 'the cluster would not make topic people: POLICY_VIOLATION: no such topics here',
    })
    expect(await refusing('TOPIC_ALREADY_EXISTS')).toMatchObject({ exit: 'refused', why: expect.stringContaining('was not shown') })
    expect(await refusing('TOPIC_AUTHORIZATION_FAILED')).toMatchObject({ exit: 'refused', why: expect.stringContaining('Create on topic people') })
  })

  it('loads nothing where groups could not be seen that it is to restore', async () => {
    const { store, name } = await backedUp()
    const second = open({ topics: [] })
    const { deps } = restoring(second, store, { name })
    const backup = { ...second.ports.backup, groupOffsets: async () => Promise.reject(new Error('groups may be hidden')) }
    const ports = { ...deps.ports, backup }
    const { observe } = compose({ ...second, ports }).deps
    const result = await startRun({ ...deps, ports, observe })
    expect(result).toMatchObject({ exit: 'unknown', why: expect.stringContaining('groups may be hidden'), hint: expect.stringContaining('--no-groups') })
    expect((await second.ports.backup.topics(null, signal)).topics).toEqual([])
    const without_ = restoring(second, store, { name, groups: false })
    expect((await startRun({ ...without_.deps, ports, observe })).exit).toBe('ok')
  })
})
