// A container's data directories: as the engine's own archives, of a stopped container as well as of a running one; and
// by their files, where the engine's volumes are on this machine.
import { pipeline } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import type { CopiedFile } from '../../ports/files.ts'
import type { DataCopy } from '../../ports/platform.ts'
import { replicasIn } from '../log-dir/replicas.ts'
import { type Owner, placeFiles } from '../zookeeper/place.ts'
import type { Container } from './containers.ts'
import { pathsOf } from './disk.ts'
import type { Engine } from './engine.ts'
import { hereOf, shelfOf } from './shelf.ts'

async function* archive(engine: Engine, { id, name }: Container, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stream = await engine.call(`copy ${path} of ${name}`, signal, (abortSignal) => engine.docker.getContainer(id).getArchive({ path, abortSignal }))
  const gzip = createGzip({ level: 1 })
  // An archive that breaks off destroys what is read here with its error.
  pipeline(stream, gzip, () => undefined)
  for await (const chunk of gzip) yield chunk as Uint8Array
}

export const dataOf = (engine: Engine, container: Container, signal: AbortSignal): readonly DataCopy[] =>
  pathsOf(container).map((path) => ({ path, tar: archive(engine, container, path, signal) }))

/** Throws `data-unreachable`. */
export const replicasOf = async (engine: Engine, container: Container, signal: AbortSignal): Promise<readonly ReplicaOnDisk[]> => {
  const folders = await Promise.all(pathsOf(container).map((path) => hereOf(engine, container, path, signal)))
  return (await Promise.all(folders.map(replicasIn))).flat()
}

/** Images that keep logs apart call their folder so. */
const isLogFolder = (path: string): boolean => /log$/.test(path)

const PASSWD = '/etc/passwd'

/** Whom its image runs as, by number or by the image's own list; null for root, whose start gives things away by itself, and where it is not told. */
const userOf = async (engine: Engine, container: Container, signal: AbortSignal): Promise<Owner | null> => {
  const [user = '', group = ''] = (container.inspected.Config.User ?? '').split(':')
  if (['', '0', 'root'].includes(user)) return null
  const isNumber = (word: string | undefined): boolean => /^\d+$/.test(word ?? '')
  if (isNumber(user) && isNumber(group)) return { uid: Number(user), gid: Number(group) }
  const list = (await (await shelfOf(engine, container, PASSWD, signal)).text(PASSWD)) ?? ''
  const [, , uid, gid] =
    list
      .split('\n')
      .map((line) => line.split(':'))
      .find(([name, , id]) => name === user || id === user) ?? []
  if (isNumber(uid) && isNumber(gid)) return { uid: Number(uid), gid: isNumber(group) ? Number(group) : Number(gid) }
  return isNumber(user) ? { uid: Number(user), gid: 0 } : null
}

/** Throws `data-unreachable`. */
export const placeOn = async (engine: Engine, container: Container, files: readonly CopiedFile[], signal: AbortSignal): Promise<string | null> => {
  const paths = pathsOf(container)
  const data = paths.find((path) => !isLogFolder(path)) ?? ''
  const log = paths.find(isLogFolder) ?? data
  const places = { data: await hereOf(engine, container, data, signal), log: await hereOf(engine, container, log, signal) }
  return placeFiles(places, files, await userOf(engine, container, signal))
}
