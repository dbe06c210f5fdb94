// Just enough of tar to read one small file, or the names at the top of a folder, out of a container without
// taking the whole of it over the wire: a broker's disk may hold terabytes.

const BLOCK = 512

export interface Entry {
  readonly name: string
  readonly folder: boolean
  readonly size: number
  /** Content of a small file; empty beyond what is kept. */
  readonly content: Buffer
}

/** No identity file is larger. */
const IDENTITY = 64 << 10

const text = (block: Buffer, from: number, length: number): string => {
  const field = block.subarray(from, from + length)
  const end = field.indexOf(0)
  return field.subarray(0, end < 0 ? length : end).toString('utf8')
}

/** Octal, or base 256 where the first bit is set (GNU, star). */
const sizeOf = (block: Buffer): number => {
  const field = block.subarray(124, 136)
  if (((field[0] ?? 0) & 0x80) === 0) return Number.parseInt(text(block, 124, 12).trim() || '0', 8)
  return Number(field.subarray(1).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n))
}

/** `length path=name\n` records of a PAX header. */
const paxPath = (content: Buffer): string | null => /(?:^|\n)\d+ path=([^\n]*)\n/.exec(content.toString('utf8'))?.[1] ?? null

/**
 * Entries as they come, with the content of files up to `kept` bytes; whoever has seen enough stops reading, and the stream is
 * torn down. Throws on anything that is not tar.
 */
export async function* entriesOf(stream: AsyncIterable<Uint8Array>, kept = IDENTITY): AsyncGenerator<Entry> {
  const source = stream[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  /** Up to `length` bytes; less only at the end. `keep` of them are returned, the rest is dropped as it comes. */
  const take = async (length: number, keep: number): Promise<Buffer> => {
    const parts: Buffer[] = []
    for (let left = length; left > 0; ) {
      if (held.length === 0) {
        const next = await source.next()
        if (next.done === true) break
        held = Buffer.from(next.value)
      }
      const part = held.subarray(0, left)
      held = held.subarray(part.length)
      left -= part.length
      if (keep > 0) parts.push(part)
    }
    return Buffer.concat(parts).subarray(0, keep)
  }
  try {
    for (let longName: string | null = null; ; ) {
      const block = await take(BLOCK, BLOCK)
      if (block.length < BLOCK || block[0] === 0) return
      if (text(block, 257, 5) !== 'ustar') throw new Error('the archive is not tar')
      const size = sizeOf(block)
      const content = await take(size, size <= kept ? size : 0)
      await take((BLOCK - (size % BLOCK)) % BLOCK, 0)
      const type = String.fromCharCode(block[156] ?? 0)
      if (type === 'x' || type === 'L') {
        longName = type === 'x' ? paxPath(content) : text(content, 0, content.length)
        continue
      }
      const prefix = text(block, 345, 155)
      const name = longName ?? `${prefix === '' ? '' : `${prefix}/`}${text(block, 0, 100)}`
      longName = null
      yield { name, folder: type === '5', size, content }
    }
  } finally {
    await source.return?.()
  }
}
