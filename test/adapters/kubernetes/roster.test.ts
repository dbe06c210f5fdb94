// Who ought to be there and is not, where a pod last was, and why it is not there now.
import type { CoreV1Event, V1Deployment, V1PersistentVolume } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { nodeTrouble } from '../../../src/adapters/kubernetes/node-trouble.ts'
import { roleSelectors } from '../../../src/adapters/kubernetes/roles.ts'
import { rosterOf } from '../../../src/adapters/kubernetes/roster.ts'
import { volumesOf } from '../../../src/adapters/kubernetes/volumes.ts'
import { nodeOf, type Told, waitsFor } from '../../../src/adapters/kubernetes/whereabouts.ts'
import { revivesOf, workloadOf } from '../../../src/adapters/kubernetes/workloads.ts'
import { known, unknown } from '../../../src/model/known.ts'
import { minutes } from '../../../src/units.ts'
import { claim, node, pod, SINCE, set, snapshot } from './objects.ts'

const roles = roleSelectors({})
const kafka = (ordinal: number, parts: Parameters<typeof pod>[0] = {}) => pod({ name: `kafka-${ordinal}`, ...parts })
const sets = (...all: ReturnType<typeof set>[]) => known(all, 'StatefulSets')
const NOT_RUNNING = unknown('it does not run', 'disks')

const said = (name: string, kind: string, reason: string, message: string, type = 'Normal', uid = `uid-of-${name}`): CoreV1Event => ({
  metadata: {},
  involvedObject: { kind, name, uid },
  reason,
  message,
  type,
  firstTimestamp: SINCE,
  lastTimestamp: SINCE,
})

const told = (...events: CoreV1Event[]): Told => {
  const names = new Set(events.map(({ involvedObject }) => involvedObject.name ?? ''))
  return new Map(
    [...names].map((name) => [
      name,
      known(
        events.filter(({ involvedObject }) => involvedObject.name === name),
        'Events',
      ),
    ]),
  )
}

const entryOf = (now: ReturnType<typeof snapshot>, name: string) => {
  const entry = rosterOf(now, roles).find((candidate) => candidate.name === name)
  if (entry === undefined) throw new Error(`${name} is not on the roster`)
  return entry
}

const waitingOf = (now: ReturnType<typeof snapshot>, name: string, events: Told = new Map(), minutesLater = 1) => {
  const entry = entryOf(now, name)
  return waitsFor(entry, volumesOf(entry, NOT_RUNNING, now, 'kafka'), now, events, SINCE.getTime() + minutes(minutesLater))
}

