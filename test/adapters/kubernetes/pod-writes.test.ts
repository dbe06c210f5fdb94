// Which pods may be deleted to have them made anew, when one counts as started, and which errors a wait outlasts.
import { ApiException, type V1ContainerStatus } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { mayPass } from '../../../src/adapters/kubernetes/pod-look.ts'
import { progressOf, replaceable } from '../../../src/adapters/kubernetes/pod-writes.ts'
import { KdrError } from '../../../src/errors.ts'
import { pod } from './objects.ts'

const ofKind = (kind: string) => {
  const subject = pod()
  return { ...subject, metadata: { ...subject.metadata, ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'kafka-7f9', uid: 'x', controller: true }] } }
}

describe('a pod that would be deleted to have it made anew', () => {
  it('is refused where its successor would start beside it, on the same disk', () => {
    for (const role of ['broker', 'controller', 'zookeeper'] as const) {
      expect(replaceable(ofKind('ReplicaSet'), [role])).toMatchObject({
        code: 'replica-set',
        exit: 'refused',
        hint: 'scale the Deployment to 0, wait until the pod is gone, scale it to 1',
      })
    }
    expect(replaceable(ofKind('ReplicaSet'), ['schema-registry'])).toBeNull()
    expect(replaceable(ofKind('StatefulSet'), ['broker'])).toBeNull()
  })

  it('is refused where nothing would make it', () => {
    const subject = pod()
    expect(replaceable({ ...subject, metadata: { ...subject.metadata, ownerReferences: [] } }, ['broker'])).toMatchObject({ code: 'no-controller' })
  })
})

describe('a member that was told to start', () => {
  const ended = (id: string) => ({ exitCode: 1, containerID: `containerd://${id}` })
  const backOff = (id: string) =>
    pod({ status: { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: ended(id) }, containerID: `containerd://${id}` } })
  const of = (status: Partial<V1ContainerStatus>) => pod({ status })
  const renamed = (subject: ReturnType<typeof pod>) => ({ ...subject, metadata: { ...subject.metadata, uid: 'another' } })

  it.each([
    ['not by a run that was over before', backOff('one'), backOff('one'), false],
    ['by a run that came and went meanwhile', backOff('two'), backOff('one'), true],
    ['by a run of another pod, over or not', renamed(backOff('one')), backOff('one'), true],
    ['by a container that runs', pod(), backOff('one'), true],
    ['by any run, where there was no pod', of({ state: { terminated: ended('one') } }), null, true],
    ['not before its container is made', of({ state: { waiting: { reason: 'ContainerCreating' } } }), null, false],
  ])('has started, %s', (_, now, before, started) => {
    expect(progressOf(now, before).started).toBe(started)
  })

  it('has not while its pod is being deleted', () => {
    const subject = pod()
    expect(progressOf({ ...subject, metadata: { ...subject.metadata, deletionTimestamp: new Date() } }, null)).toMatchObject({ started: false })
  })
})

describe('an error in the middle of a wait', () => {
  const answered = (code: number) => new KdrError('no', { code: 'kubernetes-error', cause: new ApiException(code, 'no', '', {}) })

  it.each([
    ['no answer', new KdrError('no', { code: 'kubernetes-unreachable' }), true],
    ['too many requests', new KdrError('no', { code: 'too-many-requests' }), true],
    ['a request that took too long', new DOMException('no', 'TimeoutError'), true],
    ['503', answered(503), true],
    ['400', answered(400), false],
    ['forbidden', new KdrError('no', { code: 'forbidden', cause: new ApiException(403, 'no', '', {}) }), false],
    ['a defect', new TypeError('no'), false],
  ])('%s', (_, thrown, passes) => {
    expect(mayPass(thrown)).toBe(passes)
  })
})
