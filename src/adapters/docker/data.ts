// A container's data directories as the engine's own archives: of a stopped container as well as of a running one.
import { pipeline } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { DataCopy } from '../../ports/platform.ts'
import type { Container } from './containers.ts'
import { pathsOf } from './disk.ts'
import type { Engine } from './engine.ts'

async function* archive(engine: Engine, { id, name }: Container, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stream = await engine.call(`copy ${path} of ${name}`, signal, (abortSignal) => engine.docker.getContainer(id).getArchive({ path, abortSignal }))
  const gzip = createGzip({ level: 1 })
  // An archive that breaks off destroys what is read here with its error.
  pipeline(stream, gzip, () => undefined)
  for await (const chunk of gzip) yield chunk as Uint8Array
}

export const dataOf = (engine: Engine, container: Container, signal: AbortSignal): readonly DataCopy[] =>
  pathsOf(container).map((path) => ({ path, tar: archive(engine, container, path, signal) }))
