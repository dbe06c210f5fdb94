// A pod's status as a member's state, waiting reason, last exit and incarnation.
import { describe, expect, it } from 'vitest'
import { uidOf } from '../../../src/adapters/kubernetes/containers.ts'
import { lastExitOf, stateOf, waitingOf } from '../../../src/adapters/kubernetes/pod-state.ts'
import { pod, SINCE } from './objects.ts'

const waiting = (reason: string, message?: string) => ({ state: { waiting: { reason, ...(message === undefined ? {} : { message }) } } })
const ended = (exitCode: number, reason: string, signal?: number) => ({
  exitCode,
  reason,
  containerID: 'containerd://dead',
  ...(signal === undefined ? {} : { signal }),
})

describe('the state of a pod', () => {
  it.each([
    ['running', pod(), 'running'],
    ['running but not ready', pod({ ready: false }), 'running'],
    ['being created', pod({ phase: 'Pending', status: waiting('ContainerCreating') }), 'pending'],
    ['without its image', pod({ phase: 'Pending', status: waiting('ImagePullBackOff') }), 'pending'],
    ['not placed', pod({ phase: 'Pending', node: '', status: { state: {} } }), 'pending'],
    ['crash-looping', pod({ status: { ...waiting('CrashLoopBackOff'), lastState: { terminated: ended(1, 'Error') } } }), 'stopped'],
    ['just ended', pod({ status: { state: { terminated: ended(137, 'OOMKilled') } } }), 'stopped'],
    ['evicted', pod({ phase: 'Failed', status: { state: {} } }), 'stopped'],
  ])('%s', (_, subject, state) => {
    expect(stateOf(subject, null)).toMatchObject({ known: true, value: state })
  })

  it('on a node whose kubelet is silent is unknown, whatever the kubelet last said', () => {
    expect(stateOf(pod(), 'unreachable since then')).toMatchObject({ known: false, why: expect.stringContaining('node1 is unreachable') })
    expect(stateOf(pod({ status: { state: { terminated: ended(1, 'Error') } } }), 'unreachable')).toMatchObject({ known: false })
  })

  it('of a pod on no node does not depend on nodes', () => {
    expect(stateOf(pod({ phase: 'Pending', node: '', status: { state: {} } }), null)).toMatchObject({ value: 'pending' })
  })
})

describe('the incarnation of a pod', () => {
  it('is its UID and its running container', () => {
    expect(uidOf(pod())).toBe('uid-of-kafka-2/0123456789ab')
  })

  it('is none while its container does not run', () => {
    expect(uidOf(pod({ status: { ...waiting('CrashLoopBackOff'), containerID: 'containerd://dead' } }))).toBeNull()
  })

  it('is that of the main container, not of one that a mesh put before it', () => {
    const subject = pod()
    const status = subject.status?.containerStatuses ?? []
    const side = { name: 'istio-proxy', image: '', imageID: '', ready: true, restartCount: 0, state: { running: {} }, containerID: 'containerd://fff' }
    const meshed = {
      ...subject,
      spec: { containers: [{ name: 'istio-proxy' }, { name: 'kafka' }] },
      status: { ...subject.status, containerStatuses: [side, ...status] },
    }
    expect(uidOf(meshed)).toBe('uid-of-kafka-2/0123456789ab')
  })
})

describe('the last exit', () => {
  it.each([
    ['of a kill', ended(137, 'Error'), { code: 137, signal: 'SIGKILL', oomKilled: false }],
    ['of a stop', ended(143, 'Error'), { code: 143, signal: 'SIGTERM', oomKilled: false }],
    ['for want of memory', ended(137, 'OOMKilled'), { code: 137, signal: 'SIGKILL', oomKilled: true }],
    ['of its own', ended(1, 'Error'), { code: 1, signal: null, oomKilled: false }],
    ['by a signal that is told', ended(0, 'Error', 9), { code: 0, signal: 'SIGKILL', oomKilled: false }],
  ])('%s', (_, terminated, exit) => {
    expect(lastExitOf(pod({ status: { state: { terminated } } }))).toMatchObject({ value: exit })
    expect(lastExitOf(pod({ status: { ...waiting('CrashLoopBackOff'), lastState: { terminated } } }))).toMatchObject({ value: exit })
  })

  it('is none in a first life, and unknown where it is no longer kept', () => {
    expect(lastExitOf(pod())).toMatchObject({ known: true, value: null })
    expect(lastExitOf(pod({ status: { restartCount: 3, state: { running: {} } } }))).toMatchObject({ known: false })
  })
})

describe('what a pod waits for', () => {
  it('is nothing while it runs', () => {
    expect(waitingOf(pod())).toBeNull()
  })

  it("is the kubelet's reason, with how its last run ended", () => {
    const status = { ...waiting('CrashLoopBackOff', 'back-off 40s restarting failed container'), lastState: { terminated: ended(1, 'Error') } }
    expect(waitingOf(pod({ status }))).toEqual({
      reason: 'CrashLoopBackOff',
      message: 'back-off 40s restarting failed container; its last run ended with exit 1 (Error)',
    })
  })

  it('is what its init container waits for', () => {
    const subject = pod({ phase: 'Pending', status: waiting('PodInitializing') })
    const init = {
      name: 'set-id',
      image: '',
      imageID: '',
      ready: false,
      restartCount: 2,
      ...waiting('CrashLoopBackOff', 'back-off'),
      lastState: { terminated: ended(2, 'Error') },
    }
    const stuck = { ...subject, status: { ...subject.status, initContainerStatuses: [init] } }
    expect(waitingOf(stuck)).toMatchObject({ reason: 'CrashLoopBackOff', message: expect.stringContaining('init container set-id: back-off') })
  })

  it('is its own end, once it is being deleted', () => {
    const subject = pod()
    const leaving = { ...subject, metadata: { ...subject.metadata, deletionTimestamp: SINCE, deletionGracePeriodSeconds: 120 } }
    expect(waitingOf(leaving)).toEqual({ reason: 'Terminating', message: 'the pod is being deleted, and has until 2026-01-15T03:00:00.000Z (grace 120 s)' })
    expect(stateOf(leaving, null)).toMatchObject({ value: 'running' })
  })
})
