// What this machine needs: for kdr itself, and for a lab of local processes. Each finding says how to fix it.
import fs from 'node:fs'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { loadConfig, stateRoot } from '../config.ts'
import { wordsOf } from '../errors.ts'
import { formatBytes } from '../units.ts'
import { configRequest } from './clusters.ts'
import { findTools } from './compose.ts'
import type { Invocation } from './invocation.ts'

export type Result = 'PASS' | 'FAIL' | 'UNKNOWN'

export interface Finding {
  /** Stable, kebab-case. */
  readonly id: string
  readonly title: string
  readonly result: Result
  /** Whether a recovery of the named cluster needs it; else it only limits what else can be done. */
  readonly required: boolean
  readonly detail: string
  /** How to get it; null when there is nothing to do. */
  readonly fix: string | null
}

export const finding = (id: string, title: string, required: boolean, result: Result, detail: string, fix: string | null = null): Finding => ({
  id,
  title,
  required,
  result,
  detail,
  fix: result === 'PASS' ? null : fix,
})

/** Heaps, metaspace and page cache of three brokers and three quorum members, as measured, with some room. */
const LAB_MEMORY = 1.5 * 1024 ** 3
const LAB_DISK = 2 * 1024 ** 3

const node = (): Finding => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const supported = major >= 24 || (major === 22 && minor >= 13) || (major === 20 && minor >= 19)
  return finding('node', 'Node.js', true, supported ? 'PASS' : 'FAIL', `Node ${process.versions.node}`, 'install Node 20.19, 22.13 or 24, or newer of these')
}

const nearestExisting = (path: string): string => (fs.existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path)))

const stateWritable = (root: string): Finding => {
  const folder = nearestExisting(root)
  const title = 'State folder (runs, locks, labs)'
  try {
    const trial = fs.mkdtempSync(join(folder, '.kdr-doctor-'))
    fs.rmdirSync(trial)
    return finding('state', title, true, 'PASS', root)
  } catch (thrown) {
    return finding(
      'state',
      title,
      true,
      'FAIL',
      `${root}: ${wordsOf(thrown)}`,
      'fix its permissions, make room, or set XDG_STATE_HOME: without a journal nothing is done',
    )
  }
}

const configuration = (invocation: Invocation): Finding => {
  const title = 'Configuration'
  try {
    const { path } = loadConfig(configRequest(invocation))
    return finding('config', title, true, 'PASS', path ?? 'none, which is enough for labs')
  } catch (thrown) {
    return finding('config', title, true, 'FAIL', wordsOf(thrown), 'kdr config check')
  }
}

const memory = (): Finding => {
  const free = fs.existsSync('/proc/meminfo')
    ? Number(/^MemAvailable:\s+(\d+) kB/m.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024
    : os.freemem()
  return finding(
    'lab-memory',
    'Memory for a lab',
    false,
    free >= LAB_MEMORY ? 'PASS' : 'FAIL',
    `${formatBytes(free)} available`,
    `a lab needs about ${formatBytes(LAB_MEMORY)}; close something, or drill --simulated`,
  )
}

const disk = (root: string): Finding => {
  const { bavail, bsize } = fs.statfsSync(nearestExisting(root))
  const free = bavail * bsize
  return finding(
    'lab-disk',
    'Disk for a lab',
    false,
    free >= LAB_DISK ? 'PASS' : 'FAIL',
    `${formatBytes(free)} free at ${nearestExisting(root)}`,
    `a lab needs about ${formatBytes(LAB_DISK)}; set XDG_STATE_HOME to a larger disk`,
  )
}

const javaFindings = async (env: Invocation['env']): Promise<readonly Finding[]> => {
  const { java, javaNeeded, maven } = await findTools()
  const isJava = java !== null && java.major >= javaNeeded
  const kafkaHome = env['KAFKA_HOME'] || null
  const hasKafkaHome = kafkaHome !== null && fs.existsSync(join(kafkaHome, 'libs'))
  const source = hasKafkaHome ? `KAFKA_HOME ${kafkaHome}` : maven === null ? 'no mvn on the PATH, and KAFKA_HOME is not an unpacked Kafka' : maven
  return [
    finding(
      'java',
      'Java for a lab',
      false,
      isJava ? 'PASS' : 'FAIL',
      java === null ? 'none' : `Java ${java.major} (${java.path})`,
      `install Java ${javaNeeded} or newer (apt-get install openjdk-17-jre-headless, brew install openjdk@17)`,
    ),
    finding(
      'kafka-source',
      'Kafka for a lab (Maven or KAFKA_HOME)',
      false,
      hasKafkaHome || maven !== null ? 'PASS' : 'FAIL',
      source,
      'install Maven (apt-get install maven, brew install maven), or set KAFKA_HOME',
    ),
  ]
}

const portFindings = async (): Promise<readonly Finding[]> => {
  const { createServer } = await import('node:net')
  const detail = await new Promise<string | null>((done) => {
    const server = createServer()
    server.once('error', (error) => done(error.message))
    server.listen(0, '127.0.0.1', () => server.close(() => done(null)))
  })
  return [
    finding(
      'lab-ports',
      'Loopback ports for a lab',
      false,
      detail === null ? 'PASS' : 'FAIL',
      detail ?? 'can listen on 127.0.0.1',
      'allow this user to listen on 127.0.0.1',
    ),
  ]
}

export const machineFindings = async (invocation: Invocation): Promise<readonly Finding[]> => {
  const root = stateRoot(invocation.env)
  return [node(), configuration(invocation), stateWritable(root), ...(await javaFindings(invocation.env)), memory(), disk(root), ...(await portFindings())]
}
