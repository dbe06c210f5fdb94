// The image of the lab's Schema Registry, made anew whenever the registry in this kdr, or the recipe, has changed.
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '../../adapters/docker/engine.ts'
import { importTar, labelsOf, RECIPE_LABEL, run } from './image-build.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const RECIPE = join(ROOT, 'deploy', 'registry-image')
const IMAGE = 'kdr-lab/schema-registry:1'

/** Of what the image is made of, as far as kdr's own goes. */
const recipe = (): string => {
  const hash = createHash('sha256').update(process.version)
  for (const folder of [RECIPE, join(ROOT, 'dist', 'lab', 'registry'), join(ROOT, 'dist', 'adapters', 'kafka')])
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).sort((a, b) =>
      join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
    ))
      if (entry.isFile()) hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)))
  return hash.digest('hex').slice(0, 16)
}

/** Its name. Throws `image-not-built`. */
export const registryImage = async (
  engine: Engine,
  { progress, signal }: { readonly progress: (line: string) => void; readonly signal: AbortSignal },
): Promise<string> => {
  const wanted = recipe()
  if ((await labelsOf(engine, IMAGE, signal))?.[RECIPE_LABEL] === wanted) return IMAGE
  const root = mkdtempSync(join(tmpdir(), 'kdr-image-'))
  try {
    progress(`building ${IMAGE} from this machine's Node and kdr (once)`)
    await run(join(RECIPE, 'rootfs'), [ROOT, root, process.execPath], `building ${IMAGE}`, signal)
    await importTar(engine, root, IMAGE, wanted, signal)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
  return IMAGE
}
