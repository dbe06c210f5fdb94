// Who may do what, and how much: ACLs, the forbidding ones first, and quotas. Passwords cannot be in a backup.
import { act, type Step } from '../../engine/step.ts'
import type { AclBinding, ClientQuota } from '../../model/contents.ts'
import { aclName, quotaNames } from '../../model/contents.ts'
import { known, mapKnown } from '../../model/known.ts'
import type { Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { withRights } from '../../survey/project.ts'
import { minutes, plural } from '../../units.ts'
import { chainOf, type Restoring, withMetadataOf } from './restoring.ts'

interface Count {
  readonly names: readonly string[]
}

const metadataOf = async (from: Restoring, world: ReadWorld, signal: AbortSignal) => {
  const { archives } = await chainOf(from, world, signal)
  const named = archives.at(-1)
  if (named === undefined) throw new Error('the chain is empty')
  return named.metadata(signal)
}

/** Rights are by the names topics had; of a part of the backup only those of its topics. */
export const aclsFor = ({ options, plan }: Restoring, acls: readonly AclBinding[]): readonly AclBinding[] => {
  if (options.topicPrefix !== null) return []
  if (options.topics.length === 0) return acls
  const chosen = new Set(plan.value().topics.map(({ topic }) => topic))
  return acls.filter(({ resourceType, patternType, resourceName }) => resourceType === 'TOPIC' && patternType === 'LITERAL' && chosen.has(resourceName))
}

export const quotasFor = ({ options }: Restoring, quotas: readonly ClientQuota[]): readonly ClientQuota[] =>
  options.topicPrefix === null && options.topics.length === 0 ? quotas : []

/** Kafka refuses ACLs where nobody would go by them. */
export const hasAuthorizer = (now: Survey): boolean => {
  if (!now.contents.known || !now.contents.value.defaults.known) return true
  // A broker that hides its settings has not said that there is none.
  return now.contents.value.defaults.value.get('authorizer.class.name') !== ''
}

const denyFirst = (a: AclBinding, b: AclBinding): number => Number(b.permission === 'DENY') - Number(a.permission === 'DENY')

export const restoreAcls = (from: Restoring): Step =>
  act<Count>({
    id: 'restore-acls',
    title: 'Create the ACLs',
    why: 'Those that forbid come first: nobody may do meanwhile what was forbidden before.',
    effect: 'change',
    aspects: ['rights'],
    guards: [],
    budget: { expected: minutes(1), deadline: minutes(15) },
    resolve: async (world) => {
      if (!withMetadataOf(from)) return { nothing: 'only data is restored' }
      const now = await world.survey()
      if (!hasAuthorizer(now)) return { nothing: 'this cluster has no authorizer: nobody would go by ACLs' }
      const wanted = aclsFor(from, (await metadataOf(from, world, world.clock.deadline(minutes(10)))).acls)
      if (wanted.length === 0) return { nothing: 'there is none to restore' }
      const there = now.rights.known ? now.rights.value.acls : now.rights
      if (!there.known) return { unknown: `ACLs were not seen: ${there.why}` }
      const missing = wanted.map(aclName).filter((name) => !there.value.has(name))
      return missing.length === 0 ? { nothing: 'every ACL is there' } : { target: { names: missing } }
    },
    preview: ({ names }, commands) => ({
      sentence: `create ${plural(names.length, 'ACL')}`,
      changes: ['principals may do what they might before'],
      commands: [commands.kafka('kafka-acls', ['--list'])],
    }),
    act: async (world, { names }, signal) => {
      const wanted = new Set(names)
      const { acls } = await metadataOf(from, world, signal)
      await world.change.restore.createAcls(acls.filter((acl) => wanted.has(aclName(acl))).sort(denyFirst), signal)
      return undefined
    },
    expect: (now, { names }) => withRights(now, (rights) => ({ ...rights, acls: mapKnown(rights.acls, (all) => new Set([...all, ...names])) })),
    done: (now, { names }) => left(now.rights.known ? now.rights.value.acls : now.rights, names, 'ACL'),
  })

const left = (
  there: { readonly known: true; readonly value: ReadonlySet<string> } | { readonly known: false; readonly why: string },
  names: readonly string[],
  of: string,
) => {
  if (!there.known) return { state: 'unknown' as const, detail: `${of}s were not seen: ${there.why}` }
  const missing = names.filter((name) => !there.value.has(name)).length
  return missing === 0
    ? { state: 'done' as const, detail: names.length === 1 ? `1 ${of} is there` : `${names.length} ${of}s are there` }
    : { state: 'not-started' as const, detail: `${missing} of ${plural(names.length, of)} missing` }
}

export const restoreQuotas = (from: Restoring): Step =>
  act<Count>({
    id: 'restore-quotas',
    title: 'Set the quotas',
    why: 'What held clients back protects the cluster from the rush after an outage too.',
    effect: 'change',
    aspects: ['rights'],
    guards: [],
    budget: { expected: minutes(1), deadline: minutes(15) },
    resolve: async (world) => {
      if (!withMetadataOf(from)) return { nothing: 'only data is restored' }
      const wanted = quotasFor(from, (await metadataOf(from, world, world.clock.deadline(minutes(10)))).quotas).flatMap(quotaNames)
      if (wanted.length === 0) return { nothing: 'there is none to restore' }
      const now = await world.survey()
      const there = now.rights.known ? now.rights.value.quotas : now.rights
      if (!there.known) return { unknown: `quotas were not seen: ${there.why}` }
      const missing = wanted.filter((name) => !there.value.has(name))
      return missing.length === 0 ? { nothing: 'every quota is set' } : { target: { names: missing } }
    },
    preview: ({ names }, commands) => ({
      sentence: `set ${plural(names.length, 'quota')}`,
      changes: ['clients are held back as before'],
      commands: [commands.kafka('kafka-configs', ['--describe', '--entity-type', 'users'])],
    }),
    act: async (world, { names }, signal) => {
      const wanted = new Set(names)
      const { quotas } = await metadataOf(from, world, signal)
      await world.change.restore.alterQuotas(
        quotas.filter((quota) => quotaNames(quota).some((name) => wanted.has(name))),
        signal,
      )
      return undefined
    },
    expect: (now, { names }) =>
      withRights(now, (rights) => ({
        ...rights,
        quotas: rights.quotas.known ? known(new Set([...rights.quotas.value, ...names]), 'projected') : rights.quotas,
      })),
    done: (now, { names }) => left(now.rights.known ? now.rights.value.quotas : now.rights, names, 'quota'),
  })
