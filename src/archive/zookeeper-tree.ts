// What a copied ZooKeeper data directory knows: its newest whole snapshot and the transactions logged since, replayed
// as a server does it when it starts (FileTxnSnapLog.restore). Formats of ZooKeeper 3.6: FileSnap, FileTxnLog,
// SerializeUtils, zookeeper.jute.
import { gunzipSync } from 'node:zlib'
import { KdrError, wordsOf } from '../errors.ts'
import type { CopiedFile } from '../ports/files.ts'
import type { Instant } from '../units.ts'

export interface Tree {
  /** The last transaction that is in it. */
  readonly zxid: bigint
  /** When that was; null where no log says. */
  readonly at: Instant | null
  /** Data by path. Ephemeral nodes of sessions that have ended since may be among them. */
  readonly data: ReadonlyMap<string, Buffer>
}

const bad = (what: string, cause?: unknown): KdrError => new KdrError(what, { code: 'bad-snapshot', exit: 'usage', cause })

/** Big-endian, from the front; past the end it throws RangeError. */
class Cursor {
  readonly #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  get left(): number {
    return this.#body.length - this.#at
  }

  int32(): number {
    this.#at += 4
    return this.#body.readInt32BE(this.#at - 4)
  }

  int64(): bigint {
    this.#at += 8
    return this.#body.readBigInt64BE(this.#at - 8)
  }

  skip(length: number): void {
    if (length < 0 || length > this.left) throw new RangeError(`${length} bytes go past the end`)
    this.#at += length
  }

  /** A null buffer reads as an empty one. */
  buffer(): Buffer {
    const length = Math.max(0, this.int32())
    this.skip(length)
    return this.#body.subarray(this.#at - length, this.#at)
  }

  text(): string {
    return this.buffer().toString('utf8')
  }
}

const MAGIC = { snapshot: 'ZKSN', log: 'ZKLG' } as const

const afterHeader = (content: Buffer, kind: keyof typeof MAGIC): Cursor => {
  if (content.subarray(0, 4).toString('latin1') !== MAGIC[kind]) throw new RangeError(`it does not begin as a ${kind} does`)
  const cursor = new Cursor(content)
  // Magic, version, database id.
  cursor.skip(16)
  return cursor
}

const skipAcls = (cursor: Cursor): void => {
  for (let lists = cursor.int32(); lists > 0; lists -= 1) {
    cursor.int64()
    for (let count = cursor.int32(); count > 0; count -= 1) {
      cursor.int32()
      cursor.text()
      cursor.text()
    }
  }
}

/** ACL reference, then czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, pzxid. */
const AFTER_DATA = 8 + 60

/** Sessions, ACLs, then every node until the path `/`, which no node has: the root's is empty. Throws RangeError where it is cut short. */
const readSnapshot = (content: Buffer): Map<string, Buffer> => {
  const cursor = afterHeader(content, 'snapshot')
  cursor.skip(cursor.int32() * 12)
  skipAcls(cursor)
  const data = new Map<string, Buffer>()
  for (let path = cursor.text(); path !== '/'; path = cursor.text()) {
    data.set(path === '' ? '/' : path, cursor.buffer())
    cursor.skip(AFTER_DATA)
  }
  return data
}

/** ZooDefs.OpCode: what changes data, by how its record begins. */
const WITH_DATA = new Set([1, 5, 15, 19, 21])
const DELETES = new Set([2, 20])
const MULTI = 14

const apply = (data: Map<string, Buffer>, type: number, record: Cursor): void => {
  if (WITH_DATA.has(type)) data.set(record.text(), record.buffer())
  else if (DELETES.has(type)) data.delete(record.text())
  else if (type === MULTI) for (let count = record.int32(); count > 0; count -= 1) apply(data, record.int32(), new Cursor(record.buffer()))
}

interface Replayed {
  readonly zxid: bigint
  readonly at: Instant | null
}

/** Every whole entry after `from`; a log is preallocated with zeros, and its last entry may have been cut short by a crash. */
const replay = (content: Buffer, data: Map<string, Buffer>, from: Replayed): Replayed => {
  const log = afterHeader(content, 'log')
  let last = from
  while (log.left >= 12) {
    const checksum = log.int64()
    const length = log.int32()
    if ((checksum === 0n && length === 0) || length < 0 || length + 1 > log.left) break
    const entry = new Cursor(content.subarray(content.length - log.left, content.length - log.left + length))
    log.skip(length + 1)
    // Client, cxid, zxid, time, type.
    entry.skip(12)
    const zxid = entry.int64()
    const at = Number(entry.int64())
    if (zxid <= last.zxid) continue
    apply(data, entry.int32(), entry)
    last = { zxid, at }
  }
  return last
}

const SNAPSHOT = /^snapshot\.([0-9a-f]+)(?:\.(gz|snappy))?$/
const LOG = /^log\.([0-9a-f]+)$/

const numbered = (files: readonly CopiedFile[], pattern: RegExp) =>
  files
    .flatMap(({ name, content }) => {
      const [, hex, packed = null] = pattern.exec(name) ?? []
      return hex === undefined ? [] : [{ name, content, packed, zxid: BigInt(`0x${hex}`) }]
    })
    .sort((a, b) => (a.zxid < b.zxid ? -1 : 1))

const unpack = (content: Buffer, packed: string | null): Buffer => {
  if (packed === 'snappy') throw new RangeError('snapshots compressed with snappy are not read')
  return packed === 'gz' ? gunzipSync(content) : content
}

/** The newest snapshot that is whole, as a server falls back to an older one when it crashed half-way through writing. */
const newest = (files: readonly CopiedFile[]): { readonly zxid: bigint; readonly data: Map<string, Buffer> } => {
  let why = 'it has no snapshot'
  for (const { name, content, packed, zxid } of numbered(files, SNAPSHOT).reverse()) {
    try {
      return { zxid, data: readSnapshot(unpack(content, packed)) }
    } catch (thrown) {
      why = `${name} cannot be read: ${wordsOf(thrown)}`
    }
  }
  throw bad(`this is no copy of a ZooKeeper data directory: ${why}`)
}

/** Throws `bad-snapshot`, exit usage. */
export const readTree = (files: readonly CopiedFile[]): Tree => {
  const { zxid, data } = newest(files)
  let last: Replayed = { zxid, at: null }
  for (const { name, content } of numbered(files, LOG)) {
    try {
      last = replay(content, data, last)
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown
      throw bad(`${name} cannot be read: ${wordsOf(thrown)}`, thrown)
    }
  }
  return { ...last, data }
}
