// ZooKeeper's wire format (jute), as far as reading needs it: frames of a length and a body, big-endian
// integers, strings and buffers with a length before them (-1 is null). From zookeeper.jute of ZooKeeper 3.6.

/** ZooDefs.OpCode. */
const OP = { getData: 4, sync: 9, getChildren2: 12, closeSession: -11 } as const

/** KeeperException.Code, the ones a reader can meet. */
export const ERROR_NAMES: Readonly<Record<number, string>> = {
  [-1]: 'SYSTEMERROR',
  [-4]: 'CONNECTIONLOSS',
  [-5]: 'MARSHALLINGERROR',
  [-6]: 'UNIMPLEMENTED',
  [-8]: 'BADARGUMENTS',
  [-101]: 'NONODE',
  [-102]: 'NOAUTH',
  [-112]: 'SESSIONEXPIRED',
  [-115]: 'AUTHFAILED',
  [-124]: 'THROTTLEDOP',
}
export const NO_NODE = -101
export const NO_AUTH = -102

/** A server never sends more than its jute.maxbuffer, 1 MiB by default; past this the stream is not ZooKeeper's. */
const MAX_FRAME = 64 << 20

const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value, 'utf8')
  return Buffer.concat([int32(bytes.length), bytes])
}

const frame = (...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([int32(body.length), body])
}

/** ConnectRequest: protocol 0, no zxid seen, a new session without a password, and not read-only: a server without a quorum must refuse. */
export const connectRequest = (timeout: number): Buffer =>
  frame(int32(0), Buffer.alloc(8), int32(timeout), Buffer.alloc(8), int32(16), Buffer.alloc(16), Buffer.from([0]))

/** RequestHeader, path and no watch. */
export const getDataRequest = (xid: number, path: string): Buffer => frame(int32(xid), int32(OP.getData), text(path), Buffer.from([0]))
export const getChildrenRequest = (xid: number, path: string): Buffer => frame(int32(xid), int32(OP.getChildren2), text(path), Buffer.from([0]))
export const syncRequest = (xid: number): Buffer => frame(int32(xid), int32(OP.sync), text('/'))
export const closeRequest = (xid: number): Buffer => frame(int32(xid), int32(OP.closeSession))

/** Reads one frame's body from the front; past its end it throws RangeError. */
export class Reader {
  readonly #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  int32(): number {
    this.#at += 4
    return this.#body.readInt32BE(this.#at - 4)
  }

  int64(): bigint {
    this.#at += 8
    return this.#body.readBigInt64BE(this.#at - 8)
  }

  /** A null buffer reads as an empty one: a znode without data has no bytes either way. */
  buffer(): Buffer {
    const length = this.int32()
    if (length < 0) return Buffer.alloc(0)
    if (this.#at + length > this.#body.length) throw new RangeError(`a field of ${length} bytes goes past the end of its frame`)
    this.#at += length
    return Buffer.from(this.#body.subarray(this.#at - length, this.#at))
  }

  strings(): readonly string[] {
    return Array.from({ length: Math.max(0, this.int32()) }, () => this.buffer().toString('utf8'))
  }
}

/** ConnectResponse; session 0 means that the server refused. */
export const readConnectResponse = (body: Buffer): { readonly timeout: number; readonly session: bigint } => {
  const reader = new Reader(body)
  reader.int32()
  return { timeout: reader.int32(), session: reader.int64() }
}

export const readReplyHeader = (reader: Reader): { readonly xid: number; readonly zxid: bigint; readonly error: number } => ({
  xid: reader.int32(),
  zxid: reader.int64(),
  error: reader.int32(),
})

/** GetDataResponse: the data, then Stat, which begins czxid, mzxid, ctime, mtime, version. */
export const readData = (reader: Reader): { readonly data: Buffer; readonly czxid: bigint; readonly version: number } => {
  const data = reader.buffer()
  const czxid = reader.int64()
  for (let skipped = 0; skipped < 3; skipped += 1) reader.int64()
  return { data, czxid, version: reader.int32() }
}

/** Cuts a stream into frame bodies. Throws RangeError on a length no server sends. */
export const frameCutter = (): ((chunk: Buffer) => readonly Buffer[]) => {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const bodies: Buffer[] = []
    let at = 0
    while (rest.length - at >= 4) {
      const length = rest.readInt32BE(at)
      if (length < 0 || length > MAX_FRAME) throw new RangeError(`a frame of ${length} bytes: this is no ZooKeeper`)
      if (rest.length - at - 4 < length) break
      bodies.push(rest.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    rest = rest.subarray(at)
    return bodies
  }
}
