// The version, read from package.json beside the code: there is one place where it is written.
import { readFileSync } from 'node:fs'

const read = (): string => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? 'unknown'
}

export const VERSION = read()
