// The files a recovery was told to use, a schema manifest or a ZooKeeper's copy: which they are, and what was in them then.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseManifest } from '../archive/schemas.ts'
import { readTree } from '../archive/zookeeper-tree.ts'
import { KdrError, wordsOf } from '../errors.ts'
import type { Options } from '../scenarios/options.ts'
import { openFiles } from './compose.ts'
import { type Invocation, optionText } from './invocation.ts'

/** Read before any cluster is: a wrong file costs no survey. Throws `file-unreadable`, `bad-manifest`. */
export const schemasOption = (invocation: Invocation): Options['schemas'] => {
  const named = optionText(invocation, 'schemas')
  if (named === undefined) return null
  const path = resolve(named)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new KdrError(`cannot read ${path}: ${wordsOf(cause)}`, { code: 'file-unreadable', exit: 'usage', cause })
  }
  const { missing } = parseManifest(text, path)
  if (missing.length > 0) invocation.terminal.err(`note: ${path} says that it is incomplete: ${missing.join('; ')}`)
  return { path, sha256: createHash('sha256').update(text).digest('hex') }
}

/** The same for `--snapshot`, one path or several by comma. Throws `file-unreadable`, `bad-snapshot`. */
export const snapshotOption = async (invocation: Invocation): Promise<Options['snapshot']> => {
  const named = optionText(invocation, 'snapshot')
  if (named === undefined) return null
  const paths = named.split(',').map((path) => resolve(path))
  const { files, sha256 } = await (await openFiles()).copy(paths)
  readTree(files)
  return { paths, sha256 }
}
