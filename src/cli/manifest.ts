// The schema manifest a recovery was told to use: which file, and what was in it then.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseManifest } from '../archive/schemas.ts'
import { KdrError, wordsOf } from '../errors.ts'
import type { Options } from '../scenarios/options.ts'
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
