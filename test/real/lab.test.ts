// Labs of real Kafka: up, every fault, and down without a trace.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openProcess } from '../../src/adapters/process/open-process.ts'
import { processTable } from '../../src/adapters/process/process-table.ts'
import { readState, writeState } from '../../src/adapters/process/state-file.ts'
import { openZooKeeper } from '../../src/adapters/zookeeper/open-zookeeper.ts'
import { belongsTo, labDown } from '../../src/lab/down.ts'
import { openFaults } from '../../src/lab/faults.ts'
import { jarsOf } from '../../src/lab/jars.ts'
import { findLab, labStatus, listLabs } from '../../src/lab/labs.ts'
import { labUp } from '../../src/lab/up.ts'
import { RELEASES } from '../../src/lab/versions.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import type { Member } from '../../src/model/member.ts'
import { CACHE, labPlace, type RealLab, realLab } from '../lab/real-lab.ts'

const never = new AbortController().signal

const processesOf = async (folder: string) => (await processTable()).filter((row) => belongsTo(row, folder))
const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

const expectNothingLeft = async ({ folder, home }: RealLab, ports: readonly number[]) => {
  expect(await processesOf(folder)).toEqual([])
  expect(existsSync(home) ? readdirSync(home) : []).toEqual([])
  for (const port of ports) expect(await listens(port)).toBe(false)
}

const memberAt = async (lab: RealLab, name: string): Promise<Member> => {
  const found = (await openProcess(lab.stateFile).members(never)).find((member) => member.name === name)
  if (found === undefined) throw new Error(`no member ${name}`)
  return found
}
const uidOf = (member: Member): string | null => (member.uid.known ? member.uid.value : null)
const startAgain = async (lab: RealLab, name: string) => {
  await openProcess(lab.stateFile).start({ name, uid: null }, never)
  return memberAt(lab, name)
}
/** A command typed with & returns before its node runs, and so before its new log begins. */
const untilRunning = async (lab: RealLab, name: string, before: string | null) => {
  for (let tries = 0; ; tries += 1) {
    const member = await memberAt(lab, name)
    if (member.state.known && member.state.value === 'running' && uidOf(member) !== before) return member
    if (tries > 300) throw new Error(`${name} never ran`)
    await sleep(100)
  }
}
const untilLogged = async (lab: RealLab, name: string, words: string) => {
  const log = join(lab.folder, name, 'out.log')
  for (let tries = 0; !readFileSync(log, 'utf8').includes(words); tries += 1) {
    if (tries > 600) throw new Error(`${name} never logged ${words}`)
    await sleep(100)
  }
}
/** ZooKeeper: the dead broker's session has to expire first, or the next start exits with NODEEXISTS. KRaft's brokers wait by themselves. */
const untilExpired = async (lab: RealLab, id: number) => {
  const servers = findLab(lab.name, lab.home)?.zookeeper ?? []
  if (servers.length === 0) return
  const zk = openZooKeeper({ servers, timeout: 3000, dial: (host, port) => connect({ host, port }) })
  for (let tries = 0; (await zk.get(`/brokers/ids/${id}`, never)) !== null; tries += 1) {
    if (tries > 300) throw new Error(`broker ${id} is still registered`)
    await sleep(100)
  }
  await zk.close()
}
const STARTED = { zookeeper: '] started (kafka.server.KafkaServer)', kraft: 'Kafka Server started' }

/** Local addresses of every listening socket on `ports`, as /proc/net/tcp and tcp6 have them. */
const listeners = (ports: readonly number[]): readonly string[] =>
  ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && ports.includes(Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)))
      .map((fields) => fields[1]?.split(':')[0] ?? ''),
  )

