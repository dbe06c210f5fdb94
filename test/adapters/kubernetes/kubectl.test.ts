// The commands an operator would type, the kubeconfig that is meant, and how a Lease is read.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { V1Lease } from '@kubernetes/client-node'
import { afterAll, describe, expect, it } from 'vitest'
import { commandsOf, type Typed } from '../../../src/adapters/kubernetes/commands.ts'
import { loadKubeconfig } from '../../../src/adapters/kubernetes/kubeconfig.ts'
import { DURATION, emptied, heldBy, holderOf, leaseName, silentFor } from '../../../src/adapters/kubernetes/lease-record.ts'

const typed = (parts: Partial<Typed> = {}): Typed => ({
  container: 'kafka',
  image: 'confluentinc/cp-kafka:7.5.3',
  isBroker: true,
  running: true,
  address: 'kafka-1.kafka-headless:9092',
  scale: null,
  ...parts,
})
const kubectl = (seen: Readonly<Record<string, Typed>>) =>
  commandsOf({ namespace: 'kafka', context: null, kubeconfig: null, seen: () => new Map(Object.entries(seen)) })

describe('kubectl commands', () => {
  it('give a pod at least the two minutes that a controlled shutdown may take', () => {
    expect(kubectl({}).stop('kafka-2', 30_000)).toBe('kubectl -n kafka delete pod kafka-2 --grace-period=120')
    expect(kubectl({}).restart('kafka-2', 300_000)).toBe('kubectl -n kafka delete pod kafka-2 --grace-period=300')
  })

  it('run a Kafka tool in a pod that runs, without what it must not inherit', () => {
    const commands = kubectl({ 'kafka-0': typed({ running: false }), 'kafka-1': typed() })
    expect(commands.kafka('kafka-topics', ['--describe', '--topic', 'a b'])).toBe(
      "kubectl -n kafka exec kafka-1 -c kafka -- env -u JMX_PORT -u KAFKA_JMX_OPTS -u KAFKA_OPTS KAFKA_HEAP_OPTS=-Xmx256M kafka-topics --bootstrap-server kafka-1.kafka-headless:9092 --describe --topic 'a b'",
    )
    expect(kubectl({ 'kafka-0': typed({ image: 'apache/kafka:4.3.1' }) }).kafka('kafka-configs', [])).toContain('/opt/kafka/bin/kafka-configs.sh')
    expect(kubectl({ 'kafka-0': typed({ image: 'quay.io/strimzi/kafka:0.45' }) }).kafka('kafka-configs', [])).toContain('bin/kafka-configs.sh')
  })

  it('bring a member that was scaled away back by its set, and another by its pod', () => {
    const commands = kubectl({ 'kafka-2': typed({ scale: { kind: 'statefulset', name: 'kafka', replicas: 3, first: null } }), 'kafka-1': typed() })
    expect(commands.start('kafka-2')).toBe('kubectl -n kafka scale statefulset kafka --replicas=3')
    expect(commands.start('kafka-1')).toContain('kubectl -n kafka delete pod kafka-1')
  })

  it('name context and kubeconfig where they were chosen', () => {
    const commands = commandsOf({ namespace: 'kafka', context: 'prod', kubeconfig: '/home/a b/config', seen: () => new Map() })
    expect(commands.list()).toBe("kubectl -n kafka --context prod --kubeconfig '/home/a b/config' get pods -o wide")
  })
})

describe('the kubeconfig', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'kdr-kubeconfig-'))
  afterAll(() => rmSync(home, { recursive: true, force: true }))
  const file = (name: string, current: string, contexts: readonly string[]): string => {
    const at = path.join(home, name)
    const entries = contexts.map((context) => ({ name: context, context: { cluster: context, user: context } }))
    const clusters = contexts.map((context) => ({ name: context, cluster: { server: `https://${context}.${name}:6443` } }))
    writeFileSync(
      at,
      JSON.stringify({ 'current-context': current, contexts: entries, clusters, users: contexts.map((context) => ({ name: context, user: {} })) }),
    )
    return at
  }
  const codeOf = (load: () => unknown): unknown => {
    try {
      return load()
    } catch (thrown) {
      return thrown instanceof Error && 'code' in thrown ? thrown.code : thrown
    }
  }

  it('is read again each time, so that a switched context is seen', () => {
    const kubeconfig = file('one', 'prod', ['prod', 'test'])
    const choice = { kubeconfig, context: null, env: {} }
    expect(loadKubeconfig(choice)).toMatchObject({ context: 'prod', server: 'https://prod.one:6443', inCluster: false })
    file('one', 'test', ['prod', 'test'])
    expect(loadKubeconfig(choice)).toMatchObject({ context: 'test', server: 'https://test.one:6443' })
    expect(loadKubeconfig({ ...choice, context: 'prod' })).toMatchObject({ context: 'prod' })
  })

  it('may be several files, as kubectl reads them: the first to name something wins', () => {
    const KUBECONFIG = [file('first', '', ['a']), path.join(home, 'missing'), file('second', 'b', ['a', 'b'])].join(path.delimiter)
    expect(loadKubeconfig({ kubeconfig: null, context: null, env: { KUBECONFIG } })).toMatchObject({ context: 'b', server: 'https://b.second:6443' })
    expect(loadKubeconfig({ kubeconfig: null, context: 'a', env: { KUBECONFIG } })).toMatchObject({ server: 'https://a.first:6443' })
  })

  it('that is missing, broken or without that context is a mistake to be told', () => {
    const kubeconfig = file('known', 'a', ['a'])
    expect(codeOf(() => loadKubeconfig({ kubeconfig: null, context: null, env: { HOME: home } }))).toBe('no-kubeconfig')
    expect(codeOf(() => loadKubeconfig({ kubeconfig: path.join(home, 'missing'), context: null, env: {} }))).toBe('kubeconfig-unreadable')
    expect(codeOf(() => loadKubeconfig({ kubeconfig, context: 'nope', env: {} }))).toBe('no-such-context')
  })
})

describe('a Lease', () => {
  const holder = { run: 'run-1', user: 'ann', host: 'laptop', pid: 7, processStart: 'boot/9', since: Date.parse('2026-01-15T03:00:00Z'), fence: 4 }
  const target = (identity: string) => ({ platform: 'kubernetes' as const, cluster: 'prod', identity })

  it('says who holds it, and nobody once it is emptied, its fence kept', () => {
    const lease = heldBy(holder, 'kdr-x', 'kafka', null)
    expect(holderOf(lease)).toEqual(holder)
    expect(holderOf(emptied(lease))).toBeNull()
    expect(emptied(lease).spec?.leaseTransitions).toBe(4)
  })

  it('is the same by whatever context and address its namespace is reached', () => {
    expect(leaseName(target('prod|https://a:6443|uid-1'))).toBe(leaseName(target('admin|https://b:443|uid-1')))
    expect(leaseName(target('prod|https://a:6443|uid-1'))).not.toBe(leaseName(target('prod|https://a:6443|uid-2')))
  })

  it("is as old as the API server's own clock says, whatever the clocks of its holders", () => {
    const written = new Date('2026-01-15T03:00:00Z')
    const lease: V1Lease = { ...heldBy(holder, 'kdr-x', 'kafka', null), metadata: { managedFields: [{ manager: 'kdr', time: written }] } }
    expect(silentFor(lease, written.getTime() + 45_000)).toBe(45_000)
    expect(silentFor(lease, written.getTime() + 45_000)).toBeGreaterThan(DURATION)
  })
})
