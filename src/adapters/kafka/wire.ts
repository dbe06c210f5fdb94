// Kafka's wire format, as own messages need it: big-endian integers, varints, compact strings and arrays,
// UUIDs and tagged fields (KIP-482). kafkajs has an Encoder and a Decoder, but they lack compact nullables
// and UUIDs and read past the end of a short answer in silence.

/** An answer that ends too early, or a length no answer can have. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

const ZERO_UUID = Buffer.alloc(16)

/** Writes one message body. Compact lengths are written as n + 1; null is 0. */
export class WireWriter {
  #buffer: Buffer
  #length = 0

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  #room(bytes: number): number {
    const at = this.#length
    if (at + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, at + bytes))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    this.#length = at + bytes
    return at
  }

  #byte(value: number): this {
    const at = this.#room(1)
    this.#buffer[at] = value
    return this
  }

  i8(value: number): this {
    return this.#byte(value)
  }

  bool(value: boolean): this {
    return this.i8(value ? 1 : 0)
  }

  i16(value: number): this {
    const at = this.#room(2)
    this.#buffer.writeInt16BE(value, at)
    return this
  }

  i32(value: number): this {
    const at = this.#room(4)
    this.#buffer.writeInt32BE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#room(4)
    this.#buffer.writeUInt32BE(value, at)
    return this
  }

  i64(value: bigint): this {
    const at = this.#room(8)
    this.#buffer.writeBigInt64BE(value, at)
    return this
  }

  f64(value: number): this {
    const at = this.#room(8)
    this.#buffer.writeDoubleBE(value, at)
    return this
  }

  raw(bytes: Buffer): this {
    const at = this.#room(bytes.length)
    bytes.copy(this.#buffer, at)
    return this
  }

  /** 0 to 2^32 - 1. */
  uvarint(value: number): this {
    let rest = value >>> 0
    while (rest >= 0x80) {
      this.#byte((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    return this.#byte(rest)
  }

  /** Compact string; null where the field may be null. */
  string(value: string | null): this {
    if (value === null) return this.uvarint(0)
    const bytes = Buffer.from(value, 'utf8')
    return this.uvarint(bytes.length + 1).raw(bytes)
  }

  /** String of a message from before flexible versions. */
  oldString(value: string): this {
    const bytes = Buffer.from(value, 'utf8')
    return this.i16(bytes.length).raw(bytes)
  }

  /** Compact bytes. */
  bytes(value: Buffer): this {
    return this.uvarint(value.length + 1).raw(value)
  }

  /** Compact array; null where the field may be null. */
  array<T>(items: readonly T[] | null, each: (writer: this, item: T) => unknown): this {
    if (items === null) return this.uvarint(0)
    this.uvarint(items.length + 1)
    for (const item of items) each(this, item)
    return this
  }

  /** Array of a message from before flexible versions. */
  oldArray<T>(items: readonly T[], each: (writer: this, item: T) => unknown): this {
    this.i32(items.length)
    for (const item of items) each(this, item)
    return this
  }

  /** Kafka's own spelling, base64url; null is the zero UUID. */
  uuid(value: string | null): this {
    return this.raw(value === null ? ZERO_UUID : Buffer.from(value, 'base64url'))
  }

  /** No tagged fields: kdr sends none. */
  tags(): this {
    return this.i8(0)
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}

/** Reads one message body. Throws WireError past its end. */
export class WireReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get left(): number {
    return this.#buffer.length - this.#at
  }

  #take(bytes: number): number {
    if (bytes < 0 || bytes > this.left) throw new WireError(`wanted ${bytes} bytes, ${this.left} are left`)
    const at = this.#at
    this.#at = at + bytes
    return at
  }

  i8(): number {
    return this.#buffer.readInt8(this.#take(1))
  }

  bool(): boolean {
    return this.i8() !== 0
  }

  i16(): number {
    return this.#buffer.readInt16BE(this.#take(2))
  }

  i32(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }

  i64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8))
  }

  f64(): number {
    return this.#buffer.readDoubleBE(this.#take(8))
  }

  raw(bytes: number): Buffer {
    const at = this.#take(bytes)
    return this.#buffer.subarray(at, at + bytes)
  }

  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.i8()
      value |= (byte & 0x7f) << shift
      if (byte >= 0) return value >>> 0
    }
    throw new WireError('a varint has more than 5 bytes')
  }

  nullableString(): string | null {
    const length = this.uvarint()
    return length === 0 ? null : this.raw(length - 1).toString('utf8')
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  oldString(): string {
    const length = this.i16()
    return length < 0 ? '' : this.raw(length).toString('utf8')
  }

  /** Compact bytes; nothing where they are null. */
  bytes(): Buffer {
    return this.raw(Math.max(0, this.uvarint() - 1))
  }

  nullableArray<T>(each: (reader: this) => T): T[] | null {
    const length = this.uvarint()
    return length === 0 ? null : this.#items(length - 1, each)
  }

  array<T>(each: (reader: this) => T): T[] {
    return this.nullableArray(each) ?? []
  }

  oldArray<T>(each: (reader: this) => T): T[] {
    return this.#items(Math.max(0, this.i32()), each)
  }

  #items<T>(count: number, each: (reader: this) => T): T[] {
    if (count > this.left) throw new WireError(`an array of ${count} items cannot fit in ${this.left} bytes`)
    const items: T[] = []
    for (let at = 0; at < count; at += 1) items.push(each(this))
    return items
  }

  i32s(): number[] {
    return this.array((reader) => reader.i32())
  }

  /** Kafka's own spelling, base64url; null for the zero UUID. */
  uuid(): string | null {
    const bytes = this.raw(16)
    return bytes.equals(ZERO_UUID) ? null : bytes.toString('base64url')
  }

  /** Skips tagged fields: an answer may carry ones this version does not know. */
  tags(): void {
    this.tagged(() => {})
  }

  /** Each tagged field that is there: its tag, and a reader of it alone. */
  tagged(each: (tag: number, field: WireReader) => void): void {
    for (let count = this.uvarint(); count > 0; count -= 1) {
      const tag = this.uvarint()
      each(tag, new WireReader(this.raw(this.uvarint())))
    }
  }
}
