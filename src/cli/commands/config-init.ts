// kdr config init [file]: a commented example where kdr will find it; an existing file stays as it is.
import fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import { EXAMPLE } from '../../config/example.ts'
import { searchPath } from '../../config.ts'
import { type Exit, KdrError, wordsOf } from '../../errors.ts'
import type { Invocation } from '../invocation.ts'

const home = (env: Invocation['env']): string => searchPath(env, process.cwd()).at(-1) ?? 'kdr.yaml'

export const run = async ({ args, globals, env, terminal }: Invocation): Promise<Exit> => {
  const path = resolve(args[0] ?? globals.config ?? home(env))
  try {
    fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    fs.writeFileSync(path, EXAMPLE, { flag: 'wx', mode: 0o600 })
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST'))
      throw new KdrError(`cannot write ${path}: ${wordsOf(thrown)}`, { code: 'config-unwritable', exit: 'usage', cause: thrown })
    throw new KdrError(`${path} is already there and was left as it is`, {
      code: 'config-exists',
      exit: 'usage',
      hint: 'name another file: kdr config init <file>',
    })
  }
  terminal.out(path)
  terminal.err('Edit it, then: kdr config check')
  return 'ok'
}
