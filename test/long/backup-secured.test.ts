// A backup and a restore by whoever has to log in, over TLS or not, again and again while they last; and read from
// followers nearby: on brokers that want logins, and stand in racks.
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import { openProcess } from '../../src/adapters/process/open-process.ts'
import { readState } from '../../src/adapters/process/state-file.ts'
import { walkBatches } from '../../src/model/batches/batch.ts'
import { bringUp, type Ready, takeDown, until } from '../real/harness.ts'
import { type Producing, producing } from '../real/producing.ts'

const NAME = 'secured'
const PASSWORD = 'open-s3same'
/** Shorter than a backup here takes: every connection has to log in again. */
const SESSION = 4000
const BROKERS = [1, 2, 3] as const
const TLS = ['plain', 'scram-sha-512'] as const

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })

let lab: Ready
let made: Producing
let folder: string
let config: string
const soon = (length = 30_000) => AbortSignal.timeout(length)

/** An authority, a certificate that it signed, and an authority that did not. */
const certificates = (): void => {
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  for (const name of ['ca', 'other'])
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`)
  writeFileSync(path.join(folder, 'san'), 'subjectAltName=IP:127.0.0.1\n')
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=kafka', '-keyout', 'broker.key', '-out', 'broker.csr')
  openssl('x509', '-req', '-in', 'broker.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'san', '-out', 'broker.crt')
  writeFileSync(path.join(folder, 'broker.pem'), ['broker.key', 'broker.crt'].map((file) => readFileSync(path.join(folder, file), 'utf8')).join(''))
}

const secure = (file: string, id: number, tls: number, open: number): void => {
  const more = `SASL_SSL://127.0.0.1:${tls},SASL_PLAINTEXT://127.0.0.1:${open}`
  const listening = readFileSync(file, 'utf8')
    .replace(/^(listeners|advertised\.listeners)=(.*)$/gm, `$1=$2,${more}`)
    .replace('=PLAINTEXT:PLAINTEXT,', '=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,')
  writeFileSync(file, listening)
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_kdr="${PASSWORD}";`
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const logins = ['sasl_ssl', 'sasl_plaintext'].flatMap((listener) =>
    Object.entries({ plain, 'scram-sha-256': scram, 'scram-sha-512': scram }).map(([how, jaas]) => `listener.name.${listener}.${how}.sasl.jaas.config=${jaas}`),
  )
  appendFileSync(
    file,
    [
      ...logins,
      'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      `connections.max.reauth.ms=${SESSION}`,
      'ssl.keystore.type=PEM',
      `ssl.keystore.location=${path.join(folder, 'broker.pem')}`,
      `broker.rack=rack-${id}`,
      'replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector',
      '',
    ].join('\n'),
  )
}

/** Brokers begin again with it. */
const secureAll = async (tls: readonly number[], open: readonly number[]): Promise<void> => {
  const { platform } = lab.truth
  const uids = await lab.truth.uids()
  const { nodes } = readState(path.join(lab.here.home, 'kdr', 'labs', NAME, 'lab.json'))
  const names = BROKERS.map((id) => `kafka${id}`)
  await Promise.all(names.map((name) => platform.stop({ name, uid: uids[name] ?? '' }, { grace: 20_000 }, soon(60_000))))
  for (const [at, id] of BROKERS.entries()) secure(nodes.find(({ name }) => name === names[at])?.file ?? '', id, tls[at] ?? 0, open[at] ?? 0)
  await Promise.all(names.map((name) => platform.start({ name, uid: null }, soon(120_000))))
  await until('three brokers answer', async () => (await lab.truth.kafka.topics([], soon())).brokers.length === 3)
  await until('all are in sync', async () => (await lab.truth.rows()).every(({ isr }) => isr.length === 3))
}

/** Kafka takes one of a user's secrets at a time. */
const user = (): void => {
  const { tools } = readState(path.join(lab.here.home, 'kdr', 'labs', NAME, 'lab.json'))
  for (const how of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    const secret = `${how}=[iterations=4096,password=${PASSWORD}]`
    const args = ['--bootstrap-server', lab.truth.endpoints[0] ?? '', '--alter', '--entity-type', 'users', '--entity-name', 'kdr', '--add-config', secret]
    const { status, stderr } = spawnSync(path.join(tools, 'kafka-configs'), args, { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
  }
}

beforeAll(async () => {
  lab = await bringUp(NAME, '4')
  folder = path.join(lab.here.home, 'secrets')
  mkdirSync(folder)
  certificates()
  const [tls, open] = await Promise.all([0, 1].map(() => Promise.all(BROKERS.map(freePort))))
  await secureAll(tls ?? [], open ?? [])
  user()
  made = await producing(lab.truth.kafka)
  await made.topic('orders', { 'min.insync.replicas': '2' })
  await made.bulk('orders', 3_000_000)
  config = path.join(lab.here.home, 'secured.yaml')
  for (const [file, secret] of Object.entries({ right: PASSWORD, wrong: 'guessed' })) writeFileSync(path.join(folder, file), secret)
  const cluster = (mechanism: string, ports: readonly number[], more: { ca?: string; password?: string } = {}): string =>
    [
      `    platform: { process: { state: "${path.join(lab.here.home, 'kdr', 'labs', NAME, 'lab.json')}" } }`,
      '    kafka:',
      `      bootstrap: [${ports.map((port) => `'127.0.0.1:${port}'`).join()}]`,
      `      sasl: { mechanism: ${mechanism}, username: kdr, password: { file: "${path.join(folder, more.password ?? 'right')}" } }`,
      ...(more.ca === undefined ? [] : [`      tls: { ca: "${path.join(folder, more.ca)}" }`]),
    ].join('\n')
  const clusters = {
    ...Object.fromEntries(TLS.map((how) => [how, cluster(how, tls ?? [], { ca: 'ca.pem' })])),
    'scram-sha-256': cluster('scram-sha-256', open ?? []),
    'wrong-password': cluster('scram-sha-256', open ?? [], { password: 'wrong' }),
    'wrong-authority': cluster('plain', tls ?? [], { ca: 'other.pem' }),
  }
  writeFileSync(
    config,
    `clusters:\n${Object.entries(clusters)
      .map(([name, lines]) => `  ${name}:\n${lines}\n`)
      .join('')}`,
  )
})
afterAll(() => takeDown(lab))

const MECHANISMS = [...TLS, 'scram-sha-256']
const storeOf = (cluster: string): string => path.join(lab.here.home, `store-${cluster}`)
const backup = (cluster: string, ...args: readonly string[]) =>
  lab.here.kdr(['backup', ...args, '--config', config, '--cluster', cluster, '--store', storeOf(cluster), '--output', 'json'])

describe('logged in', () => {
  it('in every way, more than once, everything is backed up', async () => {
    const all = await Promise.all(MECHANISMS.map((mechanism) => backup(mechanism, 'create', '--topic', 'orders', '--rate', '600KB')))
    for (const { code, out, err } of all) {
      expect(code, out + err).toBe(0)
      const { records, seconds } = JSON.parse(out)
      expect(records).toBe(3000)
      expect(seconds * 1000).toBeGreaterThan(SESSION)
    }
  })

  it.each(MECHANISMS)('by %s, everything is restored', async (mechanism) => {
    const slow = mechanism === 'plain' ? ['--rate', '600KB'] : []
    const ran = await backup(mechanism, 'restore', 'latest', 'all', '--non-interactive', '--allow', 'change', '--topic-prefix', `${mechanism}.`, ...slow)
    expect(ran.code, ran.out + ran.err).toBe(0)
    expect(await made.valuesOf(`${mechanism}.orders`)).toEqual(await made.valuesOf('orders'))
  })

  it.each([
    ['wrong-password', 'kdr'],
    ['wrong-authority', 'certificate'],
  ])('with a %s nobody is let in, and it is said at once', async (cluster, says) => {
    const ran = await backup(cluster, 'create', '--topic', 'orders')
    expect(ran.code).not.toBe(0)
    expect(ran.err).toContain(says)
    expect(ran.out + ran.err).not.toContain(PASSWORD)
    expect(ran.seconds).toBeLessThan(10)
  })
})

describe('in a rack', () => {
  it('records come from the follower that stands in it', async () => {
    const leader = (await lab.truth.rows()).find(({ topic }) => topic === 'orders')?.leader ?? 0
    const nearby = BROKERS.find((id) => id !== leader) ?? 0
    const read = new Map<number, () => number>()
    const { dial } = openProcess(path.join(lab.here.home, 'kdr', 'labs', NAME, 'lab.json'))
    const counting: typeof dial = (host, port, intake) => {
      const socket = dial(host, port, intake)
      const before = read.get(port) ?? (() => 0)
      read.set(port, () => before() + ((socket as { bytesRead?: number }).bytesRead ?? 0))
      return socket
    }
    const kafka = openKafka({ bootstrap: lab.truth.endpoints, clientId: 'kdr-test', tls: null, sasl: null, dial: counting, requestTimeout: 5000 })
    const bytesOf = (id: number) => read.get(Number(lab.truth.endpoints[id - 1]?.split(':')[1]))?.() ?? 0
    for (let offset = 0n; offset < 3000n; ) {
      const options = { maxBytes: 1 << 20, rack: `rack-${nearby}` }
      const { batches, release } = await kafka.fetchRaw({ topic: 'orders', partition: 0 }, offset, options, soon())
      offset = ([...walkBatches(batches)].at(-1)?.lastOffset ?? offset - 1n) + 1n
      release()
    }
    expect(bytesOf(nearby)).toBeGreaterThan(2_000_000)
    expect(bytesOf(leader)).toBeLessThan(100_000)
    await kafka.close()
  })

  it('a whole backup reads so, and goes on at the leader when that follower is gone', async () => {
    const leader = (await lab.truth.rows()).find(({ topic }) => topic === 'orders')?.leader ?? 0
    const nearby = BROKERS.find((id) => id !== leader) ?? 0
    const args = ['backup', 'create', '--topic', 'orders', '--cluster', NAME, '--store', path.join(lab.here.home, 'racks'), '--output', 'json']
    const running = lab.here.kdr([...args, '--rack', `rack-${nearby}`, '--rate', '800KB'])
    await new Promise((resolve) => setTimeout(resolve, 2500))
    const broke = await lab.here.kdr(['lab', 'break', 'kill-broker', '--broker', String(nearby), '--name', NAME])
    expect(broke.code, broke.err).toBe(0)
    const ran = await running
    expect(JSON.parse(ran.out)).toMatchObject({ records: 3000, gaps: [] })
  })
})
