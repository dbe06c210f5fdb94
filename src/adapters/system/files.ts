// Files the operator named, whole.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { KdrError, wordsOf } from '../../errors.ts'
import type { CopiedFile, FileReader } from '../../ports/files.ts'
import { entriesOf } from '../docker/tar.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const unreadable = (path: string, cause: unknown): KdrError =>
  new KdrError(`cannot read ${path}: ${wordsOf(cause)}`, { code: 'file-unreadable', exit: 'usage', cause })

/** What a ZooKeeper writes into its `version-2` (FileTxnSnapLog, QuorumPeer). */
const OF_ZOOKEEPER = /^(?:(?:snapshot\.[0-9a-f]+(?:\.(?:gz|snappy))?)|(?:log\.[0-9a-f]+)|acceptedEpoch|currentEpoch)$/
/** Beyond this it is no quorum member's file: a snapshot is all in memory there, too. */
const LARGEST = 1 << 30

/** A log is preallocated in steps of 64 MiB. */
const withoutZeros = (content: Buffer): Buffer => {
  let end = content.length
  while (end > 0 && content[end - 1] === 0) end -= 1
  // The last entry ends with a byte that is not zero (`EOR`, 0x42).
  return content.subarray(0, end)
}

const copied = (name: string, content: Buffer): CopiedFile => ({ name, content: name.startsWith('log.') ? withoutZeros(content) : content })

const fromFolder = async (path: string): Promise<readonly CopiedFile[]> => {
  const names = await readdir(path)
  const folder = names.includes('version-2') ? join(path, 'version-2') : path
  const own = (await readdir(folder)).filter((name) => OF_ZOOKEEPER.test(name))
  return Promise.all(own.map(async (name) => copied(name, await readFile(join(folder, name)))))
}

const fromTar = async (path: string): Promise<readonly CopiedFile[]> => {
  const files: CopiedFile[] = []
  // An error of the one stream does not reach the other by itself.
  const file = createReadStream(path)
  const gunzip = createGunzip()
  file.on('error', (thrown) => gunzip.destroy(thrown)).pipe(gunzip)
  for await (const { name, folder, content, size } of entriesOf(gunzip, LARGEST)) {
    const own = name.split('/').at(-1) ?? ''
    if (folder || !OF_ZOOKEEPER.test(own)) continue
    if (size > LARGEST) throw new Error(`${name} is larger than any quorum member's file`)
    files.push(copied(own, content))
  }
  return files
}

const twice = (files: readonly CopiedFile[]): string | undefined => files.find(({ name }, at) => files.findIndex((each) => each.name === name) !== at)?.name

export const readCopy: FileReader['copy'] = async (paths) => {
  const files: CopiedFile[] = []
  for (const path of paths) {
    try {
      files.push(...((await stat(path)).isDirectory() ? await fromFolder(path) : await fromTar(path)))
    } catch (cause) {
      throw unreadable(path, cause)
    }
  }
  const both = twice(files)
  if (both !== undefined)
    throw new KdrError(`${both} is there twice in ${paths.join(', ')}: these are copies of several members`, {
      code: 'bad-snapshot',
      exit: 'usage',
      hint: 'name the copy of one member, the one that reaches furthest',
    })
  const sorted = files.sort((a, b) => (a.name < b.name ? -1 : 1))
  const hash = createHash('sha256')
  for (const { name, content } of sorted) hash.update(`${name} ${content.length}\n`).update(content)
  return { files: sorted, sha256: hash.digest('hex') }
}

export const fileReader = (): FileReader => ({
  read: async (path) => {
    try {
      return await readFile(path, 'utf8')
    } catch (cause) {
      throw unreadable(path, cause)
    }
  },
  digest: async (text) => sha256(text),
  copy: readCopy,
})
