// Files the operator named, whole.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { KdrError, wordsOf } from '../../errors.ts'
import type { FileReader } from '../../ports/files.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export const fileReader = (): FileReader => ({
  read: async (path) => {
    try {
      return await readFile(path, 'utf8')
    } catch (cause) {
      throw new KdrError(`cannot read ${path}: ${wordsOf(cause)}`, { code: 'file-unreadable', exit: 'usage', cause })
    }
  },
  digest: async (text) => sha256(text),
})
