// What the platform lets kdr do, asked before anything is begun: half a recovery is worse than none.
import { KdrError } from '../errors.ts'
import { missingOf, missingRole } from '../judgement/permissions.ts'
import { isKnownFalse } from '../model/known.ts'
import type { Need, Permission } from '../ports/platform.ts'
import type { World } from './compose.ts'
import { type Finding, finding } from './doctor-machine.ts'

/** `delete pods, patch statefulsets.apps/scale`: verbs of one resource together. */
const words = (permissions: readonly Permission[]): string => {
  const verbs = new Map<string, string[]>()
  for (const { verb, resource } of permissions) verbs.set(resource, [...(verbs.get(resource) ?? []), verb])
  return [...verbs].map(([resource, all]) => `${all.join('+')} ${resource}`).join(', ')
}

/** What lies outside the namespace (nodes, volumes) only lets kdr see more: without it, it says that it did not. */
const required = (permissions: readonly Permission[]): readonly Permission[] => permissions.filter(({ namespace }) => namespace !== null)

/** Throws `permission-missing` (exit refused) naming every verb that this recovery needs and lacks. */
export const demandPermissions = async ({ name, ports }: World, need: Need, signal: AbortSignal): Promise<void> => {
  const missing = required(missingOf(await ports.platform.permissions(need, signal)))
  if (missing.length === 0) return
  const [first] = missing
  // Nothing could be asked at all: that is the news, not a list of verbs.
  if (first !== undefined && !first.allowed.known && missing.every(({ allowed }) => !allowed.known))
    throw new KdrError(`what kdr may do on ${name} was not seen: ${first.allowed.why}`, { code: 'permission-unknown', exit: 'unknown', hint: 'kdr doctor' })
  const refused = missing.every(({ allowed }) => isKnownFalse(allowed))
  throw new KdrError(`kdr ${refused ? 'may not' : 'is not known to be allowed to'} do what a recovery of ${name} needs: ${words(missing)}`, {
    code: 'permission-missing',
    exit: 'refused',
    hint: 'kdr doctor prints the Role that is missing; diagnose, show and recover --dry-run need none of it',
  })
}

/** Empty where the platform asks for no permission. */
export const permissionFindings = async ({ ports }: World, signal: AbortSignal): Promise<readonly Finding[]> => {
  const all = await ports.platform.permissions('everything', signal)
  if (all.length === 0) return []
  const missing = missingOf(all)
  const must = required(missing)
  const title = 'Permission on the platform'
  if (missing.length === 0) return [finding('platform-permission', title, true, 'PASS', `all ${all.length} verbs that a recovery needs`)]
  const result = must.some(({ allowed }) => isKnownFalse(allowed)) ? 'FAIL' : 'UNKNOWN'
  const fix = `whoever may grant it applies this, and binds it to whom kdr works as (kubectl create rolebinding kdr-missing --role=kdr-missing --user=…, or --serviceaccount=…):\n${missingRole(missing)}`
  return [finding('platform-permission', title, must.length > 0, result, `missing: ${words(missing)}`, fix)]
}
