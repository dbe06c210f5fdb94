// Looks into the folders a container keeps its data in. An engine's own host is read directly where kdr runs on it
// and may: that costs nothing and leaves no trace. Anywhere else the engine hands out archives, which works on
// stopped containers too and needs nothing inside them.
import { readdir, readFile, statfs } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { KdrError, wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import { seconds } from '../../units.ts'
import type { Container } from './containers.ts'
import { type Engine, statusOf } from './engine.ts'
import { runInside } from './exec.ts'
import { type Entry, entriesOf } from './tar.ts'

export interface Space {
  readonly usable: Known<number>
  readonly total: Known<number>
}

/** Paths are the container's. */
export interface Shelf {
  /** Names are always all of them. */
  readonly whole: boolean
  /** Text of a small file; null when there is none. */
  text(path: string): Promise<string | null>
  /** Names in a folder until `enough` of them; null when there is no such folder. */
  names(path: string, enough: (name: string) => boolean): Promise<readonly string[] | null>
  space(path: string): Promise<Space>
}

type Mount = Container['inspected']['Mounts'][number]

export const isInside = (path: string, folder: string): boolean => path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)

/** What is mounted there, or above it. */
export const mountOf = ({ inspected }: Container, path: string): Mount | undefined =>
  inspected.Mounts.filter(({ Destination }) => isInside(path, Destination)).sort((a, b) => b.Destination.length - a.Destination.length)[0]

const unseen = (why: string, by: string): Space => ({ usable: unknown(why, by), total: unknown(why, by) })

const isMissing = (thrown: unknown): boolean => thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT'

const orMissing = async <T>(look: Promise<T>): Promise<T | null> => {
  try {
    return await look
  } catch (thrown) {
    if (isMissing(thrown)) return null
    throw thrown
  }
}

/**
 * A named volume's folder on this machine; null where it is not here or may not be entered. Never a bind mount's: its path may
 * be something else altogether where kdr runs in a container itself. Throws what `Engine.call` throws: 404 when there is no
 * such volume.
 */
const volumeFolder = async (engine: Engine, volume: string, signal: AbortSignal): Promise<string | null> => {
  const { Driver, Mountpoint, Options } = await engine.call(`look at volume ${volume}`, signal, (abortSignal) =>
    engine.docker.getVolume(volume).inspect({ abortSignal }),
  )
  const { reachesContainers: ownHost } = await engine.info(signal)
  // A volume with a device of its own (NFS, say) is an empty folder while no container uses it.
  if (!ownHost || Driver !== 'local' || Object.keys(Options ?? {}).length > 0) return null
  return (await readdir(Mountpoint).catch(() => null)) === null ? null : Mountpoint
}

/** Mounted at `destination`; null as above. */
export const volumeShelf = async (engine: Engine, volume: string, destination: string, signal: AbortSignal): Promise<Shelf | null> => {
  const folder = await volumeFolder(engine, volume, signal)
  if (folder === null) return null
  const here = (inside: string) => join(folder, relative(destination, inside))
  return {
    whole: true,
    text: (inside) => orMissing(readFile(here(inside), 'utf8')),
    names: (inside) => orMissing(readdir(here(inside))),
    space: async (inside) => {
      const by = `statfs of ${here(inside)}`
      const { bavail, blocks, bsize } = await statfs(here(inside))
      return { usable: known(bavail * bsize, by), total: known(blocks * bsize, by) }
    },
  }
}

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

/** An exec that hangs must not cost the whole look. */
const DF_DEADLINE = seconds(3)

/** `df -Pk` is POSIX, so every image that has a shell has it; what it cannot say is unknown. */
const df = async (engine: Engine, container: Container, path: string, signal: AbortSignal): Promise<Space> => {
  const by = `df of ${path} in ${container.name}`
  if (container.status !== 'running') return unseen('only a running container can be asked', by)
  const soon = AbortSignal.any([signal, AbortSignal.timeout(DF_DEADLINE)])
  const { code, stdout } = await runInside(engine, container, ['df', '-Pk', path], soon)
  const [total, , usable] = /^\S.*?\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%/m.exec(stdout)?.slice(1).map(Number) ?? []
  if (code !== 0 || total === undefined || usable === undefined) return unseen(`df ended with ${code}`, by)
  return { usable: known(usable * 1024, by), total: known(total * 1024, by) }
}

const engineShelf = (engine: Engine, container: Container, signal: AbortSignal): Shelf => ({
  whole: false,
  text: async (path) => {
    const [file] = (await entries(engine, container, path, signal, () => true)) ?? []
    return file === undefined || file.folder ? null : file.content.toString('utf8')
  },
  names: async (path, enough) => {
    // Everything stands under the folder's own name; of a full disk only its first entry travels.
    const top = (entry: Entry) => entry.name.split('/')[1] ?? ''
    const found = await entries(engine, container, path, signal, (entry) => top(entry) !== '' && enough(top(entry)))
    return found === null ? null : found.map(top).filter((name) => name !== '')
  },
  space: (path) => df(engine, container, path, signal),
})

/** What `space` cannot tell is unknown; everything else throws when it fails. */
export const measure = async (shelf: Shelf, path: string, owner: string, signal: AbortSignal): Promise<Space> => {
  try {
    return await shelf.space(path)
  } catch (thrown) {
    signal.throwIfAborted()
    return unseen(wordsOf(thrown), `space of ${path} in ${owner}`)
  }
}

/** Where a container's folder is on this machine. Throws `data-unreachable` where only the engine can tell. */
export const hereOf = async (engine: Engine, container: Container, path: string, signal: AbortSignal): Promise<string> => {
  const mount = mountOf(container, path)
  const folder = mount?.Type === 'volume' && mount.Name !== undefined ? await volumeFolder(engine, mount.Name, signal) : null
  if (folder !== null && mount !== undefined) return join(folder, relative(mount.Destination, path))
  throw new KdrError(`${path} of ${container.name} is on no volume that this machine reaches`, {
    code: 'data-unreachable',
    hint: "run kdr on the engine's own host, as a user that may enter its volumes",
  })
}

/** For one data folder of a container. */
export const shelfOf = async (engine: Engine, container: Container, path: string, signal: AbortSignal): Promise<Shelf> => {
  const mount = mountOf(container, path)
  const own = mount?.Type === 'volume' && mount.Name !== undefined ? await volumeShelf(engine, mount.Name, mount.Destination, signal) : null
  return own ?? engineShelf(engine, container, signal)
}
