// How an image is made of a folder: packed, imported, and labelled with what it was made by.
import { spawn } from 'node:child_process'
import { type Engine, statusOf } from '../../adapters/docker/engine.ts'
import { KdrError } from '../../errors.ts'

export const RECIPE_LABEL = 'kdr.recipe'

/** null when the engine has no such image. */
export const labelsOf = async ({ docker, call }: Engine, image: string, signal: AbortSignal): Promise<Readonly<Record<string, string>> | null> => {
  try {
    const { Config } = await call(`look at image ${image}`, signal, (abortSignal) => docker.getImage(image).inspect({ abortSignal } as object))
    return Config?.Labels ?? {}
  } catch (thrown) {
    if (statusOf(thrown) === 404) return null
    throw thrown
  }
}

/** Throws `image-not-built`. */
export const run = async (program: string, args: readonly string[], what: string, signal: AbortSignal): Promise<void> => {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], signal })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-400)
  })
  const ended = await new Promise<number | string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', resolve)
  })
  signal.throwIfAborted()
  if (ended !== 0) throw new KdrError(`${what} failed: ${said.trim() || ended}`, { code: 'image-not-built' })
}

/** Throws `image-not-built`. */
export const importTar = async ({ docker, call }: Engine, root: string, image: string, recipe: string, signal: AbortSignal): Promise<void> => {
  const [repo, tag] = image.split(':')
  const changes = [
    'ENV LANG=C.UTF-8 PATH=/usr/bin',
    'USER 1000:1000',
    'WORKDIR /home/appuser',
    'ENTRYPOINT ["/usr/bin/run"]',
    `LABEL ${RECIPE_LABEL}=${recipe}`,
  ]
  const tar = spawn('tar', ['-C', root, '--owner=0', '--group=0', '--numeric-owner', '-c', '.'], { stdio: ['ignore', 'pipe', 'ignore'], signal })
  const ended = new Promise<number | null>((resolve) => {
    tar.once('error', () => resolve(null))
    tar.once('close', resolve)
  })
  const answer = await call(`import ${image}`, signal, (abortSignal) => docker.importImage(tar.stdout, { repo, tag, changes, abortSignal } as object))
  await new Promise<void>((resolve, reject) => answer.resume().once('end', resolve).once('error', reject))
  if ((await ended) !== 0) throw new KdrError(`the files of ${image} could not be packed`, { code: 'image-not-built' })
}