describe.each<LabVersion>(['3.5', '4'])('a lab of Kafka %s', (kafka) => {
  let lab: RealLab
  const { mode, version } = RELEASES[kafka]
  const quorum = mode === 'zookeeper' ? (['zk', 'zookeeper', 1] as const) : (['ctl', 'controller', 101] as const)

  beforeAll(async () => {
    lab = await realLab(kafka)
  })
  afterAll(() => lab.down())

  it('is up: three brokers, three of the quorum, all running', async () => {
    const status = await labStatus(lab.name, lab.home)
    expect(status).toMatchObject({ schema: 'kdr/lab/1', name: lab.name, platform: 'process', kafka: version, complete: true })
    const ports = readState(lab.stateFile).ports
    const expected = [1, 2, 3].flatMap((at) => [
      { name: `${quorum[0]}${at}`, role: quorum[1], id: quorum[2] + at - 1, state: 'running' },
      { name: `kafka${at}`, role: 'broker', id: at, state: 'running' },
    ])
    expect(status.members.map(({ name, role, id, state }) => ({ name, role, id, state }))).toEqual(expect.arrayContaining(expected))
    expect(status.members).toHaveLength(6)
    for (const { pid, address } of status.members) {
      expect(pid).toBeGreaterThan(0)
      expect(ports).toContain(Number(address.split(':')[1]))
    }
    expect(listLabs(lab.home)).toEqual([lab.name])
    expect(findLab(lab.name, lab.home)?.zookeeper).toHaveLength(mode === 'zookeeper' ? 3 : 0)
  })

  it('listens on loopback only', () => {
    const found = listeners(readState(lab.stateFile).ports)
    expect(found.length).toBeGreaterThanOrEqual(6)
    // 127.0.0.1 in the kernel's byte order, plain and as an IPv6 address.
    for (const address of found) expect(['0100007F', '0000000000000000FFFF00000100007F']).toContain(address)
  })

  it('observes ids, disks and start times', async () => {
    const member = await memberAt(lab, 'kafka2')
    expect(member.id).toMatchObject({ known: true, value: 2, by: expect.stringContaining('meta.properties') })
    expect(member.volumes).toMatchObject([{ state: { value: 'intact' }, usableBytes: { known: true } }])
    const other = await memberAt(lab, 'kafka1')
    expect(other.volumes[0]?.clusterId).toMatchObject({ known: true, value: member.volumes[0]?.clusterId.known ? member.volumes[0].clusterId.value : '' })
  })

  it('is returned as it is when brought up again, and refused for another version', async () => {
    const before = await labStatus(lab.name, lab.home)
    expect(await labUp(lab.options)).toEqual(before)
    const other = kafka === '4' ? '3.5' : '4'
    await expect(labUp({ ...lab.options, kafka: other })).rejects.toMatchObject({ code: 'lab-exists', exit: 'usage' })
    expect(await labStatus(lab.name, lab.home)).toEqual(before)
  })

  it('creates no topic by accident, and its tools work as printed', () => {
    const { commands } = openProcess(lab.stateFile)
    const sh = (command: string) => spawnSync('sh', ['-c', command], { encoding: 'utf8' })
    expect(sh(commands.kafka('kafka-topics', ['--create', '--topic', 'orders', '--partitions', '2']))).toMatchObject({ status: 0 })
    expect(sh(commands.kafka('kafka-topics', ['--list'])).stdout.trim()).toBe('orders')
    expect(sh(commands.kafka('kafka-configs', ['--entity-type', 'topics', '--entity-name', 'orders', '--describe']))).toMatchObject({ status: 0 })
    const asked =
      mode === 'kraft' ? commands.kafka('kafka-metadata-quorum', ['describe', '--status']) : commands.kafka('zookeeper-shell', ['get', '/brokers/ids/1'])
    expect(sh(asked).stdout).toMatch(mode === 'kraft' ? /LeaderId:\s+10\d/ : /"port":\d+/)
    expect(sh(commands.list()).stdout.match(/node\.properties/g)).toHaveLength(6)
  })

  it('kill-broker: SIGKILL, the highest id that runs when none is named', async () => {
    const before = uidOf(await memberAt(lab, 'kafka3'))
    expect(await openFaults(lab.stateFile).inject('kill-broker', {}, never)).toEqual(['kafka3'])
    const dead = await memberAt(lab, 'kafka3')
    expect(dead).toMatchObject({ state: { value: 'stopped' }, uid: { value: null }, lastExit: { value: { code: 137, signal: 'SIGKILL' } }, id: { value: 3 } })
    const platform = openProcess(lab.stateFile)
    await expect(platform.start({ name: 'kafka3', uid: before }, never)).rejects.toMatchObject({ code: 'member-changed' })
    await untilExpired(lab, 3)
    const again = await startAgain(lab, 'kafka3')
    expect(uidOf(again)).not.toBe(before)
    await untilLogged(lab, 'kafka3', STARTED[mode])
    expect((await platform.logs('kafka3', { tail: 50, previous: true }, never)).join('\n')).not.toBe('')
    await expect(platform.start({ name: 'kafka3', uid: null }, never)).rejects.toMatchObject({ code: 'member-changed' })
  })

  it('hang-broker: SIGSTOP, and stopping it does not wait for what cannot answer', async () => {
    expect(await openFaults(lab.stateFile).inject('hang-broker', { broker: 2 }, never)).toEqual(['kafka2'])
    await sleep(100)
    const hung = await memberAt(lab, 'kafka2')
    expect(hung.state).toMatchObject({ value: 'paused' })
    await expect(openFaults(lab.stateFile).inject('hang-broker', { broker: 2 }, never)).rejects.toMatchObject({ code: 'nothing-to-break', exit: 'usage' })
    const before = performance.now()
    await openProcess(lab.stateFile).stop({ name: 'kafka2', uid: uidOf(hung) }, { grace: 60_000 }, never)
    expect(performance.now() - before).toBeLessThan(10_000)
    expect((await memberAt(lab, 'kafka2')).state).toMatchObject({ value: 'stopped' })
  })

  it('wipe-broker: its disk is blank, its id then comes from its file, and it starts again', async () => {
    expect(await openFaults(lab.stateFile).inject('wipe-broker', { broker: 2 }, never)).toEqual(['kafka2'])
    const blank = await memberAt(lab, 'kafka2')
    expect(blank.volumes).toMatchObject([{ state: { value: 'blank' }, clusterId: { value: null } }])
    expect(blank.id).toMatchObject({ value: 2, by: expect.stringContaining('as the data directory is blank') })
    await untilExpired(lab, 2)
    await startAgain(lab, 'kafka2')
    await untilLogged(lab, 'kafka2', STARTED[mode])
    const [own, other] = [await memberAt(lab, 'kafka2'), await memberAt(lab, 'kafka1')]
    expect(own.volumes[0]?.state).toMatchObject({ value: 'intact' })
    expect(own.volumes[0]?.clusterId.known && own.volumes[0].clusterId.value).toBe(other.volumes[0]?.clusterId.known && other.volumes[0].clusterId.value)
  })

  it('stop-broker: a controlled shutdown', async () => {
    expect(await openFaults(lab.stateFile).inject('stop-broker', { broker: 3 }, never)).toEqual(['kafka3'])
    const stopped = await memberAt(lab, 'kafka3')
    expect(stopped.lastExit).toMatchObject({ value: { code: 143, signal: 'SIGTERM' } })
    expect(readFileSync(join(lab.folder, 'kafka3', 'out.log'), 'utf8')).toMatch(/shut down completed|App info kafka.server for 3 unregistered/)
  })

  it('stop and start, as an operator would type them', async () => {
    const { commands } = openProcess(lab.stateFile)
    expect(spawnSync('sh', ['-c', commands.start('kafka3')])).toMatchObject({ status: 0 })
    const first = await untilRunning(lab, 'kafka3', null)
    await untilLogged(lab, 'kafka3', STARTED[mode])
    spawnSync('sh', ['-c', commands.stop('kafka3', 60_000)])
    expect((await memberAt(lab, 'kafka3')).lastExit).toMatchObject({ value: { signal: 'SIGTERM' } })
    spawnSync('sh', ['-c', commands.restart('kafka3', 60_000)])
    await untilRunning(lab, 'kafka3', uidOf(first))
    await untilLogged(lab, 'kafka3', STARTED[mode])
  })

  it('kill-two: the named one and the highest other', async () => {
    expect(await openFaults(lab.stateFile).inject('kill-two', { broker: 1 }, never)).toEqual(['kafka1', 'kafka3'])
    for (const name of ['kafka1', 'kafka3']) expect((await memberAt(lab, name)).state).toMatchObject({ value: 'stopped' })
    await expect(openFaults(lab.stateFile).inject('kill-two', {}, never)).rejects.toMatchObject({ code: 'nothing-to-break', exit: 'usage' })
    await expect(openFaults(lab.stateFile).inject('kill-broker', { broker: 9 }, never)).rejects.toMatchObject({ code: 'no-such-broker', exit: 'usage' })
    const up = await labUp(lab.options)
    expect(up.members.filter((member) => member.state === 'stopped').map(({ name, pid }) => [name, pid])).toEqual([
      ['kafka1', null],
      ['kafka3', null],
    ])
  })

  it('stops all of the quorum it has, and refuses the one it has not', async () => {
    const [right, wrong] = mode === 'zookeeper' ? (['stop-zookeeper', 'stop-controllers'] as const) : (['stop-controllers', 'stop-zookeeper'] as const)
    await expect(openFaults(lab.stateFile).inject(wrong, {}, never)).rejects.toMatchObject({ code: 'no-such-role', exit: 'usage' })
    expect(await openFaults(lab.stateFile).inject(right, {}, never)).toEqual([1, 2, 3].map((at) => `${quorum[0]}${at}`))
    const members = (await labStatus(lab.name, lab.home)).members.filter((member) => member.role === quorum[1])
    expect(members.map((member) => member.state)).toEqual(['stopped', 'stopped', 'stopped'])
  })

  it('goes down and leaves nothing behind, damaged as it is', async () => {
    const { ports } = readState(lab.stateFile)
    await openFaults(lab.stateFile).inject('hang-broker', { broker: 2 }, never)
    if (mode === 'kraft') writeFileSync(lab.stateFile, '{"half":')
    expect(await processesOf(lab.folder)).not.toEqual([])
    await labDown(lab.name, lab.home)
    await expectNothingLeft(lab, ports)
    await expect(labDown(lab.name, lab.home)).rejects.toMatchObject({ code: 'lab-not-found', exit: 'usage' })
    await expect(labStatus(lab.name, lab.home)).rejects.toMatchObject({ code: 'lab-not-found' })
  })
})

