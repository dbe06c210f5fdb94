// Empties the volumes of a stopped container: from another container of the same image, since only the engine's
// host can reach them otherwise.
import type { Container } from '../../adapters/docker/containers.ts'
import type { Engine } from '../../adapters/docker/engine.ts'
import { KdrError } from '../../errors.ts'

/** Throws `not-wiped`. */
export const wipeVolumes = async ({ docker, call }: Engine, { id, name, inspected }: Container, signal: AbortSignal): Promise<void> => {
  const paths = inspected.Mounts.filter(({ Type }) => Type === 'volume').map(({ Destination }) => Destination)
  const helper = await call(`look into the volumes of ${name}`, signal, (abortSignal) =>
    docker.createContainer({
      Image: inspected.Image,
      Entrypoint: ['find', ...paths, '-mindepth', '1', '-delete'],
      Cmd: [],
      User: '0',
      Healthcheck: { Test: ['NONE'] },
      HostConfig: { VolumesFrom: [id], NetworkMode: 'none' },
      abortSignal,
    }),
  )
  try {
    await call(`empty the volumes of ${name}`, signal, (abortSignal) => helper.start({ abortSignal }))
    const { StatusCode: code } = (await call(`empty the volumes of ${name}`, signal, (abortSignal) => helper.wait({ abortSignal }))) as { StatusCode: number }
    if (code !== 0) throw new KdrError(`the volumes of ${name} could not be emptied: find ended with ${code}`, { code: 'not-wiped' })
  } finally {
    await helper.remove({ force: true })
  }
}
