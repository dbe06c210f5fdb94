// A compose project of shells that are configured as servers: everything the adapter must tell of containers,
// without waiting for a single JVM.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findCommand } from '../../src/adapters/docker/compose.ts'
import { resolveEndpoint } from '../../src/adapters/docker/endpoint.ts'
import { openEngine } from '../../src/adapters/docker/engine.ts'
import { imagesFor } from '../../src/lab/docker/images.ts'
import { RELEASES } from '../../src/lab/versions.ts'

const run = promisify(execFile)

export interface Shells {
  readonly project: string
  readonly file: string
  readonly folder: string
  /** The docker command against the same engine. */
  docker(...args: readonly string[]): Promise<string>
  down(): Promise<void>
}

const shell = (script: string) => ['bash', '-c', `${script}; trap 'echo stopped; exit 0' TERM; while :; do sleep 0.2; done`]
/** As a broker's image writes its disk at the first start. */
const META = 'echo "# made by a shell"; printf "version=0\\nbroker.id=7\\ncluster.id=abc\\n"'

const services = (image: string) => {
  const broker = { image, environment: { KAFKA_BROKER_ID: 2, KAFKA_ZOOKEEPER_CONNECT: 'nowhere:2181', KAFKA_LOG_DIRS: '/var/lib/kafka/data' } }
  const inside = (folder: string) => ({ ...broker, environment: { ...broker.environment, KAFKA_LOG_DIRS: folder } })
  return {
    // Its disk says 7, whatever its environment says.
    named: {
      ...broker,
      restart: 'unless-stopped',
      volumes: ['data:/var/lib/kafka/data'],
      networks: { default: { aliases: ['also-named'] } },
      entrypoint: shell(`{ ${META}; } > /var/lib/kafka/data/meta.properties; echo begins`),
    },
    // Folders of the container itself: only the engine can look into those.
    intact: { ...inside('/tmp/logs'), entrypoint: shell(`mkdir -p /tmp/logs; { ${META}; } > /tmp/logs/meta.properties`) },
    blank: { ...inside('/tmp/logs'), entrypoint: shell('mkdir -p /tmp/logs/lost+found') },
    odd: { ...inside('/tmp/logs'), entrypoint: shell('mkdir -p /tmp/logs/topic-0') },
    gone: { ...inside('/tmp/nowhere'), entrypoint: shell('true') },
    terminal: { image, tty: true, entrypoint: shell('echo "{}"') },
    'kafka-4': { image, hostname: 'kafka-4', entrypoint: shell('true') },
    // In the file, and never made by `up` without its profile.
    spare: { image, profiles: ['spare'], entrypoint: shell('true') },
  }
}

export const shellsUp = async (project: string): Promise<Shells> => {
  const endpoint = resolveEndpoint({ host: null, context: null }, process.env)
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'kdr')
  const engine = openEngine(endpoint)
  const { signal } = new AbortController()
  const images = await imagesFor(engine, { kafka: '3.5', release: RELEASES['3.5'], cache, kafkaHome: null, with: [], progress: () => {}, signal })
  engine.close()
  const folder = mkdtempSync(join(tmpdir(), 'kdr-shells-'))
  const file = join(folder, 'compose.json')
  writeFileSync(file, JSON.stringify({ services: services(images['KDR_KAFKA_IMAGE'] ?? ''), volumes: { data: {} } }))
  const env = { ...process.env, DOCKER_HOST: endpoint.host }
  const [program = '', ...first] = (await findCommand(process.env)) ?? []
  const compose = async (...args: readonly string[]) => run(program, [...first, '-p', project, '-f', file, ...args], { env })
  const down = async () => {
    await compose('--profile', '*', 'down', '--volumes', '--timeout', '1')
    rmSync(folder, { recursive: true, force: true })
  }
  await compose('up', '-d', '--timeout', '1').catch(async (thrown) => {
    await down()
    throw thrown
  })
  return { project, file, folder, down, docker: async (...args) => (await run('docker', args, { env })).stdout.trim() }
}
