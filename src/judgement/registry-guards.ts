// What must never be done to a Schema Registry: a restart that throws away the last working copy of its
// schemas, and a restore over schemas that are there. None of them can be forced.
import type { Guard, Refusal } from '../engine/step.ts'
import { isKnownTrue } from '../model/known.ts'
import { type SchemaKey, schemaName } from '../model/schemas.ts'
import type { Survey } from '../model/survey.ts'
import { few } from './evidence.ts'
import { dependencyProblem, duplicateUrls, foreignTo, lacking, registryOf } from './registry.ts'

/** What the guards here need of a step's target. */
export interface InstanceTarget {
  readonly member: string
}

const refusal = (guard: string, because: string, protects: readonly string[], instead?: string): Refusal => ({
  guard,
  because,
  protects,
  force: null,
  ...(instead === undefined ? {} : { instead }),
})

const MEND = 'mend Kafka first: kdr diagnose says how'

/** KAFKA: a registry that restarts while what it needs is missing does not come back, and what it had in its memory is gone. */
export const dependenciesHold = <T>(): Guard<T> => ({
  name: 'KAFKA',
  check: (now) => {
    const problem = dependencyProblem(now)
    if (problem === null) return null
    return { ...refusal('KAFKA', problem.because, problem.protects, problem.instead ?? MEND), ...(problem.blind ? { blind: true as const } : {}) }
  },
})

/** URLS: instances that advertise the same URL elect no leader, however often they are restarted. */
export const urlsUnique = <T>(): Guard<T> => ({
  name: 'URLS',
  check: (now) => {
    const view = registryOf(now)
    if (view === null || !view.identities.known) {
      const why = view === null || view.identities.known ? 'the registry' : view.identities.why
      return { ...refusal('URLS', `what its instances advertise was not seen: ${why}`, []), blind: true }
    }
    const twice = duplicateUrls(now)
    return twice.length === 0 ? null : refusal('URLS', 'more than one instance advertises the same URL', twice, 'give each its own host.name or listeners')
  },
})

const checkReads = (now: Survey, { member }: InstanceTarget): Refusal | null => {
  const view = registryOf(now)
  const own = view?.instances.find((instance) => instance.member === member)
  if (view === null || own === undefined) return { ...refusal('READS', `the registry of ${member} was not seen`, [member]), blind: true }
  const others = view.instances.filter((instance) => instance !== own)
  if (others.length === 0 || (own.reads.known && !own.reads.value) || others.some(({ reads }) => isKnownTrue(reads))) return null
  return refusal('READS', `no other instance is seen to serve reads: ${few(others.map(({ url }) => url))}`, [member], 'bring another one back first')
}

/** READS: one at a time, and never the last one that serves. */
export const readsKept = <T extends InstanceTarget>(): Guard<T> => ({ name: 'READS', check: checkReads })

/** MEMORY: what only the memory of an instance holds is lost with it, unless a manifest has it. */
export const memoryKept = <T extends InstanceTarget>(manifest: () => readonly SchemaKey[]): Guard<T> => ({
  name: 'MEMORY',
  check: (now, { member }) => {
    const view = registryOf(now)
    const own = view?.instances.find((instance) => instance.member === member)
    if (view === null || own === undefined || (own.reads.known && !own.reads.value)) return null
    if (!own.held.known || !view.stored.known) {
      const why = own.held.known ? `${view.topic}: ${view.stored.known ? '' : view.stored.why}` : `${member}: ${own.held.why}`
      return { ...refusal('MEMORY', `what it holds was not seen (${why})`, [member]), blind: true }
    }
    const alone = lacking(lacking(own.held.value, view.stored.value.keys), manifest())
    if (alone.length === 0) return null
    const because = `${alone.length} schemas are in its memory and not in ${view.topic}: a restart would lose them`
    return refusal('MEMORY', because, alone.map(schemaName), 'kdr schemas export <file>, then again with --schemas <file>')
  },
})

/** EMPTY: a restore only into a registry that holds nothing but what the manifest says; Confluent's own answer is 42205, and kdr never forces it. */
export const nothingForeign = <T>(manifest: () => readonly SchemaKey[]): Guard<T> => ({
  name: 'EMPTY',
  check: (now) => {
    const view = registryOf(now)
    if (view === null || !view.stored.known) {
      const why = view === null ? 'the registry was not seen' : view.stored.known ? '' : view.stored.why
      return { ...refusal('EMPTY', `what it holds was not seen: ${why}`, []), blind: true }
    }
    const foreign = foreignTo(manifest(), view.stored.value.keys)
    if (foreign.length === 0) return null
    return refusal(
      'EMPTY',
      `${foreign.length} schemas are there that the manifest does not have`,
      foreign.map(schemaName),
      'nothing is overwritten: compare them by hand',
    )
  },
})

/** STOPPED: a registry that runs while its topic is written under it would go on from its old memory. */
export const allStopped = <T>(): Guard<T> => ({
  name: 'STOPPED',
  check: (now) => {
    if (!now.members.known) return { ...refusal('STOPPED', `the platform was not seen: ${now.members.why}`, []), blind: true }
    const running = now.members.value.filter(({ roles, state }) => roles.includes('schema-registry') && (!state.known || state.value !== 'stopped'))
    return running.length === 0
      ? null
      : refusal(
          'STOPPED',
          'they may still run',
          running.map(({ name }) => name),
          'stop them first',
        )
  },
})
