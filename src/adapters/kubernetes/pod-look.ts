// Looks at one pod: once, or again and again while something is waited for, when an API server that
// restarts, or a network that drops a request, must not end the wait.
import { ApiException, type V1Pod } from '@kubernetes/client-node'
import { KdrError, wordsOf } from '../../errors.ts'
import { formatDuration, type Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'

/** The library sets no limit to a request; an API server answers within a second. */
const ANSWER: Millis = 10_000

/** null when there is none. */
export const readPod = async (client: KubeClient, name: string, signal: AbortSignal): Promise<V1Pod | null> => {
  const { core, namespace } = client
  try {
    return await client.call(signal, { verb: 'get', resource: 'pods', name }, (options) => core.readNamespacedPod({ name, namespace }, options))
  } catch (thrown) {
    if (thrown instanceof KdrError && thrown.code === 'not-found') return null
    throw thrown
  }
}

/** What may pass by itself: no answer, too many requests, and whatever the API server blames on itself (5xx). */
export const mayPass = (thrown: unknown): boolean => {
  if (thrown instanceof DOMException) return thrown.name === 'TimeoutError'
  if (!(thrown instanceof KdrError)) return false
  if (thrown.code === 'kubernetes-unreachable' || thrown.code === 'too-many-requests') return true
  return thrown.cause instanceof ApiException && thrown.cause.code >= 500
}

type Look = { readonly pod: V1Pod | null } | { readonly trouble: KdrError }

/** For a look among many. Rejects with the signal's reason, and with what does not pass by itself. */
export const lookAtPod = async (client: KubeClient, name: string, signal: AbortSignal): Promise<Look> => {
  try {
    return { pod: await readPod(client, name, AbortSignal.any([signal, AbortSignal.timeout(ANSWER)])) }
  } catch (thrown) {
    signal.throwIfAborted()
    if (!mayPass(thrown)) throw thrown
    if (thrown instanceof KdrError) return { trouble: thrown }
    const words = `cannot get pods ${name}: no answer within ${formatDuration(ANSWER)}: ${wordsOf(thrown)}`
    return { trouble: new KdrError(words, { code: 'kubernetes-unreachable', cause: thrown }) }
  }
}

/** The limit passed while the API server did not answer. */
export const notSeen = (what: string, waited: Millis, trouble: KdrError): KdrError =>
  new KdrError(`whether ${what} was not seen within ${formatDuration(waited)}: ${trouble.message}`, {
    code: 'outcome-unknown',
    exit: 'unknown',
    hint: 'look again once the API server answers: kdr diagnose',
    cause: trouble,
  })
