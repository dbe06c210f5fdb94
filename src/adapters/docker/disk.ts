// What a container's data folders say, read through the engine's archive call: it works on stopped containers
// too, needs nothing inside them, and starts nothing.

import { wordsOf } from '../../errors.ts'
import { type Known, known, mapKnown, unknown } from '../../model/known.ts'
import type { Backing, Volume } from '../../model/member.ts'
import { configuredId, dataPaths, isKafka } from './configured.ts'
import type { Container } from './containers.ts'
import { type Engine, statusOf } from './engine.ts'
import { runInside } from './exec.ts'
import { type Entry, entriesOf } from './tar.ts'

type State = 'intact' | 'blank' | 'gone'

interface Folder {
  readonly path: string
  readonly state: Known<State>
  readonly clusterId: Known<string | null>
  /** node.id, broker.id or myid; null where the folder carries none. */
  readonly id: number | null
}

/** What a formatter leaves before it writes meta.properties, what `mkfs` does, and what a ZooKeeper image writes at every start: no data. */
const NOT_DATA = ['bootstrap.checkpoint', 'meta.properties.tmp', 'lost+found', 'myid']

/** Entries of `path` inside the container until `enough`; null when there is no such path. */
const entries = async (
  engine: Engine,
  { id, name }: Container,
  path: string,
  signal: AbortSignal,
  enough: (entry: Entry) => boolean,
): Promise<readonly Entry[] | null> => {
  const ending = new AbortController()
  const both = AbortSignal.any([signal, ending.signal])
  try {
    return await engine.call(`read ${path} of ${name}`, signal, async () => {
      const stream = await engine.docker.getContainer(id).getArchive({ path, abortSignal: both })
      // Torn down half-way on purpose: the engine's complaint about that is nobody's business.
      stream.on('error', () => {})
      const found: Entry[] = []
      for await (const entry of entriesOf(stream as AsyncIterable<Uint8Array> & NodeJS.ReadableStream)) {
        found.push(entry)
        if (enough(entry)) break
      }
      return found
    })
  } catch (thrown) {
    if (statusOf(thrown) === 404) return null
    throw thrown
  } finally {
    ending.abort()
  }
}

/** Text of a small file inside the container; null when there is none. */
const fileOf = async (engine: Engine, container: Container, path: string, signal: AbortSignal): Promise<string | null> => {
  const found = await entries(engine, container, path, signal, () => true)
  return found?.[0] === undefined || found[0].folder ? null : found[0].content.toString('utf8')
}

/** Listing ends at the first thing that is data: of a full disk only its first entry travels. */
const emptiness = async (engine: Engine, container: Container, path: string, signal: AbortSignal): Promise<Known<State>> => {
  const by = `${path} of ${container.name}`
  const top = (entry: Entry) => entry.name.split('/').slice(1).join('/')
  const isData = (entry: Entry) => top(entry) !== '' && !NOT_DATA.some((prefix) => top(entry).startsWith(prefix))
  const found = await entries(engine, container, path, signal, isData)
  if (found === null) return known('gone', by)
  const data = found.find(isData)
  return data === undefined ? known('blank', by) : unknown(`it holds ${top(data)} but nothing that says whose it is`, by)
}

const property = (text: string, key: string): string | null => new RegExp(`^\\s*${key.replace('.', '\\.')}\\s*[=:]\\s*(.*?)\\s*$`, 'm').exec(text)?.[1] ?? null
const number = (text: string | null): number | null => (text !== null && /^\s*\d+\s*$/.test(text) ? Number(text) : null)

const kafkaFolder = async (engine: Engine, container: Container, path: string, signal: AbortSignal): Promise<Folder> => {
  const by = `${path}/meta.properties of ${container.name}`
  const meta = await fileOf(engine, container, `${path}/meta.properties`, signal)
  if (meta === null) {
    const state = await emptiness(engine, container, path, signal)
    return { path, state, clusterId: state.known ? known(null, state.by) : unknown(state.why, by), id: null }
  }
  const clusterId = property(meta, 'cluster.id')
  return {
    path,
    state: known('intact', by),
    clusterId: clusterId === null ? unknown('it holds no cluster.id', by) : known(clusterId.replaceAll('\\', ''), by),
    id: number(property(meta, 'node.id') ?? property(meta, 'broker.id')),
  }
}

const zooKeeperFolder = async (engine: Engine, container: Container, path: string, signal: AbortSignal): Promise<Folder> => {
  const by = `${path} of ${container.name}`
  const myid = await fileOf(engine, container, `${path}/myid`, signal)
  const data = await entries(engine, container, `${path}/version-2`, signal, () => true)
  const state = data === null ? await emptiness(engine, container, path, signal) : known<State>('intact', `${path}/version-2 of ${container.name}`)
  return { path, state, clusterId: known(null, `a ZooKeeper disk names no cluster (${by})`), id: number(myid) }
}

const inside = (path: string, folder: string): boolean => path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)

type Mount = Container['inspected']['Mounts'][number]

const mountOf = ({ inspected }: Container, path: string): Mount | undefined =>
  inspected.Mounts.filter(({ Destination }) => inside(path, Destination)).sort((a, b) => b.Destination.length - a.Destination.length)[0]

