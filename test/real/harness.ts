// The real binary on real labs: homes of their own, a workload in the background, and the truth read past
// the tool, from processes and brokers themselves.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import { openProcess } from '../../src/adapters/process/open-process.ts'
import { openSchemaRegistry } from '../../src/adapters/schema-registry/open-registry.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { fileReader } from '../../src/adapters/system/files.ts'
import { openZooKeeper } from '../../src/adapters/zookeeper/open-zookeeper.ts'
import { findLab } from '../../src/lab/labs.ts'
import type { PartitionRow } from '../../src/model/partitions.ts'
import type { KafkaProbe, KafkaReader, KafkaWriter } from '../../src/ports/kafka.ts'
import type { KafkaBackupReader, KafkaRestoreWriter } from '../../src/ports/kafka-backup.ts'
import type { PlatformReader, PlatformWriter } from '../../src/ports/platform.ts'
import type { ReadPorts } from '../../src/ports/world.ts'

const BIN = path.join(import.meta.dirname, '..', '..', 'bin', 'kdr.js')

export interface Ran {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
  readonly seconds: number
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Given to standard input, which is then closed. */
  readonly input?: string
  /** Imported before kdr, to kill it at a line. */
  readonly preload?: string
  /** Called at once with the process, to send it a signal. */
  readonly started?: (child: ChildProcess) => void
}

export interface Stand {
  readonly home: string
  kdr(args: readonly string[], options?: RunOptions): Promise<Ran>
  json(args: readonly string[], options?: RunOptions): Promise<unknown>
  /** Takes labs down and removes everything. */
  clear(): Promise<void>
}

/** A state home of its own; jars come from the ordinary cache. */
export const stand = (): Stand => {
  const home = realpathSync(mkdtempSync(path.join(tmpdir(), 'kdr-real-')))
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    XDG_STATE_HOME: home,
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
    LANG: 'C.UTF-8',
    ...mavenHome(),
  }
  const kdr: Stand['kdr'] = (args, options = {}) => run(args, { ...environment, ...options.env }, options)
  return {
    home,
    kdr,
    json: async (args, options) => {
      const ran = await kdr([...args, '--output', 'json'], options)
      try {
        return JSON.parse(ran.out)
      } catch {
        throw new Error(`kdr ${args.join(' ')} printed no JSON (exit ${ran.code}): ${ran.out}${ran.err}`)
      }
    },
    clear: async () => {
      const labs = path.join(home, 'kdr', 'labs')
      for (const name of existsSync(labs) ? readdirSync(labs) : []) if (!name.startsWith('.')) await kdr(['lab', 'down', '--name', name])
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** Maven keeps its own cache below HOME; with another HOME it has to be told. */
const mavenHome = (): Readonly<Record<string, string>> => ({
  ...(process.env['JAVA_HOME'] ? { JAVA_HOME: process.env['JAVA_HOME'] } : {}),
  ...(process.env['KAFKA_HOME'] ? { KAFKA_HOME: process.env['KAFKA_HOME'] } : {}),
  MAVEN_OPTS: `${process.env['MAVEN_OPTS'] ?? ''} -Dmaven.repo.local=${path.join(homedir(), '.m2', 'repository')} -Duser.home=${homedir()}`.trim(),
})

const run = (args: readonly string[], env: Readonly<Record<string, string>>, { input = '', preload, started }: RunOptions): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const start = performance.now()
    const child = spawn(process.execPath, [...(preload === undefined ? [] : ['--import', preload]), BIN, ...args], { env })
    started?.(child)
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, out, err, seconds: (performance.now() - start) / 1000 }))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })

export interface Truth {
  readonly ports: ReadPorts
  readonly kafka: KafkaReader & KafkaProbe & KafkaWriter & KafkaBackupReader & KafkaRestoreWriter
  readonly platform: PlatformReader & PlatformWriter
  readonly endpoints: readonly string[]
  readonly zookeeper: readonly string[]
  /** uid of every member by name; null when it does not run. */
  uids(): Promise<Readonly<Record<string, string | null>>>
  rows(): Promise<readonly PartitionRow[]>
  close(): Promise<void>
}

