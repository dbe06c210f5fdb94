// A container's data directories: as the engine's own archives, of a stopped container as well as of a running one; and
// by their files, where the engine's volumes are on this machine.
import { pipeline } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import type { CopiedFile } from '../../ports/files.ts'
import type { DataCopy } from '../../ports/platform.ts'
import { replicasIn } from '../log-dir/replicas.ts'
import { placeFiles } from '../zookeeper/place.ts'
import type { Container } from './containers.ts'
import { pathsOf } from './disk.ts'
import type { Engine } from './engine.ts'
import { hereOf } from './shelf.ts'

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

/** Throws `data-unreachable`. */
export const placeOn = async (engine: Engine, container: Container, files: readonly CopiedFile[], signal: AbortSignal): Promise<string | null> => {
  const paths = pathsOf(container)
  const data = paths.find((path) => !isLogFolder(path)) ?? ''
  const log = paths.find(isLogFolder) ?? data
  return placeFiles({ data: await hereOf(engine, container, data, signal), log: await hereOf(engine, container, log, signal) }, files)
}
