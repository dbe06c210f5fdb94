// The Role that would grant what is missing: no more than that, and whatever was not proven to be there.
import { describe, expect, it } from 'vitest'
import { missingOf, missingRole } from '../../src/judgement/permissions.ts'
import { known, unknown } from '../../src/model/known.ts'
import type { Permission } from '../../src/ports/platform.ts'

const permission = (verb: string, resource: string, allowed: boolean | null, namespace: string | null = 'kafka'): Permission => ({
  verb,
  resource,
  namespace,
  allowed: allowed === null ? unknown('no answer', 'review') : known(allowed, 'review'),
})

describe('the Role that is missing', () => {
  it('is none when nothing is', () => {
    expect(missingRole([permission('get', 'pods', true)])).toBe('')
  })

  it('has what is refused and what is not known, verbs of a resource together', () => {
    const all = [
      permission('list', 'pods', true),
      permission('delete', 'pods', false),
      permission('get', 'pods/exec', false),
      permission('create', 'pods/exec', null),
      permission('update', 'statefulsets.apps/scale', false),
      permission('get', 'leases.coordination.k8s.io', false),
    ]
    expect(missingOf(all)).toHaveLength(5)
    expect(missingRole(all)).toBe(`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: kdr-missing
  namespace: kafka
rules:
  - apiGroups: [""]
    resources: ["pods"]
    verbs: ["delete"]
  - apiGroups: [""]
    resources: ["pods/exec"]
    verbs: ["get", "create"]
  - apiGroups: ["apps"]
    resources: ["statefulsets/scale"]
    verbs: ["update"]
  - apiGroups: ["coordination.k8s.io"]
    resources: ["leases"]
    verbs: ["get"]
`)
  })

  it('is a ClusterRole for what belongs to the whole cluster', () => {
    const text = missingRole([permission('list', 'nodes', false, null), permission('delete', 'pods', false)])
    expect(text.split('---\n').map((document) => /kind: (\w+)/.exec(document)?.[1])).toEqual(['Role', 'ClusterRole'])
    expect(text.split('---\n')[1]).not.toContain('namespace:')
  })
})
