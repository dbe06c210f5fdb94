// One gzip member per tar entry. What is compressed already goes into stored blocks, written here because zlib
// would copy it all; the rest is deflated by zlib's threads. Every byte of a member is accounted for: gzip itself
// ignores its header and the bits after the last block, so that a deflated member carries a CRC-32 of all that follows
// its header in an extra field, and a stored one is read strictly. So damage is seen without inflating anything.
import { promisify } from 'node:util'
import { constants, deflateRaw, inflateRaw, inflateRawSync } from 'node:zlib'
import { crc32 } from '../model/batches/crc.ts'
import { giveBack } from '../model/slabs.ts'
import { Damage } from './damage.ts'

const MAX_STORED = 65_535
const CHUNK = 1 << 20
const PIECE = 8 << 20
/** Deflate, no time, unknown system. */
const PLAIN = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
/** The same with an extra field of 8 bytes: subfield `KD`, 4 bytes, the CRC-32 of the deflate stream and what ends the member. */
const EXTRA = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 8, 0, 0x4b, 0x44, 4, 0])
const EXTRA_HEAD = EXTRA.length + 4
const TAIL = 8
/** Deflate makes no more of a byte. */
const MAX_RATIO = 1032

const tail = (sum: number, bytes: number): Buffer => {
  const block = Buffer.alloc(TAIL)
  block.writeUInt32LE(sum, 0)
  block.writeUInt32LE(bytes % 2 ** 32, 4)
  return block
}

const blocksOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / MAX_STORED))

export const storedLength = (bytes: number): number => PLAIN.length + bytes + 5 * blocksOf(bytes) + TAIL

const blockHead = (length: number, last: boolean): Buffer => {
  const head = Buffer.allocUnsafe(5)
  head[0] = last ? 1 : 0
  head.writeUInt16LE(length, 1)
  head.writeUInt16LE(length ^ 0xffff, 3)
  return head
}

/** The member around `pieces`, whose memory is handed on, not copied. */
export function* storedMember(pieces: readonly Buffer[]): Generator<Buffer> {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0)
  yield PLAIN
  let sum = 0
  let left = total
  let room = 0
  if (total === 0) yield blockHead(0, true)
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      if (room === 0) {
        room = Math.min(left, MAX_STORED)
        yield blockHead(room, left === room)
      }
      const part = piece.subarray(at, at + room)
      sum = crc32(part, sum)
      at += part.length
      room -= part.length
      left -= part.length
      yield part
    }
  }
  yield tail(sum, total)
}

/** The member with `pieces` deflated at level 1, by zlib's own threads. */
export const deflatedMember = async (pieces: readonly Buffer[]): Promise<Buffer[]> => {
  const sum = pieces.reduce((before, piece) => crc32(piece, before), 0)
  const total = pieces.reduce((before, piece) => before + piece.length, 0)
  const stream = await promisify<Buffer, object, Buffer>(deflateRaw)(Buffer.concat(pieces), { level: 1, memLevel: 9, chunkSize: CHUNK })
  const end = tail(sum, total)
  const check = Buffer.alloc(4)
  check.writeUInt32LE(crc32(end, crc32(stream)))
  return [EXTRA, check, stream, end]
}

/** What the stored blocks of `body` hold, seen to be `expected` bytes in all before any of it is touched. */
const storedBlocks = (body: Buffer, expected: number): readonly Buffer[] => {
  const blocks: Buffer[] = []
  let held = 0
  for (let at = 0, last = false; !last; ) {
    if (at + 5 > body.length) throw new Damage('its gzip member is cut off')
    const length = body.readUInt16LE(at + 1)
    last = body[at] === 1
    if ((body[at] !== 0 && !last) || body.readUInt16LE(at + 3) !== (length ^ 0xffff) || length !== Math.min(MAX_STORED, expected - held)) {
      throw new Damage('a block of its gzip member is damaged')
    }
    if (at + 5 + length > body.length) throw new Damage('its gzip member is cut off')
    blocks.push(body.subarray(at + 5, at + 5 + length))
    at += 5 + length
    held += length
    if (last ? held !== expected || at !== body.length : held === expected) throw new Damage('its gzip member has another length than the manifest says')
  }
  return blocks
}

const inflated = async (stream: Buffer, expected: number): Promise<Buffer> => {
  try {
    return await promisify<Buffer, object, Buffer>(inflateRaw)(stream, {
      maxOutputLength: Math.max(1, expected),
      // In one piece where that is no risk, and with room to see the end: several are copied together, and litter.
      chunkSize: Math.min(PIECE, expected + 64),
    })
  } catch (thrown) {
    const bomb = thrown instanceof RangeError
    throw new Damage(bomb ? `more than the ${expected} bytes come out of its gzip member that the manifest allows` : 'its gzip member cannot be inflated')
  }
}