describe('the roster', () => {
  it('has a Schema Registry whose Deployment was scaled to nothing, and nothing else that was', () => {
    const deployment = (name: string, replicas: number): V1Deployment => ({
      metadata: { name, uid: `uid-of-${name}`, generation: 7 },
      spec: {
        replicas,
        selector: {},
        template: { metadata: { labels: { app: name } }, spec: { containers: [{ name, image: 'confluentinc/cp-schema-registry:7.5.0' }] } },
      },
    })
    const all = (...list: V1Deployment[]) => snapshot({ deployments: known(list, 'Deployments') })
    const now = all(deployment('schema-registry', 0), deployment('kafka-connect', 0))
    expect(rosterOf(now, roles)).toMatchObject([{ name: 'schema-registry', roles: ['schema-registry'], pod: null, absent: { reason: 'ScaledDown' } }])
    const entry = entryOf(now, 'schema-registry')
    expect(revivesOf(entry)).toBe('never')
    expect(workloadOf(entry, now)).toMatchObject({ value: { kind: 'Deployment', name: 'schema-registry', version: 'uid-of-schema-registry/7', replicas: 0 } })
    expect(waitingOf(now, 'schema-registry')).toMatchObject({ value: { reason: 'ScaledDown' } })
    expect(rosterOf(all(deployment('schema-registry', 2)), roles)).toEqual([])
  })

  it('has pods by label, sorted by number, and no pod that only looks like one by its name', () => {
    const now = snapshot({ pods: [kafka(10), kafka(2), pod({ name: 'kafka-ui', labels: { app: 'ui' } })] })
    expect(rosterOf(now, roles).map(({ name }) => name)).toEqual(['kafka-2', 'kafka-10'])
  })

  it('has every ordinal that its set wants, from ordinals.start on', () => {
    const now = snapshot({ pods: [kafka(5)], sets: sets(set({ replicas: 2, ordinals: { start: 5 } })) })
    expect(rosterOf(now, roles).map(({ name, absent }) => [name, absent?.reason])).toEqual([
      ['kafka-5', undefined],
      ['kafka-6', 'NotCreated'],
    ])
  })

  it('names the pod that OrderedReady waits for, and none under Parallel', () => {
    const pods = [kafka(0), kafka(1, { ready: false })]
    expect(entryOf(snapshot({ pods, sets: sets(set()) }), 'kafka-2').absent?.message).toContain('created when kafka-1 is ready')
    expect(entryOf(snapshot({ pods, sets: sets(set({ podManagementPolicy: 'Parallel' })) }), 'kafka-2').absent?.message).not.toContain('kafka-1 is ready')
  })

  it('has every member that a quorum is told of, though it was scaled away and its claims are gone', () => {
    const peers = [0, 1, 2].map((ordinal) => `kafka-${ordinal}.kafka-headless:2888:3888`).join(';')
    const template = {
      metadata: { labels: { app: 'zookeeper' } },
      spec: { containers: [{ name: 'zookeeper', env: [{ name: 'ZOOKEEPER_SERVERS', value: peers }] }] },
    }
    const now = snapshot({ sets: sets(set({ replicas: 0, template })), claims: known([claim('data-kafka-0')], 'PersistentVolumeClaims') })
    expect(rosterOf(now, roles).map(({ name, absent }) => [name, absent?.message.split('; ')[1]])).toEqual([
      ['kafka-0', 'its claims are still there'],
      ['kafka-1', 'its claims are gone'],
      ['kafka-2', 'its claims are gone'],
    ])
  })

  it('has members that were scaled away while their claims are left', () => {
    const now = snapshot({
      pods: [kafka(0)],
      sets: sets(set({ replicas: 1 })),
      claims: known([claim('data-kafka-0'), claim('data-kafka-2')], 'PersistentVolumeClaims'),
    })
    expect(rosterOf(now, roles).map(({ name, absent }) => [name, absent?.reason])).toEqual([
      ['kafka-0', undefined],
      ['kafka-2', 'ScaledDown'],
    ])
    const gone = entryOf(now, 'kafka-2')
    expect([revivesOf(gone), revivesOf(entryOf(now, 'kafka-0'))]).toEqual(['never', 'always'])
    expect(workloadOf(gone, now)).toMatchObject({ value: { kind: 'StatefulSet', version: 'uid-of-set/42', replicas: 1, ordered: true } })
    expect(volumesOf(gone, NOT_RUNNING, now, 'kafka')).toMatchObject([
      { path: '/data', backing: { claim: 'data-kafka-2', phase: 'Bound' }, state: { known: false } },
    ])
  })

  it('leaves jobs out, and evicted pods of a Deployment', () => {
    const ofKind = (kind: string, phase: string) => {
      const subject = pod({ name: `a-${kind}`.toLowerCase(), phase })
      return { ...subject, metadata: { ...subject.metadata, ownerReferences: [{ apiVersion: 'v1', kind, name: 'x', uid: 'x', controller: true }] } }
    }
    expect(rosterOf(snapshot({ pods: [ofKind('Job', 'Running'), ofKind('ReplicaSet', 'Failed'), ofKind('ReplicaSet', 'Running')] }), roles)).toHaveLength(1)
  })

  it('knows the kind of what recreates a pod whose Deployment may not be seen', () => {
    const subject = kafka(0)
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'kafka-7f9', uid: 'x', controller: true }
    const now = snapshot({ pods: [{ ...subject, metadata: { ...subject.metadata, ownerReferences: [owner] } }], deployments: unknown('no', 'Deployments') })
    expect(workloadOf(entryOf(now, 'kafka-0'), now)).toMatchObject({ known: true, value: { kind: 'ReplicaSet', name: 'kafka-7f9', replicas: 1 } })
  })

  it('does not take sets it may not see for sets that are not there', () => {
    const now = snapshot({ pods: [kafka(0)], sets: unknown('not permitted', 'StatefulSets') })
    expect(workloadOf(entryOf(now, 'kafka-0'), now)).toMatchObject({ known: false, why: 'not permitted' })
  })
})

