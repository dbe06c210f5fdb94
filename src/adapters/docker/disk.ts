// What a container's data folders say: who wrote them, whether they are blank or gone, and how full they are.
// Identity is read from what is on the disk; the configuration is only the fallback, and says so.
import { wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Backing, Volume } from '../../model/member.ts'
import { lastZxid, METADATA_LOG, zooKeeperContent, zooKeeperState } from '../../model/quorum-disk.ts'
import { seconds } from '../../units.ts'
import { configuredId, dataPaths, isKafka } from './configured.ts'
import type { Container } from './containers.ts'
import type { Engine } from './engine.ts'
import { measure, mountOf, type Shelf, type Space, shelfOf } from './shelf.ts'

type State = 'intact' | 'blank' | 'gone'
type Named = Pick<Container, 'name' | 'roles'>

export interface Folder {
  readonly path: string
  readonly state: Known<State>
  readonly clusterId: Known<string | null>
  /** ZooKeeper's first snapshot is there, and nothing else: data only beside transaction logs on another disk. */
  readonly begun?: boolean
  readonly zxid?: bigint
  /** node.id, broker.id or myid; null where the folder carries none. */
  readonly id: number | null
}

/** What a formatter leaves before it writes meta.properties, what `mkfs` does, and what a ZooKeeper image writes at every start: no data. */
const NOT_DATA = ['bootstrap.checkpoint', 'meta.properties.tmp', 'lost+found', 'myid']
const isData = (name: string): boolean => !NOT_DATA.some((prefix) => name.startsWith(prefix))

/** Of a folder without its identity file. */
const emptiness = async (shelf: Shelf, path: string, by: string): Promise<Known<State>> => {
  const names = await shelf.names(path, isData)
  if (names === null) return known('gone', by)
  const data = names.find(isData)
  return data === undefined ? known('blank', by) : unknown(`it holds ${data} but nothing that says whose it is`, by)
}

const property = (text: string, key: string): string | null =>
  new RegExp(`^\\s*${key.replace('.', '\\.')}\\s*[=:]\\s*(.*?)\\s*$`, 'm').exec(text)?.[1]?.replaceAll('\\', '') ?? null
const number = (text: string | null): number | null => (text !== null && /^\s*\d+\s*$/.test(text) ? Number(text) : null)

/** Which controller a formatted disk without a log belongs to does not make it data. */
const formattedOnly = async (shelf: Shelf, path: string, roles: Named['roles']): Promise<boolean> =>
  roles.length === 1 && roles[0] === 'controller' && (await shelf.names(`${path}/${METADATA_LOG}`, () => true)) === null

const kafkaFolder = async (shelf: Shelf, path: string, owner: string, roles: Named['roles']): Promise<Folder> => {
  const by = `${path}/meta.properties of ${owner}`
  const meta = await shelf.text(`${path}/meta.properties`)
  if (meta === null) {
    const state = await emptiness(shelf, path, `${path} of ${owner}`)
    return { path, state, clusterId: state.known ? known(null, state.by) : unknown(state.why, by), id: null }
  }
  const clusterId = property(meta, 'cluster.id')
  return {
    path,
    state: (await formattedOnly(shelf, path, roles)) ? known('blank', `${by}: formatted, without a log`) : known('intact', by),
    clusterId: clusterId === null ? unknown('it holds no cluster.id', by) : known(clusterId, by),
    id: number(property(meta, 'node.id') ?? property(meta, 'broker.id')),
  }
}

const zooKeeperFolder = async (shelf: Shelf, path: string, owner: string): Promise<Folder> => {
  const by = `${path}/version-2 of ${owner}`
  const [myid, names] = await Promise.all([shelf.text(`${path}/myid`), shelf.names(`${path}/version-2`, (name) => zooKeeperContent([name]) === 'data')])
  const content = zooKeeperContent(names)
  const state = names === null ? await emptiness(shelf, path, `${path} of ${owner}`) : zooKeeperState(content, [], by)
  const zxid = shelf.whole ? lastZxid(names ?? []) : null
  return {
    path,
    state,
    ...(zxid === null ? {} : { zxid }),
    begun: content === 'begun',
    clusterId: known(null, 'a ZooKeeper disk names no cluster'),
    id: number(myid),
  }
}

/** What cannot be read is unknown, never blank. */
export const readFolder = async (shelf: Promise<Shelf>, { name, roles }: Named, path: string, signal: AbortSignal): Promise<Folder> => {
  try {
    return isKafka(roles) ? await kafkaFolder(await shelf, path, name, roles) : await zooKeeperFolder(await shelf, path, name)
  } catch (thrown) {
    signal.throwIfAborted()
    const why = wordsOf(thrown)
    const by = `${path} of ${name}`
    return { path, state: unknown(why, by), clusterId: unknown(why, by), id: null }
  }
}

