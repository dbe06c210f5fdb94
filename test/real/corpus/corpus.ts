// The corpus of records that a backup has to keep, by Corpus.java on the lab's own jars; and what is equal in two of them.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { jarsOf } from '../../../src/lab/jars.ts'
import { needJava } from '../../../src/lab/java.ts'
import { RELEASES } from '../../../src/lab/versions.ts'
import type { LabVersion } from '../../../src/model/lab.ts'
import { CACHE } from '../../lab/real-lab.ts'

const SOURCE = path.join(import.meta.dirname, 'Corpus.java')
const QUICK = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx512m']
const exec = promisify(execFile)

interface Topic {
  readonly is: 'topic'
  readonly topic: string
  readonly partitions: number
  readonly replicas: number
  readonly configs: Readonly<Record<string, string>>
}

interface Partition {
  readonly is: 'partition'
  readonly topic: string
  readonly partition: number
  readonly start: number
  /** Last stable offset. */
  readonly end: number
}

export interface Kept {
  readonly is: 'record'
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly stamped: string
  /** Base64; what is long, as its length and SHA-256. */
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [key: string, value: string | null])[]
}

export interface Position {
  readonly is: 'position'
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string | null
}

/** Everything of the corpus that can be read committed. */
export interface Picture {
  readonly topics: readonly Topic[]
  readonly partitions: readonly Partition[]
  readonly records: readonly Kept[]
  readonly positions: readonly Position[]
}

export interface Corpus {
  /** Runs a command of Corpus.java; its output. */
  run(command: string, bootstrap: readonly string[], ...args: readonly string[]): Promise<string>
  /** `prefix`: topics that were restored under names that begin so. */
  look(bootstrap: readonly string[], prefix?: string): Promise<Picture>
  /** Where the jars are, for Kafka's own tools. */
  readonly jars: string
  clear(): void
}

const rowsOf = (text: string): readonly (Topic | Partition | Kept | Position)[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))

/** Compiled against the jars of this version. */
export const openCorpus = async (kafka: LabVersion): Promise<Corpus> => {
  const release = RELEASES[kafka]
  const [java, jars] = await Promise.all([
    needJava(),
    jarsOf(release, CACHE, process.env['KAFKA_HOME'] ?? null, { progress: () => {}, signal: new AbortController().signal }),
  ])
  const classes = mkdtempSync(path.join(tmpdir(), 'kdr-corpus-'))
  await exec(path.join(path.dirname(java), 'javac'), ['-nowarn', '-cp', path.join(jars, '*'), '-d', classes, SOURCE])
  const run: Corpus['run'] = async (command, bootstrap, ...args) => {
    const argv = [...QUICK, '-cp', `${path.join(jars, '*')}:${classes}`, 'Corpus', command, bootstrap.join(), ...args]
    return (await exec(java, argv, { maxBuffer: 1 << 28 })).stdout
  }
  return {
    run,
    jars,
    look: async (bootstrap, prefix = '') => {
      const found = rowsOf(await run('look', bootstrap, prefix))
      const bare = <T extends { readonly topic: string }>(rows: readonly T[]): readonly T[] =>
        rows.filter(({ topic }) => topic.startsWith(prefix)).map((row) => ({ ...row, topic: row.topic.slice(prefix.length) }))
      return {
        topics: bare(found.filter((each) => each.is === 'topic')),
        partitions: bare(found.filter((each) => each.is === 'partition')),
        records: bare(found.filter((each) => each.is === 'record')),
        positions: bare(found.filter((each) => each.is === 'position')),
      }
    },
    clear: () => rmSync(classes, { recursive: true, force: true }),
  }
}
