// The ZooKeeper adapter against a real ensemble of three.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lookUp, startNode } from '../../src/adapters/process/control.ts'
import { readState } from '../../src/adapters/process/state-file.ts'
import { openZooKeeper } from '../../src/adapters/zookeeper/open-zookeeper.ts'
import { openFaults } from '../../src/lab/faults.ts'
import { findLab } from '../../src/lab/labs.ts'
import { servesZooKeeper } from '../../src/lab/probe.ts'
import type { CoordinationReader } from '../../src/ports/coordination.ts'
import { type RealLab, realLab } from '../lab/real-lab.ts'

const never = new AbortController().signal
let lab: RealLab
let servers: readonly string[]
let zk: CoordinationReader

const open = (timeout = 3000) => openZooKeeper({ servers, timeout, dial: (host, port) => connect({ host, port }) })

beforeAll(async () => {
  lab = await realLab('3.5')
  servers = findLab(lab.name, lab.home)?.zookeeper ?? []
  zk = open()
})
afterAll(async () => {
  await zk?.close()
  await lab?.down()
})

/** Hangs the server that leads, for as long as `while` lasts. */
const withHungLeader = async (act: (leader: string) => Promise<void>) => {
  const state = readState(lab.stateFile)
  const answers = await zk.word('srvr', servers, never)
  const [leader = ''] = [...answers].find(([, answer]) => answer.known && answer.value.includes('Mode: leader')) ?? []
  const node = state.nodes.find((each) => each.listeners.includes(leader))
  const running = node === undefined ? null : await lookUp(node)
  if (running === null) throw new Error('no leader runs')
  process.kill(running.pid, 'SIGSTOP')
  try {
    await act(leader)
  } finally {
    process.kill(running.pid, 'SIGCONT')
  }
}

describe('znodes', () => {
  it('reads what the brokers left', async () => {
    expect([...((await zk.children('/brokers/ids', never)) ?? [])].sort()).toEqual(['1', '2', '3'])
    expect(JSON.parse((await zk.get('/cluster/id', never))?.data.toString() ?? '')).toMatchObject({ version: '1' })
    const broker = await zk.get('/brokers/ids/1', never)
    expect(JSON.parse(broker?.data.toString() ?? '')).toMatchObject({ host: '127.0.0.1' })
    expect(broker?.czxid).toBeGreaterThan(0n)
    expect(broker?.version).toBeGreaterThanOrEqual(0)
    expect(await zk.get('/none/such', never)).toBeNull()
    expect(await zk.children('/none/such', never)).toBeNull()
    expect((await zk.get('/brokers', never))?.data.length).toBe(0)
  })

  it('gives each of ten thousand that are asked at once its own answer', async () => {
    const ids = Array.from({ length: 10_000 }, (_, at) => (at % 3) + 1)
    const all = await Promise.all(ids.map((id) => zk.get(`/brokers/ids/${id}`, never)))
    const own = await Promise.all([1, 2, 3].map((id) => zk.get(`/brokers/ids/${id}`, never)))
    expect(new Set(own.map((node) => String(node?.czxid))).size).toBe(3)
    expect(all.map((node) => node?.czxid)).toEqual(ids.map((id) => own[id - 1]?.czxid))
  })

  it('reads again after its session was closed for being idle', async () => {
    const other = open()
    expect(await other.get('/cluster/id', never)).not.toBeNull()
    await other.close()
    expect(await other.get('/cluster/id', never)).not.toBeNull()
    await other.close()
  })
})

describe('four-letter words', () => {
  it('asks every server: one leads and two follow', async () => {
    const answers = await zk.word('srvr', servers, never)
    const modes = [...answers.values()].map((answer) => (answer.known ? /^Mode: (.*)$/m.exec(answer.value)?.[1] : answer.why))
    expect(modes.sort()).toEqual(['follower', 'follower', 'leader'])
    expect([...(await zk.word('ruok', servers, never)).values()]).toMatchObject([{ value: 'imok' }, { value: 'imok' }, { value: 'imok' }])
    const mntr = [...(await zk.word('mntr', servers, never)).values()].map((answer) => (answer.known ? answer.value : ''))
    expect(mntr.join('\n')).toContain('zk_synced_followers\t2')
  })

  it('a hung server is unknown, within its deadline, and the others still answer and serve', async () => {
    await withHungLeader(async (leader) => {
      const other = open(1000)
      const before = performance.now()
      const answers = await other.word('srvr', servers, never)
      expect(performance.now() - before).toBeLessThan(3000)
      expect(answers.get(leader)).toMatchObject({ known: false, why: expect.stringContaining('no answer within') })
      expect([...answers.values()].filter((answer) => answer.known)).toHaveLength(2)
      await other.close()
      // The others elect a new leader once they have missed the old one for syncLimit.
      const patient = open(5000)
      const end = performance.now() + 60_000
      let found: unknown = null
      while (found === null && performance.now() < end) found = await patient.get('/cluster/id', never).catch(() => null)
      expect(found).not.toBeNull()
      await patient.close()
    })
  })
})

describe('without a quorum', () => {
  it('reads nothing: what one server alone remembers is no answer', async () => {
    await openFaults(lab.stateFile).inject('stop-zookeeper', {}, never)
    await expect(zk.get('/cluster/id', never)).rejects.toMatchObject({ code: 'zookeeper-unreachable' })
    const [alone] = readState(lab.stateFile).nodes.filter((node) => node.roles.includes('zookeeper'))
    if (alone === undefined) throw new Error('no ZooKeeper')
    await startNode(alone, { name: alone.name, uid: null }, never)
    const address = alone.listeners[0] ?? ''
    const end = performance.now() + 30_000
    let answer = (await zk.word('srvr', [address], never)).get(address)
    while (!answer?.known && performance.now() < end) answer = (await zk.word('srvr', [address], never)).get(address)
    expect(answer).toMatchObject({ known: true, value: expect.stringContaining('not currently serving requests') })
    expect(await servesZooKeeper(address)).toBe(false)
    await expect(zk.get('/cluster/id', never)).rejects.toMatchObject({ code: 'zookeeper-unreachable' })
  })
})