/** As configured; else where the known images keep data, if something is mounted there. */
const pathsOf = (container: Container): readonly string[] => {
  const { said, usual } = dataPaths(container.env, container.roles)
  if (said.length > 0) return said
  return usual.filter((path) => mountOf(container, path) !== undefined)
}

const readFolder = async (engine: Engine, container: Container, path: string, signal: AbortSignal): Promise<Folder> => {
  try {
    return await (isKafka(container.roles) ? kafkaFolder : zooKeeperFolder)(engine, container, path, signal)
  } catch (thrown) {
    signal.throwIfAborted()
    const why = wordsOf(thrown)
    const by = `${path} of ${container.name}`
    return { path, state: unknown(why, by), clusterId: unknown(why, by), id: null }
  }
}

const backingOf = (mount: Mount | undefined, node: string): Backing | null => {
  const claim = mount?.Name ?? mount?.Source
  return mount === undefined || claim === undefined || mount.Type === 'tmpfs'
    ? null
    : { claim, phase: 'Bound', volume: claim, reclaim: null, node: mount.Driver === undefined || mount.Driver === 'local' ? node : null }
}

/** A disk fills over minutes: looking again sooner would only cost the container a process each time. */
const SPACE_LASTS = 30_000
/** An exec that hangs must not cost the whole look. */
const SPACE_DEADLINE = 3000

interface Space {
  readonly usable: Known<number>
  readonly total: Known<number>
}

const unseen = (why: string, by: string): Space => ({ usable: unknown(why, by), total: unknown(why, by) })

/** `df -Pk` is POSIX, so every image that has a shell has it; what it cannot say is unknown. */
const measure = async (engine: Engine, container: Container, path: string, signal: AbortSignal): Promise<Space> => {
  const by = `df of ${path} in ${container.name}`
  if (container.status !== 'running') return unseen('only a running container can be asked', by)
  try {
    const soon = AbortSignal.any([signal, AbortSignal.timeout(SPACE_DEADLINE)])
    const { code, stdout } = await runInside(engine, container, ['df', '-Pk', path], soon)
    const [total, , usable] = /^\S.*?\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%/m.exec(stdout)?.slice(1).map(Number) ?? []
    if (code !== 0 || total === undefined || usable === undefined) return unseen(`df ended with ${code}`, by)
    return { usable: known(usable * 1024, by), total: known(total * 1024, by) }
  } catch (thrown) {
    signal.throwIfAborted()
    return unseen(wordsOf(thrown), by)
  }
}

export interface Disk {
  readonly id: Known<number>
  readonly volumes: readonly Volume[]
}

/** Reads disks and remembers, per start of a container, what cannot change while it runs. */
export const diskReader = (engine: Engine) => {
  const folders = new Map<string, Folder>()
  const spaces = new Map<string, { readonly at: number; readonly space: Space }>()

  const folderOf = async (container: Container, path: string, signal: AbortSignal): Promise<Folder> => {
    const key = `${container.id}@${container.inspected.State.StartedAt}:${path}`
    const kept = container.status === 'running' ? folders.get(key) : undefined
    if (kept !== undefined) return kept
    const folder = await readFolder(engine, container, path, signal)
    // A broker holds its identity file from its start on; a blank or odd disk may change any time.
    if (container.status === 'running' && folder.state.known && folder.state.value === 'intact') folders.set(key, folder)
    return folder
  }

  const spaceOf = async (container: Container, path: string, signal: AbortSignal): Promise<Space> => {
    const key = `${container.id}:${path}`
    const kept = container.status === 'running' ? spaces.get(key) : undefined
    if (kept !== undefined && performance.now() - kept.at < SPACE_LASTS) return kept.space
    const space = await measure(engine, container, path, signal)
    if (space.usable.known) spaces.set(key, { at: performance.now(), space })
    return space
  }

  const volumeOf = async (container: Container, folder: Folder, node: string, signal: AbortSignal): Promise<Volume> => {
    const mount = mountOf(container, folder.path)
    const { usable, total } = await spaceOf(container, folder.path, signal)
    const { path, state, clusterId } = folder
    return { name: mount?.Name ?? path, path, state, clusterId, usableBytes: usable, totalBytes: total, backing: backingOf(mount, node) }
  }

  /** Id by observation, else as configured and said so; `node` is the engine's name. */
  return async (container: Container, node: string, signal: AbortSignal): Promise<Disk> => {
    const read = await Promise.all(pathsOf(container).map((path) => folderOf(container, path, signal)))
    const volumes = await Promise.all(read.map((folder) => volumeOf(container, folder, node, signal)))
    return { id: idOf(container, read), volumes }
  }
}

const idOf = (container: Container, folders: readonly Folder[]): Known<number> => {
  const found = folders.find((folder) => folder.id !== null)
  const file = isKafka(container.roles) ? 'meta.properties' : 'myid'
  if (found !== undefined && found.id !== null) return known(found.id, `${found.path}/${file} of ${container.name}`)
  return configuredIdOf(container.name, container.env, container.roles, `no ${file} was found`)
}

/** What the environment says it is; `because` says why the disk was not asked. */
export const configuredIdOf = (name: string, env: Container['env'], roles: Container['roles'], because: string): Known<number> => {
  const configured = configuredId(env, roles)
  return configured === null
    ? unknown(`${because}, and its environment names no id`, `environment of ${name}`)
    : mapKnown(known(configured, `${configured.by} of ${name}, as ${because}`), ({ id }) => id)
}
