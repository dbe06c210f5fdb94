// What a principal lacks, as the Role that would grant it. Pure text: whoever may grant it applies it.
import { isKnownTrue } from '../model/known.ts'
import type { Permission } from '../ports/platform.ts'

/** Neither proven nor refused is missing too: the role grants it for certain. */
export const missingOf = (permissions: readonly Permission[]): readonly Permission[] => permissions.filter(({ allowed }) => !isKnownTrue(allowed))

/** `statefulsets.apps/scale` → API group `apps`, resource `statefulsets/scale`. */
const ruleParts = (text: string): { readonly group: string; readonly resource: string } => {
  const [whole = '', subresource] = text.split('/')
  const [name = '', ...group] = whole.split('.')
  return { group: group.join('.'), resource: subresource === undefined ? name : `${name}/${subresource}` }
}

const listOf = (values: Iterable<string>): string => `[${[...values].map((value) => JSON.stringify(value)).join(', ')}]`

const rulesOf = (permissions: readonly Permission[]): readonly string[] => {
  const verbs = new Map<string, Set<string>>()
  for (const { resource, verb } of permissions) verbs.set(resource, (verbs.get(resource) ?? new Set()).add(verb))
  return [...verbs].flatMap(([text, wanted]) => {
    const { group, resource } = ruleParts(text)
    return [`  - apiGroups: [${JSON.stringify(group)}]`, `    resources: [${JSON.stringify(resource)}]`, `    verbs: ${listOf(wanted)}`]
  })
}

const NAME = 'kdr-missing'

const role = (kind: 'Role' | 'ClusterRole', namespace: string | null, permissions: readonly Permission[]): readonly string[] => [
  'apiVersion: rbac.authorization.k8s.io/v1',
  `kind: ${kind}`,
  'metadata:',
  `  name: ${NAME}`,
  ...(namespace === null ? [] : [`  namespace: ${namespace}`]),
  'rules:',
  ...rulesOf(permissions),
]

/** YAML of a Role for each namespace, and a ClusterRole for what is cluster-wide, with just what is missing; empty when nothing is. */
export const missingRole = (permissions: readonly Permission[]): string => {
  const missing = missingOf(permissions)
  const namespaces = [...new Set(missing.map(({ namespace }) => namespace))].sort((a, b) => (b ?? '').localeCompare(a ?? ''))
  const documents = namespaces.map((namespace) =>
    role(
      namespace === null ? 'ClusterRole' : 'Role',
      namespace,
      missing.filter((permission) => permission.namespace === namespace),
    ).join('\n'),
  )
  return documents.length === 0 ? '' : `${documents.join('\n---\n')}\n`
}
