// The classes that Kafka loads at its start, kept as an archive for the JVM (JEP 350): starting a lab's node costs little
// more than half of the processor then, and a drill starts dozens. Nothing depends on it: without one a start is slower.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KdrError, wordsOf } from '../errors.ts'
import type { Fetching } from './jars.ts'
import { listedBrokers } from './probe.ts'
import { LOOPBACK, propertiesText } from './properties.ts'
import { newClusterId } from './setting-up.ts'
import type { Release } from './versions.ts'

interface Trained {
  readonly release: Release
  readonly java: string
  /** Of kdr's own cache. */
  readonly jars: string
}

/** One broker to its first answer, and down again. */
const DEADLINE = 120_000

/** Of another Java, or of jars fetched anew, the JVM would ignore an archive without a word. */
const nameOf = ({ release, java, jars }: Trained): string => {
  const path = realpathSync(java)
  const parts = [path, statSync(path).mtimeMs, ...readdirSync(jars).map((name) => `${name} ${statSync(join(jars, name)).mtimeMs}`)]
  return `${release.version}-${createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12)}.jsa`
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port: 0, host: LOOPBACK }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

/** Resolves once it has ended; what comes after its start may end it earlier. */
const run = async (argv: readonly string[], signal: AbortSignal, then: (child: ChildProcess) => Promise<void> = async () => {}): Promise<void> => {
  const [program = '', ...args] = argv
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' }
  const child = spawn(program, args, { stdio: 'ignore', signal, killSignal: 'SIGKILL', env })
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })
  try {
    await then(child)
  } finally {
    await ended
  }
  signal.throwIfAborted()
}

/** A broker and controller in one, whatever the lab's mode: most of what a broker loads has nothing to do with who governs. */
const train = async ({ java, jars }: Trained, folder: string, signal: AbortSignal): Promise<string> => {
  const [client, quorum] = [await freePort(), await freePort()]
  const [properties, archive] = [join(folder, 'node.properties'), join(folder, 'classes.jsa')]
  writeFileSync(
    properties,
    propertiesText({
      'node.id': 1,
      'process.roles': 'broker,controller',
      listeners: `PLAINTEXT://${LOOPBACK}:${client},CONTROLLER://${LOOPBACK}:${quorum}`,
      'controller.listener.names': 'CONTROLLER',
      'controller.quorum.voters': `1@${LOOPBACK}:${quorum}`,
      'log.dirs': join(folder, 'data'),
      'log.cleaner.dedupe.buffer.size': 4_194_304,
    }),
  )
  const jvm = [java, '-Xmx320m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const kafka = ['-cp', `${jars}/*`]
  await run([...jvm, ...kafka, 'kafka.tools.StorageTool', 'format', '--cluster-id', newClusterId(), '--config', properties], signal)
  await run([...jvm, `-XX:ArchiveClassesAtExit=${archive}`, ...kafka, 'kafka.Kafka', properties], signal, async (child) => {
    while (child.exitCode === null && (await listedBrokers(`${LOOPBACK}:${client}`))?.length !== 1) await sleep(200, undefined, { signal })
    child.kill('SIGTERM')
  })
  if (!existsSync(archive)) throw new KdrError('a broker that was to be its model left no archive', { code: 'start-failed' })
  return archive
}

/**
 * Path of the archive below kdr's own cache folder, made where there is none yet (about ten seconds, once); null where it could
 * not be made, which is told. Throws only the signal's reason.
 */
export const classArchiveOf = async (trained: Trained, cache: string, { progress, signal }: Fetching): Promise<string | null> => {
  const { version } = trained.release
  let folder: string | null = null
  try {
    const root = join(cache, 'kafka-classes')
    const file = join(root, nameOf(trained))
    if (existsSync(file)) return file
    progress(`Kafka ${version}: keeping what its JVM loads, so that later starts are faster (once)`)
    mkdirSync(root, { recursive: true })
    folder = mkdtempSync(join(root, `.${version}-`))
    renameSync(await train(trained, folder, AbortSignal.any([signal, AbortSignal.timeout(DEADLINE)])), file)
    return file
  } catch (thrown) {
    signal.throwIfAborted()
    progress(`Kafka ${version}: starts stay as slow as they are: ${wordsOf(thrown)}`)
    return null
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true })
  }
}