/** The lab seen past the binary, through adapters of the test's own. */
const truthOf = ({ home }: Stand, name: string): Truth => {
  const lab = findLab(name, path.join(home, 'kdr', 'labs'))
  if (lab === null) throw new Error(`there is no lab ${name}`)
  const platform = openProcess(lab.stateFile)
  const dial = platform.dial
  const kafka = openKafka({ bootstrap: lab.bootstrap, clientId: 'kdr-test', tls: null, sasl: null, dial, requestTimeout: 3000 })
  const registry = openSchemaRegistry({ dial, ca: null, auth: null, timeout: 3000 })
  const coordination = lab.zookeeper.length === 0 ? null : openZooKeeper({ servers: lab.zookeeper, dial, timeout: 3000 })
  const soon = () => AbortSignal.timeout(20_000)
  return {
    ports: { clock: systemClock(), platform, kafka, backup: kafka, coordination, connect: null, registry, files: fileReader() },
    kafka,
    platform,
    endpoints: lab.bootstrap,
    zookeeper: lab.zookeeper,
    uids: async () => Object.fromEntries((await platform.members(soon())).map(({ name: member, uid }) => [member, uid.known ? uid.value : 'unknown'])),
    rows: async () => [...(await kafka.metadata(soon())).partitions.rows()],
    close: async () => {
      await Promise.allSettled([kafka.close(), coordination?.close(), platform.close()])
    },
  }
}

/** Every file below a folder, its content included. */
export const everything = (folder: string): readonly { readonly file: string; readonly text: string }[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => path.join(folder, file))
    .filter((file) => statSync(file).isFile())
    .map((file) => ({ file, text: readFileSync(file, 'utf8') }))

export interface NdEvent {
  readonly type: string
  readonly [field: string]: unknown
}

export const eventsOf = (ran: Ran): readonly NdEvent[] =>
  ran.out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as NdEvent)

/** Every partition at full ISR, with a leader. */
export const allInSync = (rows: readonly PartitionRow[]): boolean => rows.every(({ isr, replicas, leader }) => isr.length === replicas.length && leader >= 0)

/** Topics for guards and surveys to be about; `__kdr_` is what tests may create. */
export const createTopics = async (
  truth: Truth,
  topics: Readonly<Record<string, { readonly assignments: readonly (readonly number[])[]; readonly minIsr: number }>>,
): Promise<void> => {
  for (const [name, { assignments, minIsr }] of Object.entries(topics)) {
    await truth.kafka.createTopic(name, assignments, { 'min.insync.replicas': String(minIsr) }, AbortSignal.timeout(30_000))
  }
}

export const until = async (what: string, holds: () => Promise<boolean>, patience = 90_000): Promise<void> => {
  const end = performance.now() + patience
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end) throw new Error(`not within ${patience / 1000} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

export interface Ready {
  readonly here: Stand
  readonly name: string
  readonly truth: Truth
}

/** A lab of its own with a topic to be about, `__kdr_orders`: three partitions, one led by each broker, min ISR 2. */
export const bringUp = async (name: string, kafka: string, flags: readonly string[] = []): Promise<Ready> => {
  const here = stand()
  const up = await here.kdr(['lab', 'up', '--name', name, '--kafka', kafka, ...flags])
  if (up.code !== 0) throw new Error(`lab ${name} did not come up: ${up.err}`)
  const truth = truthOf(here, name)
  const around = [0, 1, 2].map((first) => [0, 1, 2].map((next) => ((first + next) % 3) + 1))
  await createTopics(truth, { __kdr_orders: { assignments: around, minIsr: 2 } })
  return { here, name, truth }
}

export const takeDown = async (lab: Ready | undefined): Promise<void> => {
  await lab?.truth?.close()
  await lab?.here?.clear()
}
