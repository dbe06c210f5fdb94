// Whether schemas are lost, and how they are put back. Lost is what the manifest has and neither `_schemas`
// nor any instance has; what could not be seen is not lost.
import { type Branch, type Choose, choose, type Decision, decide, type Part, type Resolution } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { foreignTo, lacking, registryOf } from '../../judgement/registry.ts'
import { isKnownFalse } from '../../model/known.ts'
import type { RegistryView } from '../../model/registry.ts'
import { GLOBAL, type SchemaKey, schemaName } from '../../model/schemas.ts'
import type { Survey } from '../../model/survey.ts'
import { minutes, seconds } from '../../units.ts'
import { decided, type FoundCase, leftImporting } from './case.ts'

export interface Loss {
  readonly how: 'none' | 'replay' | 'import'
  readonly lost: number
  readonly because: string
}

const none = (because: string): Resolution<Loss> => ({ target: { how: 'none', lost: 0, because } })

/** Versions of `missing` that some instance still serves. */
const inMemory = (now: Survey, missing: readonly SchemaKey[]): readonly SchemaKey[] => {
  const held = (registryOf(now)?.instances ?? []).flatMap((instance) => (instance.held.known ? [instance.held.value] : []))
  return missing.filter((key) => held.some((keys) => lacking([key], keys).length === 0))
}

/** How many schemas are in the way of mode IMPORT; none where an import that was cut short has left it so. */
const occupiedBy = ({ instances, stored }: RegistryView): number => {
  if (!stored.known) return 0
  const importing = stored.value.modes[GLOBAL] === 'IMPORT' || instances.some(({ mode }) => mode.known && mode.value === 'IMPORT')
  return importing ? 0 : stored.value.keys.length
}

const resolveLoss = (now: Survey, { value }: FoundCase): Resolution<Loss> => {
  const { safe, expected, raw, deletedSince } = value()
  const view = registryOf(now)
  if (view === null) return { unknown: 'the registry was not seen' }
  if (!view.stored.known) return { unknown: `what ${view.topic} holds was not seen: ${view.stored.why}` }
  const missing = lacking(expected, view.stored.value.keys)
  if (missing.length === 0 && safe.length > 0 && leftImporting(view))
    return { target: { how: 'import', lost: 0, because: `${view.topic} holds all ${expected.length} schemas, and the registry was left in mode IMPORT` } }
  if (missing.length === 0) return none(`${view.topic} holds all ${expected.length} schemas that have to be there`)
  const names = few(missing.map(schemaName), 3)
  if (safe.length === 0)
    return {
      blocked: `${missing.length} schemas are not in ${view.topic}: ${names}; without a manifest nothing can put them back`,
      hint: 'while an instance still has them in its memory: kdr schemas export <file>, then again with --schemas <file>',
    }
  // One that does not answer holds nothing that anybody could still get.
  const blind = view.instances.find(({ held, reads }) => !held.known && !isKnownFalse(reads))
  if (blind !== undefined && !blind.held.known) return { unknown: `what ${blind.url} holds was not seen: ${blind.held.why}` }
  const alive = inMemory(now, missing)
  const foreign = foreignTo(safe, view.stored.value.keys)
  if (foreign.length > 0)
    return {
      blocked: `${missing.length} schemas are lost (${names}), but the registry is not empty: it holds ${foreign.length} that the manifest does not have (${few(foreign.map(schemaName), 3)})`,
      hint: 'IMPORT of a registry that is not empty is refused (42205) and never forced: compare the two by hand',
    }
  // Pods are replaced as soon as they are stopped: there the topic cannot be written with the registries stopped.
  const stoppable = now.members.known && now.members.value.every(({ roles, revives }) => !roles.includes('schema-registry') || revives !== 'always')
  const how = raw && stoppable ? 'replay' : 'import'
  if (how === 'replay' && deletedSince.length > 0)
    return {
      blocked: `${missing.length} schemas are lost (${names}), and the manifest is from before ${few(deletedSince, 3)} was soft-deleted: its records would bring that back`,
      hint: 'take a manifest from after the deletion, or put back what is lost by hand',
    }
  if (how === 'import') {
    const occupied = occupiedBy(view)
    if (occupied > 0)
      return {
        blocked: `${missing.length} schemas are lost (${names}), but ${occupied} are still there, and only an empty registry takes an import`,
        hint: `IMPORT is refused (42205) and never forced: ${stoppable ? 'give a manifest with the records of the topic, which can be replayed over them' : 'compare the two by hand'}`,
      }
  }
  const where = alive.length === 0 ? 'from every instance and' : `though an instance still has ${alive.length} of them in its memory,`
  return { target: { how, lost: missing.length, because: `${missing.length} of ${safe.length} schemas are lost ${where} from ${view.topic}: ${names}` } }
}

export const proveLoss = (from: FoundCase): Decision<Loss> =>
  decide<Loss>({
    id: 'prove-loss',
    title: 'Tell whether schemas are lost',
    why: 'A restore over schemas that are there gives ids a second meaning: it is for proven loss only.',
    effect: 'read',
    aspects: ['members', 'registry', 'schemas'],
    budget: { expected: seconds(3), deadline: minutes(3) },
    resolve: async (world) => resolveLoss(await world.survey(), from),
    preview: ({ because }) => ({ sentence: because, changes: [], commands: [] }),
    expect: (now) => now,
    done: (_, { because }) => ({ state: 'done', detail: because }),
  })

const branch = (id: Loss['how'], when: string, ...parts: readonly Part[]): Branch => ({ id, when, parts })

export const restoreLost = (loss: Decision<Loss>, parts: Readonly<Record<Loss['how'], readonly Part[]>>): Choose =>
  choose({
    id: 'restore',
    title: 'Bring every instance back, and what is lost',
    pick: () => {
      const found = decided(loss)
      return found === null ? { unknown: 'whether schemas are lost was not decided' } : { branch: found.how, because: found.because }
    },
    branches: [
      branch('none', 'nothing is lost: a restart is enough', ...parts.none),
      branch('replay', 'the manifest carries the records of the topic, and the registries can be stopped', ...parts.replay),
      branch('import', 'it carries schemas only, or the platform starts again whatever is stopped', ...parts.import),
    ],
  })