describe('a start that fails', () => {
  it('names the node and the end of its log, and leaves nothing behind', async () => {
    const kafkaHome = join(CACHE, '..', `kdr-test-broken-kafka-${process.pid}`)
    mkdirSync(join(kafkaHome, 'libs'), { recursive: true })
    writeFileSync(join(kafkaHome, 'libs', 'kafka-clients-3.5.1.jar'), 'not a jar')
    const lab = labPlace('3.5', { kafkaHome })
    try {
      await expect(labUp(lab.options)).rejects.toMatchObject({
        code: 'start-failed',
        message: expect.stringMatching(/zk\d[\s\S]*Could not find or load main class org.apache.zookeeper/),
      })
      await expectNothingLeft(lab, [])
    } finally {
      rmSync(kafkaHome, { recursive: true })
      await lab.down()
    }
  })

  it('refuses a KAFKA_HOME of another version before anything is started', async () => {
    const kafkaHome = join(CACHE, '..', `kdr-test-other-kafka-${process.pid}`)
    mkdirSync(join(kafkaHome, 'libs'), { recursive: true })
    writeFileSync(join(kafkaHome, 'libs', 'kafka-clients-3.9.1.jar'), '')
    const lab = labPlace('3.5', { kafkaHome })
    try {
      await expect(labUp(lab.options)).rejects.toMatchObject({ code: 'kafka-home-unfit', exit: 'usage', message: expect.stringContaining('3.9.1') })
      await expectNothingLeft(lab, [])
    } finally {
      rmSync(kafkaHome, { recursive: true })
      await lab.down()
    }
  })

  it.each([/^starting zk1/, /^starting kafka1/])('interrupted at %s, it is undone', async (line) => {
    const abort = new AbortController()
    let ports: readonly number[] = []
    const place = labPlace('3.5', {
      signal: abort.signal,
      progress: (words) => {
        if (!line.test(words)) return
        ports = readState(place.stateFile).ports
        setTimeout(() => abort.abort(new Error('Ctrl-C')), 500)
      },
    })
    try {
      await expect(labUp(place.options)).rejects.toThrow('Ctrl-C')
      expect(ports).not.toEqual([])
      await expectNothingLeft(place, ports)
    } finally {
      await place.down()
    }
  })

  it('killed on its way up, it is busy while that kdr lives and made anew when it does not', async () => {
    const lab = labPlace('3.9', { kafka: '3.9', controllers: 'combined' })
    try {
      const first = await labUp(lab.options)
      const state = readState(lab.stateFile)
      const own = (await processTable()).find((row) => row.pid === process.pid)
      writeState(lab.stateFile, { ...state, settingUp: { pid: process.pid, start: own?.start ?? '' } })
      await expect(labUp(lab.options)).rejects.toMatchObject({ code: 'lab-busy', exit: 'locked' })
      writeState(lab.stateFile, { ...state, settingUp: { pid: process.pid, start: 'of another process' } })
      const second = await labUp(lab.options)
      expect(second.complete).toBe(true)
      expect(second.members.map((member) => member.role)).toEqual(['broker', 'broker', 'broker'])
      for (const [at, member] of second.members.entries()) expect(member.pid).not.toBe(first.members[at]?.pid)
      await expect(openFaults(lab.stateFile).inject('stop-controllers', {}, never)).rejects.toMatchObject({ code: 'no-such-role' })
      // The first one's may be another lab's by now.
      const { ports } = readState(lab.stateFile)
      await labDown(lab.name, lab.home)
      await expectNothingLeft(lab, ports)
    } finally {
      await lab.down()
    }
  })
})

