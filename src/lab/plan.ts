// What a lab consists of: its nodes, their properties and how each is started. Pure, but for the folder's
// path. Three brokers; three ZooKeepers, or three controllers of their own, so that two brokers can be
// lost without the quorum. Everything listens on 127.0.0.1 only.
import { join } from 'node:path'
import type { ProcessNode, ProcessState } from '../adapters/process/state-file.ts'
import {
  brokerProperties,
  type Controllers,
  controllerProperties,
  IDS,
  LOOPBACK,
  type Properties,
  portOffsets,
  portsOf,
  propertiesText,
  REGISTRIES,
  registryProperties,
  zooKeeperProperties,
} from './properties.ts'
import { type Release, toolClasses } from './versions.ts'

export interface LabPlan {
  readonly state: ProcessState
  /** Content by absolute path. */
  readonly files: ReadonlyMap<string, string>
  /** Run once before the first start: a controller is never formatted again (apache/kafka#12597). */
  readonly formats: readonly { readonly node: string; readonly argv: readonly string[] }[]
}

export interface PlanInput {
  readonly name: string
  readonly id: string
  readonly folder: string
  readonly release: Release
  readonly controllers: Controllers
  /** With two Schema Registries. */
  readonly registries: boolean
  readonly java: string
  readonly jars: string
  /** Of the classes that are loaded at every start; null: there is none. */
  readonly classArchive: string | null
  readonly base: number
  /** 22 characters of base64url; KRaft only. */
  readonly clusterId: string
  readonly settingUp: ProcessState['settingUp']
}

/** Options of every JVM of a lab. The marker names the lab in the process table. */
const jvm = (input: PlanInput, heap: string, level: string): readonly string[] => [
  input.java,
  `-Xmx${heap}`,
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  ...(input.classArchive === null ? [] : [`-XX:SharedArchiveFile=${input.classArchive}`]),
  '-Djava.awt.headless=true',
  `-Dkdr.lab=${input.id}`,
  `-Dkdr.level=${level}`,
  `-Dlog4j.configuration=file:${input.folder}/log4j.properties`,
  `-Dlog4j2.configurationFile=${input.folder}/log4j2.properties`,
  '-cp',
  `${input.jars}/*`,
]

const running = (input: PlanInput, heap: string, main: string, file: string): string[] => {
  const [java = '', ...options] = jvm(input, heap, 'INFO')
  return [java, '-Xms48m', '-XX:+ExitOnOutOfMemoryError', ...options, main, file]
}

const formatting = (input: PlanInput, file: string): string[] => [
  ...jvm(input, '96m', 'WARN'),
  'kafka.tools.StorageTool',
  'format',
  '--cluster-id',
  input.clusterId,
  '--config',
  file,
]

interface Planned {
  readonly node: ProcessNode
  readonly files: readonly (readonly [string, string])[]
}

const planned = (
  input: PlanInput,
  name: string,
  parts: { roles: ProcessNode['roles']; main: string; heap: string; port: number; format: boolean; properties: (data: string) => Properties },
): Planned => {
  const home = join(input.folder, name)
  const file = join(home, 'node.properties')
  const data = join(home, 'data')
  const node: ProcessNode = {
    name,
    roles: parts.roles,
    file,
    home,
    dataDirs: [data],
    listeners: [`${LOOPBACK}:${parts.port}`],
    argv: running(input, parts.heap, parts.main, file),
    format: parts.format ? formatting(input, file) : null,
  }
  return { node, files: [[file, propertiesText(parts.properties(data))]] }
}

const zooKeeper = (input: PlanInput, id: number): Planned => {
  const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'
  const properties = (data: string) => zooKeeperProperties(input, id, data)
  const made = planned(input, `zk${id}`, { roles: ['zookeeper'], main, heap: '128m', port: portsOf(input.base).zookeeper(id), format: false, properties })
  return { ...made, files: [...made.files, [join(made.node.dataDirs[0] ?? '', 'myid'), `${id}\n`]] }
}

