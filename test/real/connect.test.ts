// A real Connect worker beside a real cluster: connectors and tasks as it tells them, and the diagnosis they make.
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openConnect } from '../../src/adapters/connect/open-connect.ts'
import { readState } from '../../src/adapters/process/state-file.ts'
import { findLab } from '../../src/lab/labs.ts'
import { bringUp, type Ready, takeDown, until } from './harness.ts'

const NAME = 'connect4'
let lab: Ready
let worker: ChildProcess | undefined
let url = ''
let config = ''

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

const properties = (bootstrap: string, port: number): string =>
  Object.entries({
    'bootstrap.servers': bootstrap,
    'group.id': 'connect-test',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'config.storage.topic': 'connect-configs',
    'offset.storage.topic': 'connect-offsets',
    'status.storage.topic': 'connect-status',
    'config.storage.replication.factor': 3,
    'offset.storage.replication.factor': 3,
    'status.storage.replication.factor': 3,
    'offset.storage.partitions': 3,
    'status.storage.partitions': 3,
    'plugin.discovery': 'service_load',
    listeners: `http://127.0.0.1:${port}`,
  })
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')

/** The lab's own Java and jars, with Connect's main class. */
const start = (stateFile: string, file: string, log: string): ChildProcess => {
  const [argv = []] = readState(stateFile)
    .nodes.filter(({ roles }) => roles.includes('broker'))
    .map((node) => node.argv)
  const classPath = argv[argv.findIndex((word) => word === '-cp' || word === '-classpath') + 1] ?? ''
  const child = spawn(argv[0] ?? 'java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'org.apache.kafka.connect.cli.ConnectDistributed', file])
  const out = createWriteStream(log)
  child.stdout.pipe(out)
  child.stderr.pipe(out)
  return child
}

const put = async (name: string, settings: Readonly<Record<string, string>>): Promise<void> => {
  const answer = await fetch(`${url}/connectors/${name}/config`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(settings),
  })
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`)
}

beforeAll(async () => {
  lab = await bringUp(NAME, '4')
  const found = findLab(NAME, path.join(lab.here.home, 'kdr', 'labs'))
  if (found === null) throw new Error('no lab')
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  const file = path.join(lab.here.home, 'connect.properties')
  writeFileSync(file, properties(found.bootstrap.join(','), port))
  worker = start(found.stateFile, file, path.join(lab.here.home, 'connect.log'))
  config = path.join(lab.here.home, 'kdr.yaml')
  const platform = `platform: { process: { state: ${found.stateFile} } }`
  writeFileSync(
    config,
    `default: prod\nclusters:\n  prod:\n    ${platform}\n    kafka: { bootstrap: [${found.bootstrap.join(', ')}] }\n    connect: { urls: ['${url}'] }\n`,
  )
  await until('Connect answers', async () => (await fetch(`${url}/connectors`)).ok, 180_000)
})
afterAll(async () => {
  worker?.kill('SIGKILL')
  await takeDown(lab)
})

const diagnosis = () => lab.here.json(['diagnose', '--config', config])
const reader = () => openConnect({ dial: lab.truth.platform.dial, ca: null, auth: null, timeout: 5000 })
const connectors = () => reader().connectors(url, AbortSignal.timeout(10_000))

it('tells connectors and tasks that run', async () => {
  writeFileSync(path.join(lab.here.home, 'lines.txt'), 'one\ntwo\n')
  await put('lines', {
    'connector.class': 'org.apache.kafka.connect.file.FileStreamSourceConnector',
    file: path.join(lab.here.home, 'lines.txt'),
    topic: '__kdr_orders',
    'tasks.max': '1',
  })
  await until('its task runs', async () => (await connectors())[0]?.tasks[0]?.state === 'RUNNING')
  expect(await connectors()).toMatchObject([{ name: 'lines', state: 'RUNNING', tasks: [{ id: 0, state: 'RUNNING' }] }])
  await until('healthy', async () => ((await diagnosis()) as { verdict: string }).verdict === 'healthy')
})

it('tells a failed task of a connector that runs: the verdict is connect', async () => {
  await put('sink', {
    'connector.class': 'org.apache.kafka.connect.file.FileStreamSinkConnector',
    file: '/nonexistent/folder/out.txt',
    topics: '__kdr_orders',
    'tasks.max': '1',
  })
  await until('its task has failed', async () => (await connectors()).find(({ name }) => name === 'sink')?.tasks[0]?.state === 'FAILED')
  expect(await diagnosis()).toMatchObject({
    verdict: 'connect',
    because: expect.stringContaining('sink task 0 is FAILED'),
    next: [],
    incidents: [{ layer: 'connect', instead: expect.stringContaining('onlyFailed=true') }],
  })
})

it('comes after the broker it depends on', async () => {
  await lab.here.kdr(['lab', 'break', 'kill-broker', '--broker', '3', '--name', NAME])
  await until('both', async () => ((await diagnosis()) as { compound: string[] }).compound.join() === 'single-broker,connect')
  expect(await diagnosis()).toMatchObject({ verdict: 'single-broker', brokers: [3], next: expect.arrayContaining(['recover', 'single-broker']) })
})

it('is unknown, not healthy and not down, where it does not answer', async () => {
  await lab.here.kdr(['recover', 'single-broker', '--config', config, '--non-interactive', '--allow', 'restart,change,stop', '--confirm', 'prod'])
  worker?.kill('SIGKILL')
  await until('unknown', async () => ((await diagnosis()) as { verdict: string }).verdict === 'unknown')
  expect(await diagnosis()).toMatchObject({ because: expect.stringContaining(`the connectors of ${url}`) })
})