const released = (name: string, hour: number): V1PersistentVolume => ({
  metadata: { name },
  spec: {
    claimRef: { name: 'data-kafka-2', namespace: 'kafka' },
    persistentVolumeReclaimPolicy: 'Retain',
    nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node3'] }] }] } },
  },
  status: { phase: 'Released', lastPhaseTransitionTime: new Date(2026, 0, 15, hour) },
})

describe('the volumes of a member', () => {
  const volumes = (now: ReturnType<typeof snapshot>, disks: Parameters<typeof volumesOf>[1]) => volumesOf(entryOf(now, 'kafka-2'), disks, now, 'kafka')
  const disk = (entries: string[]) => ({
    path: '/data',
    totalBytes: 1,
    usableBytes: 1,
    readable: true,
    meta: null,
    zooKeeper: null,
    zxid: null,
    metadataLog: false,
    myid: null,
    entries,
  })
  const bound = snapshot({
    pods: [kafka(2)],
    claims: known([claim('data-kafka-2')], 'claims'),
    volumes: known([released('pv-7', 9), { ...released('pv-9', 9), spec: { claimRef: { name: 'data-kafka-2', namespace: 'other' } } }], 'volumes'),
  })

  it('tell of an older one that still names the claim, whatever is seen of the new one', () => {
    const words = '; volume pv-7, Released, still names this claim'
    const backing = { phase: 'Bound', volume: 'pv-of-data-kafka-2' }
    expect(volumes(bound, known([disk([])], 'disks'))).toMatchObject([{ state: { known: true, value: 'blank', by: `disks${words}` }, backing }])
    expect(volumes(bound, NOT_RUNNING)).toMatchObject([{ state: { known: false, why: `it does not run${words}` }, backing }])
  })

  it('do not take an older one for that of a claim that waits for its first', () => {
    const now = { ...bound, claims: known([claim('data-kafka-2', 'Pending')], 'claims') }
    expect(volumes(now, NOT_RUNNING)).toMatchObject([{ state: { why: expect.stringContaining('pv-7') }, backing: { phase: 'Pending', volume: null } }])
  })

  it('say that their claim is being deleted', () => {
    const leaving = claim('data-kafka-2')
    const claims = known([{ ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: SINCE } }], 'claims')
    expect(volumes({ ...bound, claims }, NOT_RUNNING)).toMatchObject([{ backing: { phase: 'Terminating' } }])
  })

  it('have no backing where they die with the pod', () => {
    const subject = kafka(2)
    const now = snapshot({ pods: [{ ...subject, spec: { containers: subject.spec?.containers ?? [], volumes: [{ name: 'data', emptyDir: {} }] } }] })
    const meta = new Map([['broker.id', '2']])
    expect(volumes(now, known([{ ...disk([]), meta }], 'disks'))).toMatchObject([{ state: { value: 'intact' }, backing: null }])
  })
})

