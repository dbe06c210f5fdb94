// Tells when a lab serves: every broker answers Metadata and lists all of them, every registry its subjects. Asked directly, because a
// lab knows no other adapter.
import { get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { KdrError } from '../errors.ts'

/** Metadata v1 for no topics: 3.5 to 4.x answer it (KIP-896 kept it). */
const request = (): Buffer => {
  const body = Buffer.alloc(14)
  body.writeInt16BE(3, 0) // API key
  body.writeInt16BE(1, 2) // version
  body.writeInt32BE(1, 4) // correlation id
  body.writeInt16BE(0, 8) // client id, empty
  body.writeInt32BE(0, 10) // no topics
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

/** Broker ids of a Metadata v1 response, correlation id first. */
const brokerIdsOf = (response: Buffer): readonly number[] => {
  let at = 4
  const int32 = () => {
    at += 4
    return response.readInt32BE(at - 4)
  }
  const skipString = () => {
    const length = response.readInt16BE(at)
    at += 2 + Math.max(0, length)
  }
  return Array.from({ length: int32() }, () => {
    const id = int32()
    skipString()
    int32()
    skipString()
    return id
  })
}

const whole = (chunks: readonly Buffer[]): Buffer | null => {
  const all = Buffer.concat(chunks)
  return all.length >= 4 && all.length >= 4 + all.readInt32BE(0) ? all.subarray(4, 4 + all.readInt32BE(0)) : null
}

const ask = (socket: Socket): Promise<readonly number[]> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    socket.setTimeout(3000, () => socket.destroy(new Error('no answer')))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed')))
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      const response = whole(chunks)
      if (response !== null) resolve(brokerIdsOf(response))
    })
    socket.write(request())
  })

/** Ids that the broker at `address` (`host:port`) lists; null while it does not answer. */
export const listedBrokers = async (address: string): Promise<readonly number[] | null> => {
  const [host, port] = address.split(':')
  if (host === undefined || port === undefined) throw new KdrError(`${address} is no host:port`, { code: 'bad-address', exit: 'usage' })
  const socket = connect({ host, port: Number(port) })
  try {
    return await ask(socket)
  } catch {
    return null
  } finally {
    socket.destroy()
  }
}

/** `srvr` with a mode: `ruok` would only prove a process, not a quorum. */
export const servesZooKeeper = async (address: string): Promise<boolean> => {
  const [host, port] = address.split(':')
  const socket = connect({ host: host ?? '', port: Number(port) })
  socket.setTimeout(3000, () => socket.destroy(new Error('no answer')))
  try {
    socket.write('srvr')
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    return /^Mode: (leader|follower|standalone)$/m.test(answer)
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** It listens only once it has read `_schemas` and found its group. By http, not fetch: whose answer may never come once a published port closes on it. */
export const servesRegistry = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get(`http://${address}/subjects`, { agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    request.setTimeout(3000, () => request.destroy(new Error('no answer')))
    request.once('error', () => resolve(false))
    request.once('close', () => resolve(false))
  })
