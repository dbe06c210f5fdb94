// What a registry recovery is about, decided once: which instances there are, what has to be there in the
// end, and by which manifest.
import { parseManifest } from '../../archive/schemas.ts'
import { type Decision, decide, type Resolution, Undecided } from '../../engine/step.ts'
import { diagnose } from '../../judgement/diagnose.ts'
import { few } from '../../judgement/evidence.ts'
import { agedBy, lacking, registryOf } from '../../judgement/registry.ts'
import { registryFails } from '../../judgement/registry-row.ts'
import { factsOf } from '../../judgement/rows.ts'
import type { RegistryView } from '../../model/registry.ts'
import { keyOf, type SchemaKey, type SchemaManifest, schemaIdentity, schemaName } from '../../model/schemas.ts'
import type { Survey, Verdict } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { minutes, seconds } from '../../units.ts'

/** A manifest as the operator named it; the digest is what a resumed run compares. */
export interface ManifestFile {
  readonly path: string
  /** Lower-case hexadecimal SHA-256 of the file. */
  readonly sha256: string
}

export interface RegistryOptions {
  readonly schemas: ManifestFile | null
}

interface RegistryCase {
  readonly members: readonly string[]
  readonly because: string
  /** What has to be there in the end: by the manifest, else by what was found. */
  readonly expected: readonly SchemaKey[]
  /** The same, as far as a manifest keeps it safe. */
  readonly safe: readonly SchemaKey[]
  readonly raw: boolean
  /** Versions that were soft-deleted after the manifest was written. */
  readonly deletedSince: readonly string[]
  /** Global mode before anything was done; null where it was not seen, or is IMPORT, as an import that was cut short leaves it. */
  readonly mode: string | null
}

export interface FoundCase extends Decision<RegistryCase> {
  /** The cluster as this life of the run found it; null in a resumed one. */
  readonly before: () => Survey | null
  readonly manifest: ManifestFile | null
}

export const NO_MANIFEST = 'no manifest was given: there is nothing to put back from'

/** Repaired before the registry, each by its own scenario. */
const KAFKA: ReadonlySet<Verdict> = new Set(['single-broker', 'multi-broker', 'complete-loss', 'zookeeper'])

/** Reads the manifest again and refuses another one. Throws `file-unreadable`, `bad-manifest`. */
export const loadManifest = async (world: ReadWorld, { path, sha256 }: ManifestFile): Promise<SchemaManifest | { readonly blocked: string }> => {
  const text = await world.files.read(path)
  const digest = await world.files.digest(text)
  return digest === sha256 ? parseManifest(text, path) : { blocked: `${path} is not the manifest any more that this run began with` }
}

const union = (lists: readonly (readonly SchemaKey[])[]): readonly SchemaKey[] => [
  ...new Map(lists.flat().map((key): [string, SchemaKey] => [schemaIdentity(key), key])).values(),
]

const foundIn = (view: RegistryView): readonly SchemaKey[] =>
  union([...(view.stored.known ? [view.stored.value.keys] : []), ...view.instances.flatMap(({ held }) => (held.known ? [held.value] : []))])

/** What the manifest has and nobody else, as far as that was seen. */
const missingFrom = (view: RegistryView, wanted: readonly SchemaKey[]): readonly SchemaKey[] => {
  const stored = view.stored.known ? lacking(wanted, view.stored.value.keys) : []
  return union([stored, ...view.instances.flatMap(({ held }) => (held.known ? [lacking(wanted, held.value)] : []))])
}

const modeBefore = ({ instances }: RegistryView): string | null =>
  instances.flatMap(({ mode }) => (mode.known && mode.value !== 'IMPORT' ? [mode.value] : []))[0] ?? null

/** Where an import ended half-way, in a run that is not resumed: nobody else can register anything. */
export const leftImporting = (view: RegistryView): boolean => view.instances.some(({ mode }) => mode.known && mode.value === 'IMPORT')

