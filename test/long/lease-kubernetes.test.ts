// One run at a time on a cluster, wherever kdr runs: the lock's contract on a real Lease, and two kdr on two
// kubeconfigs that know the cluster by different names.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts'
import { kubernetesLock } from '../../src/adapters/kubernetes/lease.ts'
import type { KubernetesSettings } from '../../src/adapters/kubernetes/open-kubernetes.ts'
import { openKubernetes } from '../../src/adapters/kubernetes/open-kubernetes.ts'
import { actor, processStartOf } from '../../src/adapters/system/actor.ts'
import type { TargetIdentity } from '../../src/model/member.ts'
import { LOCK_TARGET, lockContract } from '../contract/run-store.contract.ts'
import { deploy, GRANTS, KUBECONFIG } from '../kubernetes/harness.ts'
import { admin, applyText, configOf, kubeconfigOf, removeText, shipped } from '../kubernetes/principals.ts'
import { type Stand, stand } from '../real/harness.ts'

const DIST = path.join(import.meta.dirname, '..', '..', 'dist')
const KILL_AT = path.join(import.meta.dirname, '..', 'real', 'kill-at.mjs')
const NAMESPACE = 'kdr-test-kraft'

const settingsOf = (namespace: string, kubeconfig = KUBECONFIG): KubernetesSettings => ({
  cluster: namespace,
  kubeconfig,
  context: null,
  namespace,
  selectors: {},
  env: process.env,
})

const me = { ...actor(), processStartOf }

describe('a Lease', () => {
  const namespace = 'kdr-lease'
  let turn = 0
  beforeAll(async () => {
    const all = admin(namespace)
    await applyText(all, JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'kdr.dev/disposable': 'true' } } }))
    all.close()
  })
  afterAll(async () => {
    const all = admin(namespace)
    await all.core.deleteNamespace({ name: namespace })
    all.close()
  })

  /** Each test has targets of its own, so that what an earlier one left held is none of its business. */
  const apart = (target: TargetIdentity): TargetIdentity => ({ ...target, identity: `${process.pid}-${turn}-${target.identity}` })

  const holding = (run: string): string => `
    const [{ kubernetesLock }, { actor, processStartOf }] = await Promise.all([
      import(${JSON.stringify(path.join(DIST, 'adapters', 'kubernetes', 'lease.js'))}),
      import(${JSON.stringify(path.join(DIST, 'adapters', 'system', 'actor.js'))}),
    ])
    const settings = { ...${JSON.stringify({ ...settingsOf(namespace), env: {} })}, env: process.env }
    await kubernetesLock(settings, { ...actor(), processStartOf }).acquire(${JSON.stringify(apart(LOCK_TARGET))}, ${JSON.stringify(run)}, null)
    console.log('held')
    setInterval(() => {}, 60_000)
  `

  lockContract('kubernetes', () => {
    turn += 1
    const lock = kubernetesLock(settingsOf(namespace), me)
    return {
      lock: {
        covers: lock.covers,
        acquire: (target, run, takeOver) => lock.acquire(apart(target), run, takeOver),
        inspect: (target) => lock.inspect(apart(target)),
      },
      elsewhere: async (run) => {
        const child = spawn(process.execPath, ['--input-type=module', '--eval', holding(run)], { stdio: ['ignore', 'pipe', 'inherit'] })
        await once(child.stdout, 'data')
        return {
          die: async () => {
            const gone = once(child, 'exit')
            child.kill('SIGKILL')
            await gone
          },
        }
      },
    }
  })

  it('that is no longer renewed is given back to its own run only, on whatever machine', async () => {
    const elsewhere = { user: 'ann', host: 'laptop', pid: 7, processStartOf: () => 'another-boot/1' }
    const target = { ...LOCK_TARGET, identity: `${process.pid}-expired` }
    const dead = spawn(
      process.execPath,
      ['--input-type=module', '--eval', holding('run-1').replace(JSON.stringify(apart(LOCK_TARGET)), JSON.stringify(target))],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    await once(dead.stdout, 'data')
    dead.kill('SIGKILL')
    const lock = kubernetesLock(settingsOf(namespace), elsewhere)
    const codeOf = (run: string) =>
      lock.acquire(target, run, null).then(
        () => 'acquired',
        (thrown: { readonly code: string }) => thrown.code,
      )
    expect(await lock.inspect(target)).toMatchObject({ holder: { run: 'run-1' }, alive: true })
    expect(await codeOf('run-1')).toBe('locked')
    await expect.poll(async () => (await lock.inspect(target))?.alive, { timeout: 40_000, interval: 1000 }).toBe('unknown')
    await expect(lock.acquire(target, 'run-2', null)).rejects.toMatchObject({
      code: 'locked',
      exit: 'locked',
      message: expect.stringContaining('has not renewed its lease for'),
    })
    expect(await codeOf('run-1')).toBe('acquired')
  })
})

describe('two kdr on two kubeconfigs', () => {
  let all: KubeClient
  let here: Stand
  let first: readonly string[] = []
  let second: readonly string[] = []
  let target: TargetIdentity

  beforeAll(async () => {
    deploy('kraft', NAMESPACE)
    all = admin(NAMESPACE)
    here = stand()
    await applyText(all, shipped('rbac-recovery.yaml', NAMESPACE))
    first = configOf(here.home, NAMESPACE, KUBECONFIG)
    second = configOf(here.home, NAMESPACE, await kubeconfigOf(all, 'kdr-recovery', here.home))
    const platform = openKubernetes(settingsOf(NAMESPACE))
    target = await platform.identity(AbortSignal.timeout(10_000))
    await platform.close()
  })
  afterAll(async () => {
    await removeText(all, shipped('rbac-recovery.yaml', NAMESPACE))
    all.close()
    await here.clear()
  })

  const recover = (cluster: readonly string[], ...args: readonly string[]) => here.kdr(['recover', 'single-broker', ...cluster, ...GRANTS, NAMESPACE, ...args])

  it('keep each other out while the first is at work', async () => {
    const held = await kubernetesLock(settingsOf(NAMESPACE), me).acquire(target, 'run-at-work', null)
    try {
      const ran = await recover(second)
      expect(ran.code, ran.out + ran.err).toBe(8)
      expect(ran.err + ran.out).toContain('run-at-work')
      expect(ran.err + ran.out).toContain('it is running')
    } finally {
      await held.release()
    }
  })

  it('take over from one that died only when it is named', async () => {
    // Killed with its intent on record and nothing done yet.
    const killed = await here.kdr(['recover', 'single-broker', '--broker', '3', ...first, ...GRANTS, NAMESPACE], {
      env: { KDR_KILL_TYPE: 'run.started' },
      preload: KILL_AT,
    })
    expect(killed.signal, killed.out + killed.err).toBe('SIGKILL')
    const lock = kubernetesLock(settingsOf(NAMESPACE), me)
    const run = (await lock.inspect(target))?.holder.run ?? ''
    expect(run).toContain('single-broker')
    for (const args of [[], ['--take-over', 'another-run']]) {
      const ran = await recover(second, ...args)
      expect(ran.code, ran.out + ran.err).toBe(8)
      expect(ran.err + ran.out).toContain(run)
    }
    // Nothing is down: having the lock, the run ends by saying so, and gives it back.
    const taken = await recover(second, '--take-over', run)
    expect(taken.code, taken.out + taken.err).toBe(5)
    expect(taken.out + taken.err).toContain('no broker is down')
    expect(await lock.inspect(target)).toBeNull()
  })
})
