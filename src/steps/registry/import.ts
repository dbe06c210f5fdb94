// The import: mode IMPORT on a registry that holds nothing, every version under its old id, what it refers
// to first, deletions and settings after that, and mode READWRITE at the end, whatever happened in between.
import { importOrder } from '../../archive/schemas.ts'
import { type Act, act, type Decision, type Part, type Step } from '../../engine/step.ts'
import { lacking, registryOf } from '../../judgement/registry.ts'
import { dependenciesHold, nothingForeign } from '../../judgement/registry-guards.ts'
import { isKnownTrue, known } from '../../model/known.ts'
import { type BySubject, GLOBAL, type SchemaKey, type SchemaManifest } from '../../model/schemas.ts'
import type { Survey } from '../../model/survey.ts'
import type { ReadWorld, WriteWorld } from '../../ports/world.ts'
import { withRegistry } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import { type FoundCase, loadManifest, NO_MANIFEST } from './case.ts'
import type { Loss } from './loss.ts'

interface At {
  /** An instance that answers; it forwards to the leader. */
  readonly url: string
}

const answering = (now: Survey): string | undefined => registryOf(now)?.instances.find(({ reads }) => isKnownTrue(reads))?.url

const modesOf = (now: Survey): readonly (string | null)[] => (registryOf(now)?.instances ?? []).map(({ mode }) => (mode.known ? mode.value : null))

const withMode = (now: Survey, mode: string): Survey =>
  withRegistry(now, (view) => ({ ...view, instances: view.instances.map((instance) => ({ ...instance, mode: known(mode, 'projected') })) }))

interface ToMode extends At {
  readonly mode: string
}

type ModeStep = Pick<Act<ToMode>, 'id' | 'title' | 'why' | 'guards' | 'resolve'> & { readonly change: string }

const modeStep = ({ change, ...own }: ModeStep): Step =>
  act<ToMode>({
    ...own,
    effect: 'change',
    aspects: ['members', 'registry', 'schemas'],
    budget: { expected: seconds(2), deadline: minutes(1) },
    preview: ({ url, mode }) => ({
      sentence: `set the mode of the registry to ${mode}`,
      changes: [change],
      commands: [`curl -X PUT -H 'Content-Type: application/vnd.schemaregistry.v1+json' --data '{"mode":"${mode}"}' ${url}/mode`],
    }),
    act: async (world, { url, mode }, signal) => {
      await world.change.registry.setMode(url, null, mode, signal)
      return undefined
    },
    expect: (now, { mode }) => withMode(now, mode),
    done: (now, { mode }) => {
      const modes = modesOf(now)
      if (modes.length === 0 || modes.includes(null)) return { state: 'unknown', detail: 'its mode was not seen' }
      return modes.every((each) => each === mode)
        ? { state: 'done', detail: `its mode is ${mode}` }
        : { state: 'not-started', detail: `its mode is ${modes.join(', ')}` }
    },
  })

const NOBODY = { unknown: 'no instance of the registry answers' }

const enterImport = (from: FoundCase): Step =>
  modeStep({
    id: 'enter-import',
    title: 'Put the registry into mode IMPORT',
    why: 'Only then does it take versions with the ids they had; it agrees only while it is empty, and kdr never forces it.',
    change: 'ordinary registrations are refused meanwhile',
    guards: [dependenciesHold(), nothingForeign(() => from.value().safe)],
    resolve: async (world) => {
      if (from.manifest === null) return { nothing: NO_MANIFEST }
      const now = await world.survey()
      const url = answering(now)
      if (url === undefined) return NOBODY
      return modesOf(now).every((mode) => mode === 'IMPORT') ? { nothing: 'its mode is IMPORT' } : { target: { url, mode: 'IMPORT' } }
    },
  })

const READWRITE = 'READWRITE'

/** What is restored is the registry of the manifest, its mode too; else the mode before this run. */
const modeToLeave = async (world: ReadWorld, from: FoundCase): Promise<string | { readonly blocked: string }> => {
  const manifest = from.manifest === null ? null : await loadManifest(world, from.manifest)
  if (manifest !== null && 'blocked' in manifest) return manifest
  return withoutImport(manifest?.modes ?? {})[GLOBAL] ?? from.value().mode ?? READWRITE
}

/** IMPORT is no mode to be left in: whatever was exported in the middle of an import is registered into like any other. */
const withoutImport = (modes: BySubject): BySubject => Object.fromEntries(Object.entries(modes).filter(([, mode]) => mode !== 'IMPORT'))

