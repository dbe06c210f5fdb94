// What Kubernetes says happened: the events of the namespace, each about one object, folded by the API
// server and kept for an hour or so.
import type { CoreV1Event } from '@kubernetes/client-node'
import type { PlatformReader } from '../../ports/platform.ts'
import type { Instant } from '../../units.ts'
import type { KubeClient } from './client.ts'
import { eventTime, listAll } from './snapshot.ts'

type PlatformEvent = Awaited<ReturnType<PlatformReader['events']>>[number]

const wordsOf = ({ involvedObject, type, reason, message, count, series }: CoreV1Event): string => {
  const times = series?.count ?? count ?? 1
  const object = `${involvedObject.kind ?? 'object'} ${involvedObject.name ?? ''}`
  return `${type === 'Warning' ? 'Warning: ' : ''}${object}: ${reason ?? ''}: ${(message ?? '').trim()}${times > 1 ? ` (${times} times)` : ''}`
}

/** Whose it is: a member's pod, or one of the claims that are named after it. */
const memberOf = ({ involvedObject: { kind, name = '' } }: CoreV1Event, members: readonly string[]): string | null => {
  if (kind === 'Pod') return members.includes(name) ? name : null
  return kind === 'PersistentVolumeClaim' ? (members.find((member) => name.endsWith(`-${member}`)) ?? null) : null
}

/** Oldest first. The API cannot be asked for a time, so all are read. */
export const readEvents = async (client: KubeClient, since: Instant, members: readonly string[], signal: AbortSignal): Promise<readonly PlatformEvent[]> => {
  const { core, namespace } = client
  const all = await listAll<CoreV1Event>(client, signal, { verb: 'list', resource: 'events' }, (page, options) =>
    core.listNamespacedEvent({ namespace, ...page }, options),
  )
  return all
    .map((event) => ({ at: eventTime(event), member: memberOf(event, members), what: wordsOf(event) }))
    .filter(({ at }) => at >= since)
    .sort((a, b) => a.at - b.at)
}
