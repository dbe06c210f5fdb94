// Kafka's jars: of KAFKA_HOME, of the cache, or fetched by Maven once. A cache counts only when everything
// that was fetched is still there, so an interrupted download is never taken for a full one.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { KdrError } from '../errors.ts'
import { needMaven } from './java.ts'
import type { Release } from './versions.ts'

const COMPLETE = 'complete.json'
const DAY = 86_400_000
const EVERY = 3000

export interface Fetching {
  readonly progress: (line: string) => void
  readonly signal: AbortSignal
}

const jarsIn = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jar')) : [])

/** Every jar that was fetched, with its size, is still there. */
const isComplete = (folder: string): boolean => {
  try {
    const sizes = Object.entries(JSON.parse(readFileSync(join(folder, COMPLETE), 'utf8')) as Record<string, number>)
    // Without Connect it was fetched by an earlier kdr.
    return sizes.some(([name]) => name.startsWith('connect-file-')) && sizes.every(([name, size]) => statSync(join(folder, name)).size === size)
  } catch {
    return false
  }
}

const dependency = (coordinates: string): string => {
  const [group, artifact, version] = coordinates.split(':')
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
}

const pomOf = (release: Release): string => {
  const kafka = ['kafka_2.13', 'kafka-tools', 'connect-runtime', 'connect-file'].map((artifact) => `org.apache.kafka:${artifact}:${release.version}`)
  const wanted = [...kafka, release.logging]
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kdr.lab</groupId><artifactId>kafka</artifactId><version>${release.version}</version><packaging>pom</packaging>
  <dependencies>${wanted.map(dependency).join('')}</dependencies>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version>
    <configuration><outputDirectory>\${project.basedir}</outputDirectory><includeScope>runtime</includeScope></configuration>
  </plugin></plugins></build>
</project>
`
}

/** Runs Maven in `folder`, telling how far it is. Throws `download-failed`, or the signal's reason. */
const maven = async (folder: string, release: Release, { progress, signal }: Fetching): Promise<void> => {
  const started = performance.now()
  const child = spawn(needMaven(), ['-B', 'dependency:copy-dependencies'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], signal })
  const errors: string[] = []
  let fetched = 0
  const took = () => `${Math.round((performance.now() - started) / 1000)} s`
  const tell = () => progress(`Kafka ${release.version}: ${Math.max(fetched, jarsIn(folder).length)} jars so far, ${took()}`)
  const timer = setInterval(tell, EVERY)
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (/Downloaded from .*\.jar( |$)/.test(line)) fetched += 1
    if (line.includes('[ERROR]') && errors.length < 3) errors.push(line.replace(/^.*\[ERROR\]\s*/, ''))
  })
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (errors.length < 3) errors.push(line)
  })
  const [code, thrown] = await new Promise<[number | null, Error | null]>((resolve) => {
    child.once('error', (error) => resolve([null, error]))
    child.once('close', (status) => resolve([status, null]))
  }).finally(() => clearInterval(timer))
  signal.throwIfAborted()
  if (code === 0) return
  throw new KdrError(`Maven could not fetch Kafka ${release.version}: ${errors.join(' ') || (thrown?.message ?? `it ended with ${code}`)}`, {
    code: 'download-failed',
    hint: 'Is Maven Central, or the mirror in ~/.m2/settings.xml, reachable? Or set KAFKA_HOME to an unpacked Kafka',
    cause: thrown ?? undefined,
  })
}

/** Folders that killed downloads left behind, once they are old enough to be nobody's. */
const sweep = (root: string): void => {
  for (const name of readdirSync(root).filter((each) => each.startsWith('.'))) {
    const folder = join(root, name)
    if (Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > DAY) rmSync(folder, { recursive: true, force: true })
  }
}

/** Puts a finished download in its place; whoever comes second throws its own away. */
const settle = (temporary: string, folder: string): void => {
  const sizes = Object.fromEntries(jarsIn(temporary).map((name) => [name, statSync(join(temporary, name)).size]))
  writeFileSync(join(temporary, COMPLETE), JSON.stringify(sizes))
  if (existsSync(folder) && !isComplete(folder)) rmSync(folder, { recursive: true, force: true })
  try {
    renameSync(temporary, folder)
  } catch (cause) {
    if (!isComplete(folder)) throw cause
  }
}

const fetchJars = async (folder: string, root: string, release: Release, fetching: Fetching): Promise<void> => {
  needMaven()
  mkdirSync(root, { recursive: true })
  sweep(root)
  const temporary = join(root, `.${release.version}-${process.pid}-${Date.now()}`)
  mkdirSync(temporary)
  try {
    writeFileSync(join(temporary, 'pom.xml'), pomOf(release))
    fetching.progress(`Kafka ${release.version}: fetching its jars with Maven into ${folder} (about 50 MB, once)`)
    await maven(temporary, release, fetching)
    settle(temporary, folder)
    fetching.progress(`Kafka ${release.version}: ${jarsIn(folder).length} jars in the cache`)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

const ofKafkaHome = (kafkaHome: string, release: Release): string => {
  const folder = join(kafkaHome, 'libs')
  const found = jarsIn(folder).flatMap((name) => /^kafka-clients-(\d.*)\.jar$/.exec(name)?.[1] ?? [])[0]
  const wanted = release.version.split('.').slice(0, release.version.startsWith('4') ? 1 : 2)
  if (found?.startsWith(`${wanted.join('.')}.`)) return folder
  throw new KdrError(
    `KAFKA_HOME (${kafkaHome}) holds ${found === undefined ? 'no Kafka (libs/kafka-clients-*.jar)' : `Kafka ${found}`}, not ${wanted.join('.')}`,
    {
      code: 'kafka-home-unfit',
      exit: 'usage',
      hint: 'Set KAFKA_HOME to an unpacked Kafka of that version, or unset it to have Maven fetch one',
    },
  )
}

/**
 * Folder of the jars. `cache` is kdr's own cache folder; jars are in `<cache>/kafka/<version>`.
 * Throws `maven-missing`, `download-failed`, `kafka-home-unfit`.
 */
export const jarsOf = async (release: Release, cache: string, kafkaHome: string | null, fetching: Fetching): Promise<string> => {
  if (kafkaHome !== null) return ofKafkaHome(kafkaHome, release)
  const root = join(cache, 'kafka')
  const folder = join(root, release.version)
  if (!isComplete(folder)) await fetchJars(folder, root, release, fetching)
  return folder
}