const kafkaFirst = (now: Survey): Resolution<RegistryCase> | null => {
  const { verdict, because, next } = diagnose(now)
  if (!KAFKA.has(verdict)) return null
  return { blocked: `Kafka first, it is ${verdict}: ${because}`, hint: next.length === 0 ? 'kdr diagnose' : `kdr ${next.join(' ')}` }
}

const resolveCase = async (world: ReadWorld, now: Survey, options: RegistryOptions): Promise<Resolution<RegistryCase>> => {
  const kafka = kafkaFirst(now)
  if (kafka !== null) return kafka
  if (!now.registry.known) return { unknown: `the schema registry was not seen: ${now.registry.why}`, hint: 'kdr doctor' }
  const view = registryOf(now)
  if (view === null)
    return { blocked: 'no schema registry is known: neither the platform nor the configuration names one', hint: 'set schemaRegistry.urls of the cluster' }
  const manifest = options.schemas === null ? null : await loadManifest(world, options.schemas)
  if (manifest !== null && 'blocked' in manifest) return manifest
  const kept = manifest?.versions.map(keyOf) ?? []
  const safe = view.stored.known ? agedBy(kept, view.stored.value.keys) : kept
  const alone = view.stored.known ? lacking(foundIn(view), [...view.stored.value.keys, ...safe]) : []
  if (alone.length > 0)
    return {
      blocked: `${alone.length} schemas are in the memory of an instance and not in ${view.topic}: ${few(alone.map(schemaName), 3)}; a restart would lose them`,
      hint: 'kdr schemas export <file>, then again with --schemas <file>',
    }
  const row = registryFails.ask(factsOf(now, {}))
  const missing = missingFrom(view, safe)
  const importing = manifest !== null && leftImporting(view)
  if (row.holds === false && missing.length === 0 && !importing) {
    if (manifest !== null)
      return { blocked: `the schema registry works: ${row.because}, and it holds everything that the manifest has; there is nothing to recover` }
    return {
      blocked: `the schema registry works: ${row.because}; there is nothing to recover, as far as can be told without a manifest`,
      hint: 'whether schemas were lost only a manifest can tell: again with --schemas <file>, as kdr schemas export wrote it',
    }
  }
  if (row.holds === null && missing.length === 0)
    return { unknown: `whether the registry fails was not seen: ${row.because}`, hint: 'look again in some seconds' }
  const lost = missing.length > 0 ? `${missing.length} schemas of the manifest are missing (${few(missing.map(schemaName), 3)})` : 'it was left in mode IMPORT'
  const because = row.holds === true ? row.because : lost
  const members = view.instances.flatMap(({ member }) => member ?? [])
  return {
    target: {
      members,
      because,
      expected: manifest === null ? foundIn(view) : safe,
      safe,
      raw: manifest?.raw != null,
      deletedSince: lacking(safe, kept).map(schemaName),
      mode: modeBefore(view),
    },
  }
}

export const checkRegistry = (options: RegistryOptions): FoundCase => {
  let before: Survey | null = null
  const decision = decide<RegistryCase>({
    id: 'check-registry',
    title: 'Check the schema registry',
    why: 'It answers reads from memory whatever is wrong behind it: each instance, its leader and its topic are looked at by themselves.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(3) },
    resolve: async (world) => {
      before = await world.survey()
      return resolveCase(world, before, options)
    },
    preview: ({ members, because }, commands) => ({
      sentence: `the registry of ${members.join(', ')}: ${because}`,
      changes: [],
      commands: [commands.list(), 'curl http://______:8081/subjects', commands.kafka('kafka-consumer-groups', ['--describe', '--group', 'schema-registry'])],
    }),
    expect: (now) => now,
    done: (_, { because, expected }) => ({ state: 'done', detail: `${because}; ${expected.length} schemas have to be there in the end` }),
  })
  return { ...decision, before: () => before, manifest: options.schemas }
}

/** In a dry run that met a refusal nothing was decided: then nothing is known either. */
export const decided = <T>(decision: Pick<Decision<T>, 'value'>): T | null => {
  try {
    return decision.value()
  } catch (thrown) {
    if (thrown instanceof Undecided) return null
    throw thrown
  }
}