/** As configured; else where the known images keep data, if something is mounted there. */
export const pathsOf = (container: Container): readonly string[] => {
  const { said, usual } = dataPaths(container.env, container.roles)
  return said.length > 0 ? said : usual.filter((path) => mountOf(container, path) !== undefined)
}

const backingOf = (container: Container, path: string, node: string): Backing | null => {
  const mount = mountOf(container, path)
  const claim = mount?.Name ?? mount?.Source
  if (mount === undefined || claim === undefined || mount.Type === 'tmpfs') return null
  return { claim, phase: 'Bound', volume: claim, reclaim: null, node: mount.Driver === undefined || mount.Driver === 'local' ? node : null }
}

/** A disk fills over minutes: looking again sooner might cost the container a process each time. */
const SPACE_LASTS = seconds(30)

export interface Disk {
  readonly id: Known<number>
  readonly volumes: readonly Volume[]
}

/** Reads disks and remembers, per start of a container, what cannot change while it runs. */
export const diskReader = (engine: Engine) => {
  const folders = new Map<string, Folder>()
  const spaces = new Map<string, { readonly at: number; readonly space: Space }>()

  const folderOf = async (container: Container, path: string, shelf: () => Promise<Shelf>, signal: AbortSignal): Promise<Folder> => {
    const key = `${container.id}@${container.inspected.State.StartedAt}:${path}`
    const kept = container.status === 'running' ? folders.get(key) : undefined
    if (kept !== undefined) return kept
    const folder = await readFolder(shelf(), container, path, signal)
    // A server holds its identity file from its start on; a blank or odd disk may change any time.
    if (container.status === 'running' && folder.state.known && folder.state.value === 'intact') folders.set(key, folder)
    return folder
  }

  const spaceOf = async (container: Container, path: string, shelf: () => Promise<Shelf>, signal: AbortSignal): Promise<Space> => {
    const key = `${container.id}:${path}`
    const kept = container.status === 'running' ? spaces.get(key) : undefined
    if (kept !== undefined && performance.now() - kept.at < SPACE_LASTS) return kept.space
    const space = await measure(await shelf(), path, container.name, signal)
    if (space.usable.known) spaces.set(key, { at: performance.now(), space })
    return space
  }

  const volumeOf = async (container: Container, path: string, node: string, signal: AbortSignal): Promise<Volume & Pick<Folder, 'id' | 'begun'>> => {
    const shelf = () => shelfOf(engine, container, path, signal)
    const [{ state, clusterId, id, begun = false, zxid }, { usable, total }] = await Promise.all([
      folderOf(container, path, shelf, signal),
      spaceOf(container, path, shelf, signal),
    ])
    const backing = backingOf(container, path, node)
    return {
      name: backing?.claim ?? path,
      path,
      state,
      clusterId,
      usableBytes: usable,
      totalBytes: total,
      ...(zxid === undefined ? {} : { zxid }),
      backing,
      id,
      begun,
    }
  }

  /** Id by observation, else as configured and said so; `node` is the engine's name. */
  return async (container: Container, node: string, signal: AbortSignal): Promise<Disk> => {
    const read = await Promise.all(pathsOf(container).map((path) => volumeOf(container, path, node, signal)))
    return { id: idOf(container, read), volumes: besideLogs(read) }
  }
}

const isIntact = ({ state }: Volume): boolean => state.known && state.value === 'intact'

/** Snapshots and logs of a ZooKeeper on disks of their own: the first snapshot is data beside the logs that go on from it. */
export const besideLogs = (volumes: readonly (Volume & Pick<Folder, 'id' | 'begun'>)[]): readonly Volume[] => {
  const logs = volumes.some(isIntact)
  return volumes.map(({ id: _, begun, ...volume }) => (begun === true && logs ? { ...volume, state: known('intact', volume.state.by) } : volume))
}

/** By what was found on its disks, else as its environment says; `because` says why the disks did not tell. */
export const idOf = (
  { name, env, roles }: Pick<Container, 'name' | 'env' | 'roles'>,
  folders: readonly Pick<Folder, 'id' | 'path'>[],
  because = `no ${isKafka(roles) ? 'meta.properties' : 'myid'} was found`,
): Known<number> => {
  for (const { id, path } of folders) if (id !== null) return known(id, `${path}/${isKafka(roles) ? 'meta.properties' : 'myid'} of ${name}`)
  const configured = configuredId(env, roles)
  if (configured === null) return unknown(`${because}, and its environment names no id`, `environment of ${name}`)
  return known(configured.id, `${configured.by} of ${name}, as ${because}`)
}
