// On real sockets: what a user of net.Socket counts on must hold before there is a connection, too.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { lateSocket } from '../../../src/adapters/docker/late-socket.ts'

let server: Server | null = null
const listen = async (serve: (socket: Socket) => void): Promise<number> => {
  server = createServer(serve).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
afterEach(() => {
  server?.close()
  server = null
})

const late = (port: number, search = 50): Duplex =>
  lateSocket(async (signal) => {
    await sleep(search, undefined, { signal })
    return { host: '127.0.0.1', port }
  })

describe('a connection given out before it is one', () => {
  it('holds what is written until it is connected, and says when', async () => {
    const port = await listen((socket) => socket.pipe(socket))
    const stream = late(port)
    expect((stream as Duplex & { connecting: boolean }).connecting).toBe(true)
    stream.write('early ')
    stream.end('bird')
    await once(stream, 'connect')
    expect((stream as Duplex & { connecting: boolean }).connecting).toBe(false)
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk)
    expect(Buffer.concat(chunks).toString()).toBe('early bird')
  })

  it('takes no more from the other side than is read', async () => {
    let sent = 0
    const port = await listen((socket) => {
      const chunk = Buffer.alloc(64 << 10)
      const more = () => {
        while (sent < 64 << 20 && !socket.destroyed) {
          sent += chunk.length
          if (!socket.write(chunk)) return
        }
      }
      socket.on('drain', more)
      socket.on('error', () => {})
      more()
    })
    const stream = late(port)
    await once(stream, 'readable')
    await sleep(300)
    expect(sent).toBeLessThan(32 << 20)
    let taken = 0
    stream.on('data', (chunk: Buffer) => {
      taken += chunk.length
    })
    await expect.poll(() => taken, { timeout: 10_000 }).toBe(64 << 20)
    stream.destroy()
  })

  it('breaks with what went wrong in the search, or in connecting', async () => {
    const lost = lateSocket(() => Promise.reject(Object.assign(new Error('nobody of that name'), { code: 'ECONNREFUSED' })))
    expect((await once(lost, 'error'))[0]).toMatchObject({ message: 'nobody of that name', code: 'ECONNREFUSED' })
    const port = await listen(() => {})
    server?.close()
    const [refused] = await once(late(port), 'error')
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('ends the search when it is given up, and never connects', async () => {
    let connections = 0
    const port = await listen(() => {
      connections += 1
    })
    const stream = late(port, 100)
    const errors: unknown[] = []
    stream.on('error', (error) => errors.push(error))
    stream.destroy()
    await once(stream, 'close')
    await sleep(200)
    expect([connections, errors]).toEqual([0, []])
  })

  it('closes when the other side does', async () => {
    const port = await listen((socket) => socket.destroy())
    const stream = late(port)
    stream.on('error', () => {})
    stream.resume()
    await once(stream, 'close')
    expect(stream.destroyed).toBe(true)
  })
})
