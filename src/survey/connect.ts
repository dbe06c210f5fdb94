// What Connect says of itself: every worker asked, so that one which does not answer is seen beside those that do.
import { type Known, known, unknown } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import type { ConnectWorker } from '../model/survey.ts'
import type { ConnectReader } from '../ports/connect.ts'
import type { Millis } from '../units.ts'
import { each, reading, type Stage } from './reading.ts'

interface Address {
  readonly member: string
  /** null where it is not known to listen anywhere. */
  readonly url: string | null
}

/** As configured, else where the platform's workers listen; one that does not run is asked nothing. */
const addressesOf = (urls: readonly string[] | null, members: readonly Member[]): readonly Address[] => {
  if (urls !== null) return urls.map((url) => ({ member: url, url }))
  return members.flatMap(({ name, roles, state, addresses }) => {
    const [address] = addresses
    const runs = !state.known || state.value === 'running'
    return roles.includes('connect') && runs ? [{ member: name, url: address === undefined ? null : `http://${address}` }] : []
  })
}

/** `urls`: null where nothing is configured. Without members and without configuration nobody knows whether there is one. */
export const readConnect = async (
  stage: Stage,
  connect: ConnectReader,
  urls: readonly string[] | null,
  members: Known<readonly Member[]>,
  length: Millis,
): Promise<Known<readonly ConnectWorker[]>> => {
  if (urls === null && !members.known) return members
  const addresses = addressesOf(urls, members.known ? members.value : [])
  const workers = await each(addresses, 8, async ({ member, url }): Promise<ConnectWorker> => {
    if (url === null) return { member, connectors: unknown('where it listens is not known', 'platform') }
    const by = `GET ${url}/connectors`
    return { member, connectors: await reading(stage, length, by, (signal) => connect.connectors(url, signal)) }
  })
  return known(workers, 'Connect')
}
