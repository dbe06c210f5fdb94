// Where brokers and ZooKeepers listen, found out before the first survey where the configuration does not say it.
import { KdrError } from '../errors.ts'
import type { Role } from '../model/member.ts'
import type { Clock } from '../ports/clock.ts'
import type { PlatformReader } from '../ports/platform.ts'
import type { Millis } from '../units.ts'
import type { ChosenCluster } from './clusters.ts'

/** Whom to ask: as configured, else as the platform's members advertise themselves. */
export const addressesOf = async ({ name, settings }: ChosenCluster, platform: PlatformReader, clock: Clock, within: Millis, abort: AbortSignal) => {
  const signal = clock.deadline(within, abort)
  const { bootstrap, zookeeper } = settings
  if (bootstrap.length > 0 && (zookeeper.length > 0 || settings.platform.kind === 'process')) return { endpoints: bootstrap, zookeeper }
  // Who cannot be listed is unknown to the survey too, which says why: no reason to end here.
  const members = await platform.members(signal).catch((thrown: unknown) => {
    if (abort.aborted) throw abort.reason
    return thrown instanceof KdrError && thrown.exit === 'usage' ? Promise.reject(thrown) : null
  })
  if (members === null) return { endpoints: bootstrap, zookeeper }
  const of = (role: Role) => members.flatMap((member) => (member.roles.includes(role) ? member.addresses.slice(0, 1) : []))
  const endpoints = bootstrap.length > 0 ? bootstrap : of('broker')
  if (endpoints.length > 0) return { endpoints, zookeeper: zookeeper.length > 0 ? zookeeper : of('zookeeper') }
  throw new KdrError(`no broker address is known for ${name}`, {
    code: 'no-bootstrap',
    exit: 'usage',
    hint: `set clusters.${name}.kafka.bootstrap`,
  })
}

/** Who was listed to find addresses is not listed again for the first survey: on a slow platform that is most of its time. */
export const listedOnce = (reader: PlatformReader): { readonly first: PlatformReader; readonly platform: PlatformReader } => {
  let listed: Awaited<ReturnType<PlatformReader['members']>> | null = null
  const first: PlatformReader['members'] = async (signal) => {
    listed = await reader.members(signal)
    return listed
  }
  const members: PlatformReader['members'] = async (signal) => {
    const kept = listed
    listed = null
    return kept ?? reader.members(signal)
  }
  return { first: { ...reader, members: first }, platform: { ...reader, members } }
}
