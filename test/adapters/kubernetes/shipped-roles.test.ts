// The roles that ship grant just what kdr asks whether it may: no verb less, and no verb more.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { verbsFor } from '../../../src/adapters/kubernetes/permissions.ts'

interface Role {
  readonly kind: string
  readonly rules?: readonly { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[] }[]
}

/** `deployments/scale` of API group `apps` → `deployments.apps/scale`. */
const named = (group: string, resource: string): string => {
  const [name, ...rest] = resource.split('/')
  return [group === '' ? name : `${name}.${group}`, ...rest].join('/')
}

const granted = (file: string): readonly string[] => {
  const text = readFileSync(path.join(import.meta.dirname, '..', '..', '..', 'deploy', file), 'utf8')
  const roles = parseAllDocuments(text).map((document) => document.toJS() as Role)
  const verbs = roles.flatMap(({ kind, rules = [] }) =>
    rules.flatMap(({ apiGroups, resources, verbs: all }) =>
      apiGroups.flatMap((group) => resources.flatMap((resource) => all.map((verb) => `${kind}: ${verb} ${named(group, resource)}`))),
    ),
  )
  return [...new Set(verbs)].sort()
}

const asked = (need: Parameters<typeof verbsFor>[0]): readonly string[] =>
  [...new Set(verbsFor(need).map(({ verb, resource, scope }) => `${scope === 'cluster' ? 'ClusterRole' : 'Role'}: ${verb} ${resource}`))].sort()

describe('the shipped roles', () => {
  it('to look', () => expect(granted('rbac-read-only.yaml')).toEqual(asked('look')))
  it('to recover', () => expect(granted('rbac-recovery.yaml')).toEqual(asked('everything')))
})