/** More than `expected` can never come out of `length` bytes, so that nobody is made to allocate it. */
const within = (length: number, expected: number): void => {
  if (expected > length * MAX_RATIO) throw new Damage('its gzip member is too short for what the manifest says')
}

interface Framed {
  readonly stored: boolean
  /** Stored blocks, or the deflate stream. */
  readonly body: Buffer
  /** CRC-32 of what it holds. */
  readonly sum: number
}

/** Everything about `member` but what it holds. Throws Damage. */
const framed = (member: Buffer, expected: number): Framed => {
  const stored = storedStart(member)
  const head = stored ? PLAIN.length : EXTRA_HEAD
  if (member.length < head + TAIL) throw new Damage('its gzip member is cut off')
  if (!stored && !member.subarray(0, EXTRA.length).equals(EXTRA))
    throw new Damage('its gzip member does not begin where the manifest says, or its header is damaged')
  const length = member.readUInt32LE(member.length - 4)
  if (length !== expected % 2 ** 32) throw new Damage(`its gzip member says ${length} bytes where the manifest expects ${expected}`)
  const body = member.subarray(head, member.length - TAIL)
  within(body.length, expected)
  if (!stored && crc32(member.subarray(head)) !== member.readUInt32LE(EXTRA.length)) throw new Damage('the CRC-32 of its deflate stream is wrong')
  return { stored, body, sum: member.readUInt32LE(member.length - TAIL) }
}

/** Whether a stored member begins here. */
export const storedStart = (bytes: Buffer): boolean => bytes.subarray(0, PLAIN.length).equals(PLAIN)

/** Whether these are the first bytes of a deflated member, however few of its header there are. */
export const deflatedStart = (bytes: Buffer): boolean => EXTRA.subarray(0, bytes.length).equals(bytes.subarray(0, EXTRA.length))

/** The deflated member that ends where `bytes` does, told by its own CRC-32 of all that follows its header; null where none begins in them. */
export const lastMemberIn = (bytes: Buffer): Buffer | null => {
  for (let at = bytes.lastIndexOf(EXTRA); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(EXTRA, at - 1)) {
    const member = bytes.subarray(at)
    if (member.length > EXTRA_HEAD && crc32(member.subarray(EXTRA_HEAD)) === member.readUInt32LE(EXTRA.length)) return member
  }
  return null
}

const checked = (found: number, sum: number): void => {
  if (found !== sum) throw new Damage('the CRC-32 of its gzip member is wrong')
}

export interface MemberOptions {
  /** Memory of so many bytes at least for what it holds; without, it gets memory of its own. */
  readonly into?: (bytes: number) => Buffer
  /** False where whoever asks checks what comes out by better means. */
  readonly summed?: boolean
}

/** Into other memory: moving shared memory within itself costs ten times as much. */
const closedUp = (body: Buffer, expected: number, into: MemberOptions['into']): Buffer => {
  const blocks = storedBlocks(body, expected)
  const bytes = (into ?? Buffer.allocUnsafe)(expected).subarray(0, expected)
  let at = 0
  for (const block of blocks) {
    bytes.set(block, at)
    at += block.length
  }
  return bytes
}

/** Out of memory that zlib made, which is given back. */
const moved = (content: Buffer, expected: number, into: MemberOptions['into']): Buffer => {
  if (content.length !== expected) throw new Damage(`${content.length} bytes come out of its gzip member where the manifest expects ${expected}`)
  if (into === undefined) return content
  const bytes = into(expected).subarray(0, expected)
  bytes.set(content)
  giveBack(content)
  return bytes
}

/** What `member` holds, `expected` bytes, checked by its CRC-32. Throws Damage. */
export const openMember = async (member: Buffer, expected: number, { into, summed = true }: MemberOptions = {}): Promise<Buffer> => {
  const { stored, body, sum } = framed(member, expected)
  const bytes = stored ? closedUp(body, expected, into) : moved(await inflated(body, expected), expected, into)
  if (summed) checked(crc32(bytes), sum)
  return bytes
}

/**
 * The first bytes of what `member` holds, at least `wanted` of them where there are so many, once each byte of it was seen by
 * a CRC-32: as fast as it can be read. Throws Damage.
 */
export const glanceMember = async (member: Buffer, expected: number, wanted: number): Promise<Buffer> => {
  const { stored, body, sum } = framed(member, expected)
  if (stored) {
    const blocks = storedBlocks(body, expected)
    checked(
      blocks.reduce((before, block) => crc32(block, before), 0),
      sum,
    )
    return Buffer.concat(blocks.slice(0, Math.ceil(wanted / MAX_STORED)))
  }
  // Deflate makes at most a few bytes more of what it cannot shrink.
  const front = body.subarray(0, wanted * 2 + 1024)
  try {
    return inflateRawSync(front, { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    throw new Damage('its gzip member cannot be inflated')
  }
}
