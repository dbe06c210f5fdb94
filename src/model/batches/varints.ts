// Zigzag varints of records, without BigInt wherever a number does: every record has half a dozen of them. The layout is
// that of org.apache.kafka.common.utils.ByteUtils.

const INT32 = 0x80000000
/** Seven bytes of varint are 49 bits, which a number takes without loss. */
const EXACT_BYTES = 7
const LONGEST = 10

/** A 64-bit number of Kafka's: a bigint only where a number would not be exact, so that equal ones are `===`. */
export type Long = number | bigint

/** 64 bits of it, as Java reckons. */
export const longOf = (value: bigint): Long => {
  const wrapped = BigInt.asIntN(64, value)
  const short = Number(wrapped)
  return Number.isSafeInteger(short) ? short : wrapped
}

/** Throws RangeError past its end. */
export class RecordReader {
  readonly #bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.at
  }

  skip(count: number): void {
    if (count > this.left) throw new RangeError(`wanted ${count} bytes, ${this.left} are left`)
    this.at += count
  }

  /** A varint. */
  number(): number {
    return Number(this.long())
  }

  /** A varint or a varlong. */
  long(): Long {
    const bytes = this.#bytes
    const from = this.at
    let value = 0
    let scale = 1
    for (let count = 0; count < EXACT_BYTES; count += 1) {
      const byte = bytes[this.at]
      if (byte === undefined) throw new RangeError('a number is cut off')
      this.at += 1
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      scale *= 0x80
    }
    this.at = from
    return this.#long()
  }

  #long(): Long {
    let value = 0n
    for (let count = 0; count < LONGEST; count += 1) {
      const byte = this.#bytes[this.at]
      if (byte === undefined) throw new RangeError('a number is cut off')
      this.at += 1
      value |= BigInt(byte & 0x7f) << BigInt(7 * count)
      if (byte < 0x80) return longOf((value >> 1n) ^ -(value & 1n))
    }
    throw new RangeError('a number has more than 10 bytes')
  }

  /** Length and bytes, a view; null is the length -1. */
  bytes(): Buffer | null {
    const length = this.number()
    if (length === -1) return null
    if (length < 0) throw new RangeError(`a length of ${length}`)
    const from = this.at
    this.skip(length)
    return this.#bytes.subarray(from, this.at)
  }
}

const isInt32 = (value: Long): value is number => value >= -INT32 && value < INT32
const zigzag32 = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0
const zigzag64 = (value: Long): bigint => BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))

export const numberLength = (value: Long): number => {
  let length = 1
  if (isInt32(value)) for (let rest = zigzag32(value); rest >= 0x80; rest >>>= 7) length += 1
  else for (let rest = zigzag64(value); rest >= 0x80n; rest >>= 7n) length += 1
  return length
}

export const bytesLength = (bytes: Buffer | null): number => (bytes === null ? 1 : numberLength(bytes.length) + bytes.length)

export class RecordWriter {
  #bytes: Buffer
  length = 0

  constructor(capacity = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafe(capacity)
  }

  #room(count: number): void {
    if (this.length + count <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.length + count))
    this.#bytes.copy(larger, 0, 0, this.length)
    this.#bytes = larger
  }

  zero(): this {
    this.#room(1)
    this.#bytes[this.length++] = 0
    return this
  }

  number(value: Long): this {
    this.#room(LONGEST)
    if (isInt32(value)) {
      let rest = zigzag32(value)
      for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.length++] = (rest & 0x7f) | 0x80
      this.#bytes[this.length++] = rest
      return this
    }
    let rest = zigzag64(value)
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[this.length++] = Number(rest & 0x7fn) | 0x80
    this.#bytes[this.length++] = Number(rest)
    return this
  }

  bytes(value: Buffer | null): this {
    if (value === null) return this.number(-1)
    this.number(value.length)
    this.#room(value.length)
    value.copy(this.#bytes, this.length)
    this.length += value.length
    return this
  }

  /** Good until the next write. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }
}