describe('the cache of jars', () => {
  it('is filled once by two at the same time, survives an interruption, and is mended when a jar is gone', async () => {
    const place = labPlace('3.5')
    const cache = join(place.home, 'cache')
    const release = RELEASES['3.5']
    const lines: string[] = []
    const fetching = { progress: (line: string) => lines.push(line), signal: never }
    try {
      const abort = new AbortController()
      const interrupted = jarsOf(release, cache, null, { progress: () => setTimeout(() => abort.abort(new Error('Ctrl-C')), 300), signal: abort.signal })
      await expect(interrupted).rejects.toThrow('Ctrl-C')
      expect(readdirSync(join(cache, 'kafka'))).toEqual([])
      const folders = await Promise.all([jarsOf(release, cache, null, fetching), jarsOf(release, cache, null, fetching)])
      expect(new Set(folders)).toEqual(new Set([join(cache, 'kafka', '3.5.2')]))
      expect(readdirSync(join(cache, 'kafka'))).toEqual(['3.5.2'])
      const jar = join(folders[0], 'kafka_2.13-3.5.2.jar')
      expect(existsSync(jar)).toBe(true)
      expect(lines[0]).toMatch(/^Kafka 3\.5\.2: fetching/)
      expect(lines.at(-1)).toMatch(/^Kafka 3\.5\.2: \d\d+ jars in the cache$/)
      rmSync(jar)
      await jarsOf(release, cache, null, fetching)
      expect(existsSync(jar)).toBe(true)
      lines.length = 0
      await jarsOf(release, cache, null, fetching)
      expect(lines).toEqual([])
    } finally {
      await place.down()
    }
  })
})
