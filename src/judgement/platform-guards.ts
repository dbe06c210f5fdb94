// Guards that speak for the platform: whoever else manages a member, and the budget somebody set on disrupting
// it. Both may be forced by name: what they protect is order, not records.
import type { Guard, Refusal } from '../engine/step.ts'
import { heldUpBy, type Member, type Owner } from '../model/member.ts'
import { memberOf, memberOfBroker, type Survey } from '../model/survey.ts'

/** A broker by its id, or any member by its name. */
export type MemberTarget = { readonly broker: number } | { readonly member: string }

const memberOfTarget = (now: Survey, target: MemberTarget): Member | undefined =>
  'broker' in target ? memberOfBroker(now, target.broker) : memberOf(now, target.member)

const refusal = (guard: string, because: string, protects: readonly string[], instead?: string): Refusal => ({
  guard,
  because,
  protects,
  force: { as: 'stop', partitions: [] },
  ...(instead === undefined ? {} : { instead }),
})

const owned = (owner: Owner, member: string): Refusal =>
  refusal(
    'OWNER',
    `${member} is managed by ${owner.name}, which would undo what kdr does or be disturbed by it`,
    [member],
    `${owner.instead}${owner.pause === null ? '' : `; to keep it off meanwhile: ${owner.pause}`}`,
  )

/** Back from a scale-down it comes by a change of what is declared. */
const scaledDown = ({ waiting }: Member): boolean => waiting.known && waiting.value?.reason === 'ScaledDown'

const checkOwner = (now: Survey, target: MemberTarget): Refusal | null => {
  const member = memberOfTarget(now, target)
  if (member === undefined) return null
  const { owner } = member
  if (!owner.known) return { ...refusal('OWNER', `who else manages ${member.name} was not seen: ${owner.why}`, [member.name]), blind: true }
  if (owner.value === null || (owner.value.minds === 'spec' && !scaledDown(member))) return null
  return owned(owner.value, member.name)
}

/**
 * OWNER: what an operator does its own way (Strimzi, Confluent for Kubernetes) kdr does not do beside it. What is declared
 * (replicas, templates) Argo CD, Flux and Helm put back too; a restart leaves that as it is.
 */
export const notManaged = <T extends MemberTarget>(): Guard<T> => ({ name: 'OWNER', check: checkOwner })

const checkBudget = (now: Survey, target: MemberTarget): Refusal | null => {
  const member = memberOfTarget(now, target)
  if (member === undefined) return null
  const { disruption, state } = member
  // Nothing is disrupted where nothing runs.
  if (state.known && state.value === 'stopped') return null
  if (!disruption.known) return { ...refusal('PDB', `the disruption budgets of ${member.name} were not seen: ${disruption.why}`, [member.name]), blind: true }
  if (disruption.value === null) return null
  return refusal('PDB', disruption.value, [member.name], 'bring the other members of the budget back first, or change it')
}

const REPLICA_SETS: ReadonlySet<string> = new Set(['ReplicaSet', 'Deployment'])

const checkReturn = (now: Survey, target: MemberTarget): Refusal | null => {
  const member = memberOfTarget(now, target)
  if (member === undefined || member.revives !== 'always') return null
  const { name, workload, nodeTrouble, node } = member
  if (!workload.known) return { ...refusal('RETURN', `what would start ${name} again was not seen: ${workload.why}`, [name]), blind: true }
  if (workload.value !== null && REPLICA_SETS.has(workload.value.kind)) {
    const because = `${name} belongs to ${workload.value.kind} ${workload.value.name}: its successor would start beside it, on the same disk`
    return { ...refusal('RETURN', because, [name], 'scale it to 0, wait until the pod is gone, scale it to 1'), force: null }
  }
  if (nodeTrouble.known && nodeTrouble.value !== null) {
    const where = node.known && node.value !== null ? node.value : 'its node'
    return refusal(
      'RETURN',
      `${name} could not return to ${where}: ${nodeTrouble.value}`,
      [name],
      `mend ${where} first (kubectl uncordon, where it was cordoned)`,
    )
  }
  const held = heldUpBy(member, now.members.known ? now.members.value : []).map((other) => other.name)
  if (held.length === 0) return null
  return refusal(
    'RETURN',
    `${name} would not be created again while ${held.join(', ')} is not ready (podManagementPolicy OrderedReady)`,
    [name],
    'mend the earlier members first',
  )
}

/** RETURN: where the platform starts it again, whether it can: a restart must not become an outage for good. */
export const ableToReturn = <T extends MemberTarget>(): Guard<T> => ({ name: 'RETURN', check: checkReturn })

/** PDB: a deletion asks no PodDisruptionBudget, an eviction does: kdr keeps to what an eviction would be told (policy/v1). */
export const withinBudget = <T extends MemberTarget>(): Guard<T> => ({ name: 'PDB', check: checkBudget })

/** Several members of sets that are to be made anew. */
interface SetTarget {
  readonly members: readonly string[]
}

const foundOf = (now: Survey, { members }: SetTarget): readonly Member[] => members.flatMap((name) => memberOf(now, name) ?? [])

/** OWNER of a set itself: whoever declares it would put it back, or be refused when it is applied again. */
export const nobodyElses = <T extends SetTarget>(): Guard<T> => ({
  name: 'OWNER',
  check: (now, target) => {
    for (const { name, owner } of foundOf(now, target)) {
      if (!owner.known) return { ...refusal('OWNER', `who else manages ${name} was not seen: ${owner.why}`, [name]), blind: true }
      if (owner.value !== null) return owned(owner.value, name)
    }
    return null
  },
})

/** CLAIMS: no set is scaled or made anew while that may delete the data (persistentVolumeClaimRetentionPolicy, KEP-1847). Cannot be forced. */
export const claimsStay = <T extends SetTarget>(): Guard<T> => ({
  name: 'CLAIMS',
  check: (now, target) => {
    for (const { name, workload } of foundOf(now, target)) {
      if (!workload.known) return { ...refusal('CLAIMS', `what makes ${name} was not seen: ${workload.why}`, [name]), blind: true, force: null }
      const set = workload.value
      if (set === null || !(set.deletesClaims.whenScaled || set.deletesClaims.whenDeleted)) continue
      const when = set.deletesClaims.whenScaled ? 'scaled down' : 'deleted'
      const policy = JSON.stringify({ spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain', whenDeleted: 'Retain' } } })
      const instead = `kubectl patch statefulset ${set.name} -p '${policy}'`
      return { ...refusal('CLAIMS', `${set.kind} ${set.name} deletes its claims, which are the data, when it is ${when}`, [name], instead), force: null }
    }
    return null
  },
})
