// The description of a cluster of local processes: what runs where and how it is started. It holds
// no process id: a process is found by its own properties file, so nothing is lost when kdr dies between
// starting one and writing it down.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as v from 'valibot'
import { KdrError, wordsOf } from '../../errors.ts'

const Text = v.pipe(v.string(), v.minLength(1))
const Absolute = v.pipe(Text, v.startsWith('/', 'must be an absolute path'))

const Node = v.pipe(
  v.object({
    /** The member's name: `kafka1`, `zk1`, `ctl1`. */
    name: v.pipe(Text, v.regex(/^[A-Za-z0-9._-]+$/)),
    roles: v.pipe(v.array(v.picklist(['broker', 'controller', 'zookeeper', 'schema-registry'])), v.minLength(1)),
    /** Its own properties file: an argument of its process, and of no other node's. */
    file: Absolute,
    /** Holds its logs (`out.log`, `out.1.log` …), `exit` and `start.sh`. */
    home: Absolute,
    /** `log.dirs` of a broker or controller, `dataDir` of a ZooKeeper; none of a Schema Registry, which keeps everything in Kafka. */
    dataDirs: v.array(Absolute),
    /** Client listeners as `host:port`; a controller's own listener, a ZooKeeper's client port, a registry's HTTP. */
    listeners: v.array(v.pipe(Text, v.regex(/^[^:]+:\d+$/, 'must be host:port'))),
    /** The program and its arguments, `java … <main class> <file>`; the main class, or another word of its own, stands right before the file. */
    argv: v.pipe(v.array(Text), v.minLength(3)),
    /** Run before the start while the data directories are blank, as container entrypoints do: KRaft brokers, never controllers. */
    format: v.nullable(v.pipe(v.array(Text), v.minLength(1))),
  }),
  v.check((node) => node.dataDirs.length > 0 || node.roles.includes('schema-registry'), 'dataDirs must not be empty'),
  v.check((node) => node.argv.indexOf(node.file) > 1, 'argv must hold the properties file, right after the main class'),
)

const State = v.pipe(
  v.object({
    schema: v.literal('kdr/process/1'),
    /** The name the operator knows it by. */
    cluster: Text,
    /** Random, made once: what a run is pinned to; every process carries it as `-Dkdr.lab=<id>`. */
    id: v.pipe(Text, v.regex(/^[A-Za-z0-9-]+$/)),
    /** Kafka's version, `3.5.2`. */
    kafka: Text,
    mode: v.picklist(['zookeeper', 'kraft']),
    /** Every port of the cluster, peers' included. */
    ports: v.array(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535))),
    /** Folder of Kafka's tools as scripts, `<tools>/kafka-topics`. */
    tools: Absolute,
    /** Set while it is being brought up: that process's id and start ticks. A cluster with it is not complete. */
    settingUp: v.nullable(v.object({ pid: v.number(), start: v.string() })),
    nodes: v.pipe(v.array(Node), v.minLength(1)),
  }),
  v.check((state) => new Set(state.nodes.map((node) => node.name)).size === state.nodes.length, 'two nodes have the same name'),
  v.check((state) => new Set(state.nodes.map((node) => node.file)).size === state.nodes.length, 'two nodes have the same properties file'),
)

export type ProcessNode = v.InferOutput<typeof Node>
export type ProcessState = v.InferOutput<typeof State>

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new KdrError(`cannot read the cluster's state file ${file}: ${wordsOf(cause)}`, { code: 'state-file-unreadable', exit: 'usage', cause })
  }
}

/** Reads and validates. Throws `state-file-unreadable` or `state-file-invalid`, both exit usage. */
export const readState = (file: string): ProcessState => {
  const text = read(file)
  const invalid = (why: string, cause?: unknown) =>
    new KdrError(`${file} does not describe a cluster of processes: ${why}`, { code: 'state-file-invalid', exit: 'usage', cause })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw invalid(wordsOf(cause), cause)
  }
  const parsed = v.safeParse(State, json)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  throw invalid(`${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`)
}

/** Replaces the file in one step and durably: a reader sees the old one or the new one, never half of it. */
export const writeState = (file: string, state: ProcessState): void => {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}`)
  const handle = openSync(temporary, 'w', 0o600)
  try {
    writeSync(handle, `${JSON.stringify(state, null, 2)}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(temporary, file)
}
