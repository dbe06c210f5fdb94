// Raw batches in the simulated cluster while brokers are down: what the real adapter would meet on a bad night.
import { describe, expect, it } from 'vitest'
import { createSimulation } from '../../../src/adapters/simulated/open.ts'
import { walkBatches } from '../../../src/model/batches/batch.ts'
import { patchForProduce } from '../../../src/model/batches/patch.ts'
import { decodeRecords, encodeBatches } from '../../../src/model/batches/records.ts'

const never = new AbortController().signal
const AT = { topic: 'orders', partition: 0 }

const stand = async (mode: 'zookeeper' | 'kraft') => {
  const simulation = createSimulation({ seed: 7, mode })
  const { backup, clock } = simulation.ports
  const { restore } = simulation.write
  const producer = await restore.producer(never)
  const send = (text: string, sequence: number) => {
    const record = { offset: 0n, timestamp: clock.now() - 1000, key: null, value: Buffer.from(text), headers: [] }
    const batch = encodeBatches([record], { codec: 0, maxBytes: 1024 })[0]?.batch ?? Buffer.alloc(0)
    patchForProduce(batch, producer, sequence)
    return restore.produceRaw([{ ...AT, batch }], never).then(([row]) => row)
  }
  const read = async () => {
    const { batches } = await backup.fetchRaw(AT, 0n, { maxBytes: 1 << 20, rack: null }, never)
    return [...walkBatches(batches)].flatMap((batch) => decodeRecords(batch)).map(({ value }) => `${value}`)
  }
  const leader = () => simulation.world.partitions().find(({ topic, index }) => topic.name === AT.topic && index === AT.partition)?.leader ?? -1
  return { simulation, send, read, leader, clock }
}

describe.each(['zookeeper', 'kraft'] as const)('raw batches of a simulated %s cluster', (mode) => {
  it('are refused by a dead leader, read from the next one, and a repeat is still known there', async () => {
    const { simulation, send, read, leader, clock } = await stand(mode)
    expect(await send('a', 0)).toMatchObject({ error: null, baseOffset: 0n })
    await simulation.faults.inject('kill-broker', { broker: leader() }, never)
    await expect(send('b', 1)).rejects.toMatchObject({ code: 'broker-refused' })
    expect(await read()).toEqual(['a'])
    await clock.sleep(10_000)
    expect(await send('a', 0)).toMatchObject({ error: null, baseOffset: 0n })
    expect(await send('b', 1)).toMatchObject({ error: null, baseOffset: 1n })
    expect(await read()).toEqual(['a', 'b'])
    expect(simulation.world.lost()).toEqual([])
  })

  it('cannot be had of a partition without a leader, and none is stored', async () => {
    const { simulation, send, read } = await stand(mode)
    for (const broker of [1, 2, 3]) await simulation.faults.inject('kill-broker', { broker }, never)
    await simulation.clock.sleep(10_000)
    await expect(read()).rejects.toMatchObject({ code: 'no-leader' })
    // Without a controller nobody says that the leader is gone.
    if (mode === 'zookeeper') await expect(send('a', 0)).rejects.toMatchObject({ code: 'broker-refused' })
    else expect(await send('a', 0)).toMatchObject({ error: 'LEADER_NOT_AVAILABLE' })
  })

  it('shows what was set on it, and what its groups committed', async () => {
    const offsets = [{ ...AT, offset: 3n, leaderEpoch: -1, metadata: 'kept' }]
    const acl = {
      resourceType: 'TOPIC',
      resourceName: 'orders',
      patternType: 'LITERAL',
      principal: 'User:a',
      host: '*',
      operation: 'READ',
      permission: 'ALLOW',
    }
    const rights = { acls: [acl], users: [{ user: 'a', mechanisms: [{ mechanism: 'SCRAM-SHA-512', iterations: 4096 }] }] }
    const { ports } = createSimulation({ seed: 7, mode, rights, groups: [{ group: 'g', state: 'Stable', protocolType: 'consumer', offsets }] })
    expect(await ports.backup.acls(never)).toMatchObject({ known: true, value: [acl] })
    expect(await ports.backup.scramUsers(never)).toMatchObject({ known: true, value: rights.users })
    expect(await ports.backup.groupOffsets(null, never)).toEqual([{ group: 'g', state: 'Stable', protocolType: 'consumer', offsets }])
    expect(await ports.kafka.groups(never)).toEqual([{ id: 'g', state: 'Stable' }])
  })
})
