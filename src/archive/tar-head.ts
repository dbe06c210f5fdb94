// What stands before an entry's content in the tar: one ustar header, or a pax header for a path that does not
// fit. Written in one way only, so that a reader compares bytes and need not trust what it parses.

export const BLOCK = 512
const NAME = 100
const PREFIX = 155

export const paddingOf = (bytes: number): number => (BLOCK - (bytes % BLOCK)) % BLOCK

/** Two blocks of zeros. */
export const tarEnd = (): Buffer => Buffer.alloc(2 * BLOCK)

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`

interface Fields {
  readonly name: string
  readonly prefix: string
  readonly bytes: number
  readonly mtime: number
  readonly type: '0' | 'x'
}

const SUM_AT = 148

const sumOf = (block: Buffer): number => {
  let sum = 0
  for (let at = 0; at < BLOCK; at += 1) sum += at >= SUM_AT && at < SUM_AT + 8 ? 0x20 : (block[at] ?? 0)
  return sum
}

const header = ({ name, prefix, bytes, mtime, type }: Fields): Buffer => {
  const block = Buffer.alloc(BLOCK)
  block.write(name, 0, NAME, 'latin1')
  block.write(`${octal(0o644, 8)}${octal(0, 8)}${octal(0, 8)}${octal(bytes, 12)}${octal(mtime, 12)}`, 100, 'latin1')
  block.write(type, 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write(`${octal(0, 8)}${octal(0, 8)}`, 329, 'latin1')
  block.write(prefix, 345, PREFIX, 'latin1')
  block.write(`${sumOf(block).toString(8).padStart(6, '0')}\0 `, SUM_AT, 'latin1')
  return block
}

/** Name and prefix that ustar has room for; null when it has not. */
const split = (path: string): { readonly name: string; readonly prefix: string } | null => {
  if (path.length <= NAME) return { name: path, prefix: '' }
  for (let at = path.indexOf('/'); at > 0 && at <= PREFIX; at = path.indexOf('/', at + 1)) {
    if (path.length - at - 1 <= NAME) return { prefix: path.slice(0, at), name: path.slice(at + 1) }
  }
  return null
}

/** `length path=…\n`, where the length counts itself. */
const paxRecord = (path: string): Buffer => {
  const rest = ` path=${path}\n`
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.from(`${length}${rest}`, 'latin1')
}

/** `mtime` in seconds. Paths are of the layout, so ASCII. */
export const tarHead = (path: string, bytes: number, mtime: number): Buffer => {
  const fits = split(path)
  if (fits !== null) return header({ ...fits, bytes, mtime, type: '0' })
  const record = paxRecord(path)
  return Buffer.concat([
    header({ name: 'pax-header', prefix: '', bytes: record.length, mtime, type: 'x' }),
    record,
    Buffer.alloc(paddingOf(record.length)),
    header({ name: path.slice(0, NAME), prefix: '', bytes, mtime, type: '0' }),
  ])
}

/** Header, content and padding. */
export const tarLength = (path: string, bytes: number): number => tarHead(path, 0, 0).length + bytes + paddingOf(bytes)

const text = (block: Buffer, from: number, length: number): string => {
  const field = block.subarray(from, from + length)
  const end = field.indexOf(0)
  return field.toString('latin1', 0, end < 0 ? length : end)
}

/** Only for a header that no manifest tells the size of (the provisional one). null when it is no regular file of this name. */
export const sizeInHead = (block: Buffer, path: string): number | null => {
  const bytes = Number.parseInt(text(block, 124, 12), 8)
  return text(block, 0, NAME) === path && Number.isSafeInteger(bytes) ? bytes : null
}

const TYPES: Readonly<Record<string, string>> = { '1': 'a hard link', '2': 'a symbolic link', '3': 'a device', '4': 'a device', '5': 'a folder', '6': 'a pipe' }

/** What is wrong with `found` where `tarHead(path, bytes, mtime)` was expected; null when nothing is. */
export const headProblem = (found: Buffer, path: string, bytes: number, mtime: number): string | null => {
  const wanted = tarHead(path, bytes, mtime)
  if (found.subarray(0, wanted.length).equals(wanted)) return null
  const block = found.subarray(wanted.length - BLOCK, wanted.length)
  if (block.length < BLOCK || text(block, 257, 5) !== 'ustar') return 'its tar header is none'
  if (Number.parseInt(text(block, SUM_AT, 8), 8) !== sumOf(block)) return 'the checksum of its tar header is wrong'
  const type = TYPES[text(block, 156, 1)]
  if (type !== undefined) return `it is ${type} in the tar`
  const prefix = text(block, 345, PREFIX)
  const name = `${prefix === '' ? '' : `${prefix}/`}${text(block, 0, NAME)}`
  if (wanted.length === BLOCK && name !== path) return `${JSON.stringify(name)} lies in its place`
  const size = Number.parseInt(text(block, 124, 12), 8)
  if (size !== bytes) return `its tar header says ${size} bytes and the manifest ${bytes}`
  return 'its tar header is not the one kdr writes'
}