describe('what a pod that is not placed waits for', () => {
  const pending = (message: string) => {
    const subject = kafka(2, { phase: 'Pending', node: '', ready: false, status: { state: {} } })
    return { ...subject, status: { ...subject.status, conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }] } }
  }
  const affinity = "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules."

  it('is a node, and the scheduler says why; nodes in trouble are named', () => {
    const nodes = known([node('node1'), node('node2', 'Unknown')], 'Nodes')
    expect(waitingOf(snapshot({ pods: [pending(affinity)], nodes }), 'kafka-2')).toMatchObject({
      value: { reason: 'Unschedulable', message: `${affinity} (node2: unreachable since 2026-01-15T03:00:00.000Z: Kubelet stopped posting node status.)` },
    })
  })

  it('is a claim that is not bound: with its class, and what its provisioner says', () => {
    const now = snapshot({ pods: [pending('pod has unbound immediate PersistentVolumeClaims')], claims: known([claim('data-kafka-2', 'Pending')], 'claims') })
    const events = told(said('data-kafka-2', 'PersistentVolumeClaim', 'ProvisioningFailed', 'storageclass "fast" not found', 'Warning'))
    expect(waitingOf(now, 'kafka-2', events)).toMatchObject({
      value: {
        reason: 'PersistentVolumeClaim',
        message: 'PersistentVolumeClaim data-kafka-2 is Pending (storage class fast): ProvisioningFailed: storageclass "fast" not found',
      },
    })
  })

  it('is a claim that does not exist, whose volume may still', () => {
    const pods = [pending('persistentvolumeclaim "data-kafka-2" not found')]
    const now = snapshot({ pods, volumes: known([released('pv-6', 5), released('pv-7', 9), released('pv-8', 7)], 'PersistentVolumes') })
    expect(waitingOf(now, 'kafka-2')).toMatchObject({
      value: { reason: 'PersistentVolumeClaim', message: expect.stringContaining('its volume pv-7 still does') },
    })
    const others = '; volume pv-8, Released, still names this claim; volume pv-6, Released, still names this claim'
    expect(volumesOf(entryOf(now, 'kafka-2'), NOT_RUNNING, now, 'kafka')).toMatchObject([
      {
        state: { known: true, value: 'gone', by: expect.stringContaining(others) },
        backing: { phase: 'Released', volume: 'pv-7', reclaim: 'Retain', node: 'node3' },
      },
    ])
    const gone = snapshot({ pods })
    expect(volumesOf(entryOf(gone, 'kafka-2'), NOT_RUNNING, gone, 'kafka')).toMatchObject([
      { state: { known: true, value: 'gone' }, backing: { phase: 'Missing', volume: null } },
    ])
  })

  it('is told where it last ran by the disk it cannot leave, else by its events', () => {
    const local: V1PersistentVolume = {
      metadata: { name: 'pv-of-data-kafka-2' },
      spec: {
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node3'] }] }] } },
      },
    }
    const now = snapshot({ pods: [pending(affinity)], claims: known([claim('data-kafka-2')], 'claims'), volumes: known([local], 'volumes') })
    const entry = entryOf(now, 'kafka-2')
    const backings = volumesOf(entry, NOT_RUNNING, now, 'kafka').flatMap(({ backing }) => (backing === null ? [] : [backing]))
    expect(nodeOf(entry, backings, new Map())).toMatchObject({ value: 'node3' })
    const kubelet = { ...said('kafka-2', 'Pod', 'Killing', 'Stopping container kafka'), source: { host: 'node4' } }
    const events = told(said('kafka-2', 'Pod', 'Scheduled', 'Successfully assigned kafka/kafka-2 to node9', 'Normal', 'a predecessor'), kubelet)
    const last = nodeOf(entry, [], events)
    expect(last).toMatchObject({ value: 'node9' })
    expect(nodeTrouble(last, now.nodes)).toMatchObject({ value: expect.stringContaining('gone') })
    expect(nodeOf(entry, [], new Map())).toMatchObject({ known: false })
  })
})

