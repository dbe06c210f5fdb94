// Several uncompressed batches made one: a request carries one batch per partition, so that small ones cost more in
// requests than in this. Records are moved as they are; only the deltas before key and value are written anew.
import type { KdrError } from '../../errors.ts'
import { AT, type BatchView, corruptBatch, hasHoles, MAGIC } from './batch.ts'
import { crc32c } from './crc.ts'
import { decodeRecords } from './records.ts'

/** What a record's two deltas and its length may grow by: 5 bytes each at most where they were one (ByteUtils). */
const GROWTH = 16
const INT32 = 0x80000000
/** Times so far apart that a delta takes more than 32 bits: such a batch stays on its own. */
const TOO_FAR = -1

/** Whether its records can be moved as they are: uncompressed, without holes, with the times of their producer, which a number takes without loss. */
export const isPlain = (batch: BatchView): boolean =>
  Number.isSafeInteger(batch.firstTimestamp) &&
  Number.isSafeInteger(batch.maxTimestamp) &&
  batch.codec === 0 &&
  !batch.logAppendTime &&
  batch.count > 0 &&
  !hasHoles(batch)

const tooLong = (baseOffset: bigint): KdrError => corruptBatch('a record is not as long as it says', baseOffset)
const outOfOrder = (baseOffset: bigint): KdrError => corruptBatch('its records are not in order', baseOffset)

/** Writes one batch into `memory` out of plain ones, as many as fit; nothing outside it is kept. */
export class Merge {
  readonly #memory: Buffer
  #at: number = AT.records
  #firstTimestamp = 0
  #maxTimestamp = 0
  #count = 0
  /** Where the last number that was read ended. */
  #read = 0

  constructor(memory: Buffer) {
    this.#memory = memory
  }

  /** Records in it so far. */
  get count(): number {
    return this.#count
  }

  /** False: it does not fit any more, and nothing of it was taken. Errors: `corrupt-batch`. */
  add(batch: BatchView): boolean {
    const { bytes, count } = batch
    if (this.#at + bytes.length - AT.records + count * GROWTH > this.#memory.length) return false
    if (this.#count === 0) this.#firstTimestamp = batch.firstTimestamp
    const shift = batch.firstTimestamp - this.#firstTimestamp
    const before = { at: this.#at, count: this.#count }
    let from: number = AT.records
    for (let taken = 0; taken < count; taken += 1) {
      from = this.#move(batch, taken, from, shift)
      if (from === TOO_FAR) {
        this.#at = before.at
        this.#count = before.count
        return before.count === 0 ? this.#whole(batch) : false
      }
    }
    if (from !== bytes.length) throw corruptBatch('its records are not as long as it says', batch.baseOffset)
    this.#maxTimestamp = before.count === 0 ? batch.maxTimestamp : Math.max(this.#maxTimestamp, batch.maxTimestamp)
    return true
  }

  /** A first batch as it is: no delta changes. */
  #whole(batch: BatchView): boolean {
    const { bytes, baseOffset, count, maxTimestamp } = batch
    // Its records were not all looked at yet.
    if (!decodeRecords(batch).every(({ offset }, at) => offset === baseOffset + BigInt(at))) throw outOfOrder(baseOffset)
    bytes.copy(this.#memory, AT.records, AT.records)
    this.#at = bytes.length
    this.#count = count
    this.#maxTimestamp = maxTimestamp
    return true
  }

  /** The record at `from`: length, attributes, timestamp delta, offset delta, and the rest untouched. Returns where the next begins. */
  #move({ bytes, baseOffset }: BatchView, index: number, from: number, shift: number): number {
    const length = this.#number(bytes, from)
    if (Number.isNaN(length)) throw tooLong(baseOffset)
    const body = this.#read
    const end = body + length
    const timestampDelta = this.#number(bytes, body + 1) + shift
    if (!(timestampDelta >= -INT32 && timestampDelta < INT32)) return TOO_FAR
    if (this.#number(bytes, this.#read) !== index) throw outOfOrder(baseOffset)
    const rest = this.#read
    if (!(length >= 0 && end <= bytes.length && this.#endOf(bytes, rest) === end)) throw tooLong(baseOffset)
    const deltas = widthOf(timestampDelta) + widthOf(this.#count)
    this.#write(1 + deltas + end - rest)
    this.#memory[this.#at] = bytes[body] as number
    this.#at += 1
    this.#write(timestampDelta)
    this.#write(this.#count)
    bytes.copy(this.#memory, this.#at, rest, end)
    this.#at += end - rest
    this.#count += 1
    return end
  }

  /** Where the record ends whose key begins at `from`, by the lengths in it; NaN where one of them cannot be. */
  #endOf(bytes: Buffer, from: number): number {
    const headers = this.#number(bytes, this.#over(bytes, this.#over(bytes, from, -1), -1))
    if (!(headers >= 0)) return Number.NaN
    let at = this.#read
    for (let left = headers; left > 0 && at <= bytes.length; left -= 1) at = this.#over(bytes, this.#over(bytes, at, 0), -1)
    return at
  }

  /** Behind the bytes whose length stands at `from`; -1 stands for null, where `least` allows it. */
  #over(bytes: Buffer, from: number, least: number): number {
    const length = this.#number(bytes, from)
    return length >= least ? this.#read + Math.max(0, length) : Number.NaN
  }

  /** NaN where it takes more than 7 bytes: 49 bits are what a number takes without loss. */
  #number(bytes: Buffer, from: number): number {
    let value = 0
    let scale = 1
    for (let at = from; at < from + 7; at += 1) {
      const byte = bytes[at]
      if (byte === undefined) throw corruptBatch('a number of it is cut off', bytes.readBigInt64BE(AT.baseOffset))
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        this.#read = at + 1
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      }
      scale *= 0x80
    }
    return Number.NaN
  }

  #write(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0
    for (; rest >= 0x80; rest >>>= 7) this.#memory[this.#at++] = (rest & 0x7f) | 0x80
    this.#memory[this.#at++] = rest
  }

  /** The batch, of no particular producer, its checksum right: a view of the memory. */
  finish(): Buffer {
    const batch = this.#memory.subarray(0, this.#at)
    batch.writeBigInt64BE(0n, AT.baseOffset)
    batch.writeInt32BE(batch.length - AT.leaderEpoch, AT.length)
    batch.writeInt32BE(-1, AT.leaderEpoch)
    batch.writeInt8(MAGIC, AT.magic)
    batch.writeInt16BE(0, AT.attributes)
    batch.writeInt32BE(this.#count - 1, AT.lastOffsetDelta)
    batch.writeBigInt64BE(BigInt(this.#firstTimestamp), AT.firstTimestamp)
    batch.writeBigInt64BE(BigInt(this.#maxTimestamp), AT.maxTimestamp)
    batch.writeBigInt64BE(-1n, AT.producerId)
    batch.writeInt16BE(-1, AT.producerEpoch)
    batch.writeInt32BE(-1, AT.baseSequence)
    batch.writeInt32BE(this.#count, AT.count)
    batch.writeUInt32BE(crc32c(batch.subarray(AT.attributes)), AT.crc)
    return batch
  }
}

const widthOf = (value: number): number => {
  const rest = ((value << 1) ^ (value >> 31)) >>> 0
  if (rest < 0x80) return 1
  if (rest < 0x4000) return 2
  if (rest < 0x200000) return 3
  return rest < 0x10000000 ? 4 : 5
}
