// Which images a Docker lab runs: what the environment names, Confluent's where the engine has them, else one
// made from this machine's own Java, shell tools and Maven's jars (deploy/lab-image), so that none need be pulled.
// The registry's is made of this machine's Node and kdr itself (deploy/registry-image).
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '../../adapters/docker/engine.ts'
import { KdrError } from '../../errors.ts'
import type { LAB_SERVICES, LabVersion } from '../../model/lab.ts'
import { type Fetching, jarsOf } from '../jars.ts'
import { needJava } from '../java.ts'
import type { Release } from '../versions.ts'
import { importTar, labelsOf, RECIPE_LABEL, run } from './image-build.ts'
import { registryImage } from './registry-image.ts'

export const SHIPPED = join(import.meta.dirname, '..', '..', '..', 'deploy')
const RECIPE = join(SHIPPED, 'lab-image')

/** Confluent Platform of the same Kafka, as the compose files name it. */
const CONFLUENT: Readonly<Record<LabVersion, string>> = { '3.5': '7.5.3', '3.9': '7.9.0', '4': '8.1.0' }

export type DockerService = (typeof LAB_SERVICES)[number]

export interface ImageRequest extends Fetching {
  readonly kafka: LabVersion
  readonly release: Release
  readonly cache: string
  readonly kafkaHome: string | null
  readonly with: readonly DockerService[]
}

/** Changes with every file of it, so that an image made by an earlier kdr is made anew. */
const recipeOf = (release: Release): string => {
  const hash = createHash('sha256').update(release.version)
  for (const name of readdirSync(RECIPE).sort()) hash.update(name).update(readFileSync(join(RECIPE, name)))
  return hash.digest('hex').slice(0, 16)
}

const missing = (what: string, hint: string): KdrError => new KdrError(what, { code: 'image-missing', hint })

const build = async (engine: Engine, image: string, recipe: string, request: ImageRequest): Promise<void> => {
  const { release, progress, signal } = request
  const hint = `Pull one: docker pull confluentinc/cp-kafka:${CONFLUENT[request.kafka]}; or name one in KDR_KAFKA_IMAGE`
  if (process.platform !== 'linux') throw missing(`there is no Kafka ${release.version} image, and one can be built on Linux only`, hint)
  await needJava()
  const jars = await jarsOf(release, request.cache, request.kafkaHome, request)
  const root = mkdtempSync(join(tmpdir(), 'kdr-image-'))
  try {
    progress(`building ${image} from this machine's Java and tools (once)`)
    await run(join(RECIPE, 'rootfs'), [release.version, jars, root], `building ${image}`, signal)
    await importTar(engine, root, image, recipe, signal)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** Images by the variables of the compose files. Throws `image-missing`, `image-not-built`, and what fetching jars throws. */
export const imagesFor = async (engine: Engine, request: ImageRequest): Promise<Readonly<Record<string, string>>> => {
  const { release, signal } = request
  const has = async (image: string) => (await labelsOf(engine, image, signal)) !== null
  const ofConfluent = (name: string) => `confluentinc/cp-${name}:${CONFLUENT[request.kafka]}`
  /** Made at most once, and only when something needs it. */
  let made: Promise<string> | null = null
  const own = (): Promise<string> => {
    made ??= (async () => {
      const image = `kdr-lab/kafka:${release.version}`
      const recipe = recipeOf(release)
      if ((await labelsOf(engine, image, signal))?.[RECIPE_LABEL] !== recipe) await build(engine, image, recipe, request)
      return image
    })()
    return made
  }
  const pick = async (variable: string, name: string, other: () => Promise<string>): Promise<readonly [string, string]> => {
    const said = process.env[variable]
    if (said) return [variable, said]
    return [variable, (await has(ofConfluent(name))) ? ofConfluent(name) : await other()]
  }
  const ownRegistry = (): Promise<string> => {
    const hint = `docker pull ${ofConfluent('schema-registry')}, or name an image in KDR_SCHEMA_REGISTRY_IMAGE`
    if (process.platform !== 'linux') throw missing('there is no image of Schema Registry, and one can be built on Linux only', hint)
    return registryImage(engine, request)
  }
  const picked = [await pick('KDR_KAFKA_IMAGE', 'kafka', own)]
  if (release.mode === 'zookeeper') picked.push(await pick('KDR_ZOOKEEPER_IMAGE', 'zookeeper', own))
  if (request.with.includes('kafka-connect')) picked.push(await pick('KDR_CONNECT_IMAGE', 'kafka-connect', own))
  if (request.with.includes('schema-registry')) picked.push(await pick('KDR_SCHEMA_REGISTRY_IMAGE', 'schema-registry', ownRegistry))
  return Object.fromEntries(picked)
}
