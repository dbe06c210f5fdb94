// A service of the compose files that has no container: removed, or never made. It does not run, and everything
// known of it is what the files say and what its volumes hold.
import { wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Member, Volume } from '../../model/member.ts'
import type { WantedService } from './compose.ts'
import { addressesOf, dataPaths, rolesOf } from './configured.ts'
import type { Container } from './containers.ts'
import { besideLogs, type Folder, idOf, readFolder } from './disk.ts'
import { type Engine, statusOf } from './engine.ts'
import { isInside, measure, volumeShelf } from './shelf.ts'

/** What is the same for every member of a project. */
export type CommonFacts = Pick<Member, 'node' | 'nodeTrouble' | 'disruption' | 'workload' | 'signals'>

const CONFIG = 'docker compose config'
const INSPECT = 'docker volume inspect'

/** Docker's policies revive what crashes, and leave alone what was stopped on purpose. */
export const revivesOf = (policy: string | undefined): Member['revives'] => (policy === undefined || policy === '' || policy === 'no' ? 'never' : 'crashes')

/** Services of the files that no container was made for. */
export const absentServices = (wanted: Known<readonly WantedService[]>, all: readonly Container[]): readonly WantedService[] =>
  wanted.known ? wanted.value.filter(({ service }) => !all.some((container) => container.service === service)) : []

type Mounted = WantedService['volumes'][number]
type Kept = Volume & Pick<Folder, 'id' | 'begun'>

/** Compose makes its own volumes anew, and empty; one that is not its own (`external`) it only looks for, and nothing backs it. */
const lost = ({ volume, external }: Mounted, path: string): Kept => {
  const by = `${INSPECT}: there is no ${volume}`
  const space = unknown<number>('there is no such volume', INSPECT)
  const backing = external ? null : { claim: volume, phase: 'Lost', volume: null, reclaim: null, node: null }
  return { name: volume, path, state: known('gone', by), clusterId: known(null, by), usableBytes: space, totalBytes: space, backing, id: null }
}

/** A volume that outlived its container. Where it cannot be read on this machine, nothing can look into it until it is mounted again. */
const volumeOf = async (engine: Engine, wanted: WantedService, mounted: Mounted, path: string, node: string, signal: AbortSignal): Promise<Kept> => {
  const { volume } = mounted
  const backing = { claim: volume, phase: 'Bound', volume, reclaim: null, node }
  try {
    const shelf = await volumeShelf(engine, volume, mounted.path, signal)
    if (shelf !== null) {
      const named = { name: wanted.name, roles: rolesOf(wanted.env) }
      const [folder, { usable, total }] = await Promise.all([
        readFolder(Promise.resolve(shelf), named, path, signal),
        measure(shelf, path, wanted.name, signal),
      ])
      return { ...folder, name: volume, usableBytes: usable, totalBytes: total, backing }
    }
  } catch (thrown) {
    signal.throwIfAborted()
    if (statusOf(thrown) === 404) return lost(mounted, path)
    return unread(mounted, path, wordsOf(thrown), backing)
  }
  return unread(mounted, path, 'its container is gone: what is on it is seen once it has one again', backing)
}

const unread = ({ volume }: Mounted, path: string, why: string, backing: Kept['backing']): Kept => {
  const space = unknown<number>('no container has it mounted', INSPECT)
  return { name: volume, path, state: unknown(why, INSPECT), clusterId: unknown(why, INSPECT), usableBytes: space, totalBytes: space, backing, id: null }
}

const volumesOf = (engine: Engine, wanted: WantedService, node: string, signal: AbortSignal): Promise<readonly Kept[]> => {
  const { said, usual } = dataPaths(wanted.env, rolesOf(wanted.env))
  const mountedAt = (path: string) => wanted.volumes.find((volume) => isInside(path, volume.path))
  const paths = said.length > 0 ? said : usual
  return Promise.all(
    paths.flatMap((path) => {
      const mounted = mountedAt(path)
      return mounted === undefined ? [] : [volumeOf(engine, wanted, mounted, path, node, signal)]
    }),
  )
}

export const absentMember = async (engine: Engine, wanted: WantedService, common: CommonFacts, signal: AbortSignal): Promise<Member> => {
  const { name, service, env } = wanted
  const roles = rolesOf(env)
  const volumes = await volumesOf(engine, wanted, common.node.known ? (common.node.value ?? '') : '', signal)
  const gone = 'its container is gone'
  return {
    ...common,
    name,
    roles,
    id: idOf({ name, env, roles }, volumes, gone),
    uid: known(null, CONFIG),
    state: known('stopped', `${CONFIG}: ${service} has no container`),
    startedAt: known(null, CONFIG),
    restarts: unknown(gone, CONFIG),
    lastExit: unknown(gone, CONFIG),
    waiting: known({ reason: 'NoContainer', message: `${service} has no container` }, CONFIG),
    revives: revivesOf(wanted.restart),
    addresses: addressesOf(env, roles, service),
    volumes: besideLogs(volumes),
    owner: known(null, CONFIG),
  }
}
