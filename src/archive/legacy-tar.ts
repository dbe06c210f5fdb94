// The tar of the old script, read as it streams: one gzip stream over all of it, so nothing can be asked for by
// its place. Only folders and regular files below the folder of the archive's own name are accepted.
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { Damage } from './damage.ts'
import { BLOCK, paddingOf } from './tar-head.ts'

export interface LegacyEntry {
  /** Below the archive's folder. */
  readonly path: string
  readonly size: number
  /** What is left unread is passed over. */
  content(): AsyncGenerator<Buffer>
}

const LONGEST_NAME = 4096

/** What comes out of gzip. A chunk is good for good: zlib makes a new one each time. Throws Damage. */
export async function* gunzipped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip()
  // zlib holds on to what it was given, and the store uses its memory again.
  const copies = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of source) yield Buffer.from(chunk)
  }
  const feeding = pipeline(copies, gunzip)
  feeding.catch(() => {})
  try {
    for await (const chunk of gunzip) yield chunk as Buffer
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
    throw code.startsWith('Z_') ? new Damage('it is cut off or damaged: its gzip stream ends in an error') : thrown
  }
}

/** Bytes of a stream by their number. */
const openTaker = (source: AsyncIterable<Buffer>) => {
  const chunks = source[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  /** At most `length` bytes, at least one; none at the end. */
  const some = async (length: number): Promise<Buffer> => {
    while (held.length === 0) {
      const next = await chunks.next()
      if (next.done === true) return Buffer.alloc(0)
      held = next.value
    }
    const part = held.subarray(0, length)
    held = held.subarray(part.length)
    return part
  }
  const exactly = async (length: number): Promise<Buffer> => {
    const parts: Buffer[] = []
    for (let left = length; left > 0; ) {
      const part = await some(left)
      if (part.length === 0) throw new Damage('it is cut off')
      parts.push(part)
      left -= part.length
    }
    return Buffer.concat(parts)
  }
  return { some, exactly, end: async () => void (await chunks.return?.()) }
}

/** The name of the next entry where it is longer than a header has room for (GNU, pax). */
const longName = (type: string, content: Buffer): string | null => {
  if (type === 'NextFileHasLongPath' || type === 'OldGnuLongPath') return content.toString('utf8').replace(/\0.*$/s, '')
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(content.toString('utf8'))?.[1] ?? null
}

/** Of an entry below `folder`; null for a folder. Throws Damage on everything else. */
const placeOf = (path: string, type: string, folder: string): string | null => {
  const plain = path.replace(/^\.\//, '').replace(/\/$/, '')
  if (plain !== '.' && (plain.startsWith('/') || plain.includes('\\') || plain.split('/').some((part) => part === '..' || part === ''))) {
    throw new Damage(`it has an entry with the path ${JSON.stringify(path)}`)
  }
  if (type === 'Directory') return null
  if (type !== 'File' && type !== 'OldFile') throw new Damage(`its entry ${JSON.stringify(path)} is a ${type}`)
  if (!plain.startsWith(`${folder}/`)) throw new Damage(`its entry ${JSON.stringify(path)} lies outside of ${folder}`)
  return plain.slice(folder.length + 1)
}

const META = new Set(['NextFileHasLongPath', 'OldGnuLongPath', 'ExtendedHeader', 'OldExtendedHeader', 'GlobalExtendedHeader'])

/** Files in their order; each is to be read before the next is asked for. Throws Damage. */
export async function* legacyEntries(source: AsyncIterable<Buffer>, folder: string): AsyncGenerator<LegacyEntry> {
  const { Header } = await import('tar')
  const taker = openTaker(gunzipped(source))
  let named: string | null = null
  try {
    for (;;) {
      const block = await taker.exactly(BLOCK)
      if (block.every((byte) => byte === 0)) {
        // Only at its end does gzip say whether all of it was whole.
        while ((await taker.some(1 << 20)).length > 0);
        return
      }
      const header = new Header(block)
      const { size = 0, path = '', type } = header
      if (!header.cksumValid) throw new Damage('it is no tar, or a header of it is damaged')
      if (META.has(type)) {
        if (size > LONGEST_NAME) throw new Damage('a name in it is too long')
        const content = (await taker.exactly(size + paddingOf(size))).subarray(0, size)
        if (type !== 'GlobalExtendedHeader') named = longName(type, content) ?? named
        continue
      }
      const place = placeOf(named ?? path, type, folder)
      named = null
      let left = size
      const content = async function* (): AsyncGenerator<Buffer> {
        while (left > 0) {
          const part = await taker.some(left)
          if (part.length === 0) throw new Damage('it is cut off')
          left -= part.length
          yield part
        }
      }
      if (place !== null) yield { path: place, size, content }
      for await (const _ of content()) {
        // Passed over.
      }
      await taker.exactly(paddingOf(size))
    }
  } finally {
    await taker.end()
  }
}