const controller = (input: PlanInput, id: number): Planned => {
  const properties = (data: string) => controllerProperties(input, id, data)
  return planned(input, `ctl${id}`, {
    roles: ['controller'],
    main: 'kafka.Kafka',
    heap: '128m',
    port: portsOf(input.base).controller(id),
    format: false,
    properties,
  })
}

const broker = (input: PlanInput, id: number): Planned => {
  const combined = input.controllers === 'combined'
  const properties = (data: string) => brokerProperties(input, id, data)
  // A combined node holds the quorum's log: like a controller it is formatted once, never on its own.
  const format = input.release.mode === 'kraft' && !combined
  const roles: ProcessNode['roles'] = combined ? ['broker', 'controller'] : ['broker']
  return planned(input, `kafka${id}`, { roles, main: 'kafka.Kafka', heap: '320m', port: portsOf(input.base).broker(id), format, properties })
}

/** kdr's own, run by the Node that runs kdr; from the source too it is the built one that runs. */
const REGISTRY = join(import.meta.dirname, '..', '..', 'dist', 'lab', 'registry', 'main.js')

const registry = (input: PlanInput, id: number): Planned => {
  const name = `schema-registry${id}`
  const home = join(input.folder, name)
  const file = join(home, 'node.properties')
  const node: ProcessNode = {
    name,
    roles: ['schema-registry'],
    file,
    home,
    dataDirs: [],
    listeners: [`${LOOPBACK}:${portsOf(input.base).registry(id)}`],
    argv: [process.execPath, REGISTRY, `-Dkdr.lab=${input.id}`, 'schema-registry', file],
    format: null,
  }
  return { node, files: [[file, propertiesText(registryProperties(input.base, id))]] }
}

const LOG4J = `log4j.rootLogger=\${kdr.level}, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.target=System.err
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=[%d] %p %m (%c)%n
`

const LOG4J2 = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.target = SYSTEM_ERR
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = \${sys:kdr.level:-warn}
rootLogger.appenderRef.out.ref = out
`

const word = (each: string): string => `'${each.replaceAll("'", `'\\''`)}'`

/** Kafka's tools as scripts: `zookeeper-shell` takes its server first, as Kafka's own does. */
const toolScript = (input: PlanInput, main: string): string =>
  `#!/bin/sh\nexec ${jvm(input, '256m', 'WARN').map(word).join(' ')} ${main} ${main.endsWith('ZooKeeperMain') ? '-server ' : ''}"$@"\n`

/** A lab's state file, the files around it, and what to format before the first start. */
export const planLab = (input: PlanInput): LabPlan => {
  const own = input.controllers === 'own'
  const quorumNodes = input.release.mode === 'zookeeper' ? IDS.map((id) => zooKeeper(input, id)) : own ? IDS.map((id) => controller(input, id)) : []
  const brokers = IDS.map((id) => broker(input, id))
  const all = [...quorumNodes, ...brokers, ...(input.registries ? REGISTRIES.map((id) => registry(input, id)) : [])]
  const nodes = all.map((each) => each.node)
  const tools = join(input.folder, 'bin')
  const once = input.release.mode === 'zookeeper' ? [] : own ? quorumNodes : brokers
  return {
    state: {
      schema: 'kdr/process/1',
      cluster: input.name,
      id: input.id,
      kafka: input.release.version,
      mode: input.release.mode,
      ports: portOffsets(input.release, input.registries).map((offset) => input.base + offset),
      tools,
      settingUp: input.settingUp,
      nodes,
    },
    files: new Map([
      [join(input.folder, 'log4j.properties'), LOG4J],
      [join(input.folder, 'log4j2.properties'), LOG4J2],
      ...Object.entries(toolClasses(input.release)).map(([tool, main]): [string, string] => [join(tools, tool), toolScript(input, main)]),
      ...all.flatMap((each) => each.files),
    ]),
    formats: once.map(({ node }) => ({ node: node.name, argv: formatting(input, node.file) })),
  }
}
