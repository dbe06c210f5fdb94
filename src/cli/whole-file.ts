// Files of kdr's own outside the folders of runs: whole or not there, readable by their owner only.
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { stateRoot } from '../config.ts'
import { KdrError, wordsOf } from '../errors.ts'
import type { Invocation } from './invocation.ts'

/** As an error: what is there is never overwritten by itself. */
export const exists = (path: string, cause: unknown): KdrError =>
  new KdrError(`${path} is already there and was left as it is`, { code: 'file-exists', exit: 'usage', hint: 'name another file, or say --overwrite', cause })

/** Complete and durable under its name, its owner's only, or not there at all. Throws `file-exists`, `file-unwritable`. */
export const writeWhole = (path: string, text: string, overwrite: boolean): void => {
  const temporary = `${path}.${process.pid}.part`
  try {
    const handle = fs.openSync(temporary, 'wx', 0o600)
    try {
      fs.writeSync(handle, text)
      fs.fsyncSync(handle)
    } finally {
      fs.closeSync(handle)
    }
    // A link, unlike a rename, refuses to take the place of what is there.
    if (overwrite) fs.renameSync(temporary, path)
    else fs.linkSync(temporary, path)
    const folder = fs.openSync(dirname(path), 'r')
    fs.fsyncSync(folder)
    fs.closeSync(folder)
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST') throw exists(path, thrown)
    throw new KdrError(`cannot write ${path}: ${wordsOf(thrown)}`, { code: 'file-unwritable', exit: 'usage', cause: thrown })
  } finally {
    fs.rmSync(temporary, { force: true })
  }
}

/** What a drill of a cluster keeps for its run, the latest of each name. */
export const keepBeside =
  (env: Invocation['env'], cluster: string) =>
  (name: string, text: string): string => {
    const folder = join(stateRoot(env), 'drills', cluster)
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, name)
    writeWhole(path, text, true)
    return path
  }
