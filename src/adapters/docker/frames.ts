// Docker's multiplexed streams: every piece of output in a frame of its own. Read in a loop:
// dockerode's demuxStream recurses and overflows the stack at some thousand frames in a chunk.

/** One byte for the stream (0 input, 1 output, 2 errors), three of zero, four of length, big-endian (Engine API, ContainerAttach). */
const HEADER = 8

interface Output {
  readonly stdout: Buffer
  readonly stderr: Buffer
  /** Both, in the order they were written. */
  readonly both: Buffer
}

/** A last frame that was cut off keeps what there is of it. */
export const unframe = (framed: Buffer): Output => {
  const out: Buffer[] = []
  const err: Buffer[] = []
  const both: Buffer[] = []
  for (let at = 0; at + HEADER <= framed.length; ) {
    const length = framed.readUInt32BE(at + 4)
    const content = framed.subarray(at + HEADER, at + HEADER + length)
    ;(framed[at] === 2 ? err : out).push(content)
    both.push(content)
    at += HEADER + length
  }
  return { stdout: Buffer.concat(out), stderr: Buffer.concat(err), both: Buffer.concat(both) }
}

/** Without the line ends, and without an empty last line. */
export const linesOf = (text: string): readonly string[] => {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** Everything a stream gives, at most `limit` bytes; what is beyond is dropped, not kept. */
export const collect = async (stream: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    if (length < limit) chunks.push(chunk)
    length += chunk.length
  }
  return Buffer.concat(chunks).subarray(0, limit)
}
