// With only the role that ships for looking, kdr looks; it begins nothing that it may not finish, and says
// what it lacks in a form that whoever may grant it can apply.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts'
import { readPermissions } from '../../src/adapters/kubernetes/permissions.ts'
import { missingOf } from '../../src/judgement/permissions.ts'
import type { Need } from '../../src/ports/platform.ts'
import { type Stand, stand } from '../real/harness.ts'
import { deploy, GRANTS } from './harness.ts'
import { admin, applyText, configOf, kubeconfigOf, openAs, podsOf, removeText, shipped } from './principals.ts'

const NAMESPACE = 'kdr-test-kraft'
const RBAC = 'rbac.authorization.k8s.io'

/** Gives the account what doctor said it lacks. */
const GRANT = JSON.stringify({
  apiVersion: `${RBAC}/v1`,
  kind: 'RoleBinding',
  metadata: { name: 'kdr-missing', namespace: NAMESPACE },
  roleRef: { apiGroup: RBAC, kind: 'Role', name: 'kdr-missing' },
  subjects: [{ kind: 'ServiceAccount', name: 'kdr-read-only', namespace: NAMESPACE }],
})

describe('a service account with only deploy/rbac-read-only.yaml', () => {
  let all: KubeClient
  let here: Stand
  let kubeconfig = ''
  let cluster: readonly string[] = []

  beforeAll(async () => {
    deploy('kraft', NAMESPACE)
    all = admin(NAMESPACE)
    here = stand()
    await removeText(all, GRANT)
    await applyText(all, shipped('rbac-read-only.yaml', NAMESPACE))
    kubeconfig = await kubeconfigOf(all, 'kdr-read-only', here.home)
    cluster = configOf(here.home, NAMESPACE, kubeconfig)
  })
  afterAll(async () => {
    await removeText(all, GRANT)
    await removeText(all, shipped('rbac-read-only.yaml', NAMESPACE))
    all.close()
    await here.clear()
  })

  const missing = async (account: KubeClient, need: Need) =>
    missingOf(await readPermissions(account, need, AbortSignal.timeout(20_000))).map(({ verb, resource }) => `${verb} ${resource}`)

  it('diagnoses', async () => {
    expect(await here.json(['diagnose', ...cluster])).toMatchObject({ verdict: 'healthy' })
  })

  it('prints the page with the commands of this cluster', async () => {
    const page = await here.kdr(['show', 'single-broker', '--broker', '3', ...cluster])
    expect(page.code, page.err).toBe(0)
    expect(page.out).toContain(`kubectl -n ${NAMESPACE}`)
  })

  it('previews a recovery to its last step', async () => {
    const dry = await here.kdr(['recover', 'single-broker', '--broker', '3', '--dry-run', ...cluster])
    expect(dry.code, dry.out + dry.err).toBe(0)
    expect(dry.out).toContain('kafka-2')
  })

  it('stops before the first gate, naming what it may not do', async () => {
    const before = await podsOf(all)
    const ran = await here.kdr(['recover', 'single-broker', '--broker', '3', ...cluster, ...GRANTS, NAMESPACE])
    expect(ran.code, ran.out + ran.err).toBe(5)
    for (const verb of ['delete pods', 'get+create pods/exec', 'update statefulsets.apps/scale', 'get+create+update leases.coordination.k8s.io'])
      expect(ran.out + ran.err).toContain(verb)
    expect(await podsOf(all)).toEqual(before)
    expect(await here.json(['runs', 'list'])).toMatchObject({ runs: [] })
  })

  it('may look at everything, and lacks just what a recovery does', async () => {
    const reader = openAs(kubeconfig, NAMESPACE)
    expect(await missing(reader, 'look')).toEqual([])
    expect(await missing(reader, 'recover')).toHaveLength(7)
    expect(await missing(reader, 'recreate')).toEqual(expect.arrayContaining(['create statefulsets.apps', 'delete statefulsets.apps', 'create pods']))
    expect(await missing(reader, 'roll')).toEqual(expect.arrayContaining(['update deployments.apps/scale']))
    reader.close()
  })

  it('is told the Role that is missing, which is enough once it is granted', async () => {
    const { findings } = (await here.json(['doctor', ...cluster])) as { findings: { id: string; fix?: string }[] }
    const fix = findings.find(({ id }) => id === 'platform-permission')?.fix ?? ''
    await applyText(all, fix.slice(fix.indexOf('apiVersion:')))
    await applyText(all, GRANT)
    const reader = openAs(kubeconfig, NAMESPACE)
    await expect.poll(() => missing(reader, 'everything'), { timeout: 10_000 }).toEqual([])
    reader.close()
  })
})

describe('deploy/rbac-recovery.yaml', () => {
  it('grants everything that a recovery needs', async () => {
    const all = admin(NAMESPACE)
    const here = stand()
    await applyText(all, shipped('rbac-recovery.yaml', NAMESPACE))
    const account = openAs(await kubeconfigOf(all, 'kdr-recovery', here.home), NAMESPACE)
    await expect.poll(async () => missingOf(await readPermissions(account, 'everything', AbortSignal.timeout(20_000))), { timeout: 10_000 }).toEqual([])
    account.close()
    await removeText(all, shipped('rbac-recovery.yaml', NAMESPACE))
    all.close()
    await here.clear()
  })
})