describe('what a pod whose container is being created waits for', () => {
  const creating = snapshot({ pods: [kafka(2, { phase: 'Pending', ready: false, status: { state: { waiting: { reason: 'ContainerCreating' } } } })] })
  const warning = (reason: string, message: string, uid?: string) => said('kafka-2', 'Pod', reason, message, 'Warning', uid)

  it('is what was said of this very pod, and not of one that bore its name', () => {
    const old = warning('FailedMount', 'configmap "kafka" not found', 'a predecessor')
    expect(waitingOf(creating, 'kafka-2', told(old))).toMatchObject({ value: { reason: 'ContainerCreating' } })
    const own = warning('FailedMount', 'secret "kafka" not found')
    expect(waitingOf(creating, 'kafka-2', told(own, old))).toMatchObject({ value: { reason: 'FailedMount', message: 'secret "kafka" not found' } })
  })

  it('is its volume, which another node gives up by itself: for five minutes', () => {
    const message = 'Multi-Attach error for volume "pv-7" Volume is already exclusively attached to one node'
    const timedOut = 'Unable to attach or mount volumes: timed out waiting for the condition'
    const events = told(warning('FailedAttachVolume', message))
    expect(waitingOf(creating, 'kafka-2', events, 4)).toMatchObject({ value: { reason: 'Attaching', message } })
    expect(waitingOf(creating, 'kafka-2', events, 6)).toMatchObject({ value: { reason: 'FailedAttachVolume', message } })
    const both = told(warning('FailedAttachVolume', message), warning('FailedMount', timedOut))
    expect(waitingOf(creating, 'kafka-2', both, 4)).toMatchObject({ value: { reason: 'Attaching', message: timedOut } })
  })

  it('is what keeps its set from making it, said of this very set', () => {
    const now = snapshot({ sets: sets(set({ replicas: 1 })) })
    const failed = (uid: string) => told(said('kafka', 'StatefulSet', 'FailedCreate', 'exceeded quota', 'Warning', uid))
    expect(waitingOf(now, 'kafka-0', failed('uid-of-set'))).toMatchObject({
      value: { reason: 'NotCreated', message: expect.stringContaining('exceeded quota') },
    })
    expect(waitingOf(now, 'kafka-0', failed('another'))).toMatchObject({ value: { message: expect.not.stringContaining('exceeded quota') } })
  })

  it('is its end, from the moment that it is being deleted, while it still runs', () => {
    const subject = kafka(2)
    const now = snapshot({ pods: [{ ...subject, metadata: { ...subject.metadata, deletionTimestamp: SINCE, deletionGracePeriodSeconds: 120 } }] })
    expect(waitingOf(now, 'kafka-2')).toMatchObject({ value: { reason: 'Terminating' } })
  })
})

describe('a pod on a lost node', () => {
  it('waits for its node, and is not said to have stopped', () => {
    const now = snapshot({ pods: [kafka(2)], nodes: known([node('node1', 'Unknown')], 'Nodes') })
    expect(waitingOf(now, 'kafka-2')).toMatchObject({ value: { reason: 'NodeLost', message: expect.stringContaining('node1 is unreachable') } })
  })

  it('is believed where nodes may not be seen, which is then said', () => {
    const now = snapshot({ pods: [kafka(2)], nodes: unknown('not permitted', 'Nodes') })
    expect(waitingOf(now, 'kafka-2')).toMatchObject({ value: null })
    expect(nodeTrouble(known('node1', 'spec'), now.nodes)).toEqual(unknown('not permitted', 'Nodes'))
  })
})

describe('trouble with a node', () => {
  it('names who cordoned it', () => {
    const cordoned = {
      ...node('node2'),
      metadata: { name: 'node2', managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': { 'f:unschedulable': {} } } }] },
      spec: { unschedulable: true, taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] },
    }
    expect(nodeTrouble(known('node2', 'spec'), known([cordoned], 'Nodes'))).toMatchObject({ value: 'cordoned by kubectl' })
  })
})