/** Nothing but the registry's own topic stands in its way: whoever else registered something meanwhile, IMPORT is no mode to be left in. */
export const leaveImport = (from: FoundCase, loss: Pick<Decision<Loss>, 'taken'>): Step =>
  modeStep({
    id: 'leave-import',
    title: 'Put the registry back into the mode it had',
    why: 'In mode IMPORT nobody else can register a schema; an import that was cut short leaves it so.',
    change: 'applications can do again what they could before: in mode READWRITE, register schemas',
    guards: [dependenciesHold()],
    resolve: async (world) => {
      const now = await world.survey()
      const modes = modesOf(now)
      const imported = loss.taken()?.how === 'import'
      const mode = imported ? await modeToLeave(world, from) : (from.value().mode ?? READWRITE)
      if (typeof mode !== 'string') return mode
      if (!modes.includes('IMPORT') && (!imported || modes.every((each) => each === mode)))
        return { nothing: `its mode is ${[...new Set(modes)].map((mode) => mode ?? 'not seen').join(', ')}` }
      const url = answering(now)
      return url === undefined ? NOBODY : { target: { url, mode } }
    },
  })

const settingsMissing = (wanted: BySubject, there: BySubject): readonly (readonly [string, string])[] =>
  Object.entries(wanted).filter(([subject, value]) => subject !== GLOBAL && there[subject] !== value)

/** Puts back what is not there yet: an import that was interrupted goes on where it ended. */
const importAll = async (world: WriteWorld, url: string, manifest: SchemaManifest, path: string, signal: AbortSignal): Promise<void> => {
  const { registry } = world.change
  const view = registryOf(await world.survey())
  if (view === null || !view.stored.known) throw new Error('what the registry holds was not seen')
  const { keys, configs, modes } = view.stored.value
  const at = (list: readonly SchemaKey[], { subject, version }: SchemaKey) => list.find((key) => key.subject === subject && key.version === version)
  const order = importOrder(manifest.versions, path)
  for (const version of order) if (at(keys, version) === undefined) await registry.importVersion(url, version, signal)
  // Whoever refers to others goes first: what is referred to cannot be deleted.
  for (const version of [...order].reverse()) {
    if (version.deleted && at(keys, version)?.deleted !== true) await registry.deleteVersion(url, version.subject, version.version, signal)
  }
  for (const [subject, level] of settingsMissing(manifest.configs, configs)) await registry.setConfig(url, subject, level, signal)
  for (const [subject, mode] of settingsMissing(withoutImport(manifest.modes), modes)) await registry.setMode(url, subject, mode, signal)
  const level = manifest.configs[GLOBAL]
  if (level !== undefined && configs[GLOBAL] !== level) await registry.setConfig(url, null, level, signal)
}

interface Import extends At {
  readonly schemas: number
  readonly configs: BySubject
  readonly modes: BySubject
}

const importSchemas = (from: FoundCase): Step =>
  act<Import>({
    id: 'import-schemas',
    title: 'Register every version under its old id',
    why: 'Records carry ids: under a new one they would be decoded with another schema.',
    effect: 'change',
    aspects: ['members', 'partitions', 'registry', 'schemas'],
    budget: { expected: seconds(30), deadline: minutes(15) },
    guards: [dependenciesHold(), nothingForeign(() => from.value().safe)],
    resolve: async (world) => {
      if (from.manifest === null) return { nothing: NO_MANIFEST }
      const url = answering(await world.survey())
      if (url === undefined) return NOBODY
      const manifest = await loadManifest(world, from.manifest)
      if ('blocked' in manifest) return manifest
      importOrder(manifest.versions, from.manifest.path)
      const { configs, modes } = manifest
      return { target: { url, schemas: manifest.versions.length, configs, modes: withoutImport(modes) } }
    },
    preview: ({ schemas, url }) => ({
      sentence: `register ${schemas} versions with their ids at ${url}, what they refer to first, soft-deleted ones too, then levels and modes`,
      changes: ['every subject, version and id is the one of the manifest'],
      commands: [],
    }),
    act: async (world, { url }, signal) => {
      if (from.manifest === null) return undefined
      const manifest = await loadManifest(world, from.manifest)
      if ('blocked' in manifest) throw new Error(manifest.blocked)
      await importAll(world, url, manifest, from.manifest.path, signal)
      return undefined
    },
    expect: (now) =>
      withRegistry(now, (view) => ({
        ...view,
        stored: view.stored.known ? known({ ...view.stored.value, keys: from.value().safe }, 'projected') : view.stored,
      })),
    done: (now, { configs, modes }) => {
      const view = registryOf(now)
      if (view === null || !view.stored.known) return { state: 'unknown', detail: 'what the registry holds was not seen' }
      const { safe } = from.value()
      const stored = view.stored.value
      const missing = lacking(safe, stored.keys).length
      const unset = settingsMissing(configs, stored.configs).length + settingsMissing(modes, stored.modes).length
      const measure = { done: safe.length - missing, total: safe.length, unit: 'versions' }
      if (missing + unset === 0) return { state: 'done', detail: `all ${safe.length} versions and their settings are there`, measure }
      return { state: 'not-started', detail: `${missing} of ${safe.length} versions and ${unset} settings are missing`, measure }
    },
  })

export const importParts = (from: FoundCase): readonly Part[] => [enterImport(from), importSchemas(from)]
