// One gzip member per tar entry. What is compressed already goes into stored blocks, written here because zlib
// would copy it all; the rest is deflated by zlib's threads. Every byte of a member is accounted for: gzip itself
// ignores its header and the bits after the last block, so that a deflated member carries a CRC-32 of all that follows
// its header in an extra field, and a stored one is read strictly. So damage is seen without inflating anything.
import { promisify } from 'node:util'
import { constants, crc32, deflateRaw, inflateRaw, inflateRawSync } from 'node:zlib'
import { Damage } from './damage.ts'

const MAX_STORED = 65_535
const CHUNK = 1 << 20
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

/** The stored blocks of `body` closed up to its front, in place: what they hold. */
const closeUp = (body: Buffer, expected: number): Buffer => {
  let to = 0
  for (let at = 0, last = false; !last; ) {
    if (at + 5 > body.length) throw new Damage('its gzip member is cut off')
    const length = body.readUInt16LE(at + 1)
    last = body[at] === 1
    if ((body[at] !== 0 && !last) || body.readUInt16LE(at + 3) !== (length ^ 0xffff) || length !== Math.min(MAX_STORED, expected - to)) {
      throw new Damage('a block of its gzip member is damaged')
    }
    if (at + 5 + length > body.length) throw new Damage('its gzip member is cut off')
    body.copy(body, to, at + 5, at + 5 + length)
    at += 5 + length
    to += length
    if (last ? to !== expected || at !== body.length : to === expected) throw new Damage('its gzip member has another length than the manifest says')
  }
  return body.subarray(0, to)
}

const inflated = async (stream: Buffer, expected: number): Promise<Buffer> => {
  try {
    return await promisify<Buffer, object, Buffer>(inflateRaw)(stream, {
      maxOutputLength: Math.max(1, expected),
      chunkSize: Math.min(CHUNK, Math.max(64, expected)),
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
  const stored = member.subarray(0, PLAIN.length).equals(PLAIN)
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

const held = async ({ stored, body, sum }: Framed, expected: number): Promise<Buffer> => {
  const bytes = stored ? closeUp(body, expected) : await inflated(body, expected)
  if (bytes.length !== expected) throw new Damage(`${bytes.length} bytes come out of its gzip member where the manifest expects ${expected}`)
  if (crc32(bytes) !== sum) throw new Damage('the CRC-32 of its gzip member is wrong')
  return bytes
}

/**
 * What `member` holds, `expected` bytes, checked by its CRC-32. Works in the member's own memory, which is not to be read
 * again. Throws Damage.
 */
export const openMember = async (member: Buffer, expected: number): Promise<Buffer> => held(framed(member, expected), expected)

/**
 * The first bytes of what `member` holds, at least `wanted` of them where there are so many, once each byte of it was seen by
 * a CRC-32: as fast as it can be read. Works in its memory, too. Throws Damage.
 */
export const glanceMember = async (member: Buffer, expected: number, wanted: number): Promise<Buffer> => {
  const frame = framed(member, expected)
  if (frame.stored) return held(frame, expected)
  // Deflate makes at most a few bytes more of what it cannot shrink.
  const front = frame.body.subarray(0, wanted * 2 + 1024)
  try {
    return inflateRawSync(front, { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    throw new Damage('its gzip member cannot be inflated')
  }
}
