// Against servers that misbehave in ways a real one cannot be made to on demand; what a real one says is in test/real.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openZooKeeper } from '../../../src/adapters/zookeeper/open-zookeeper.ts'

const never = new AbortController().signal
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const serve = async (onSocket: (socket: Socket) => void): Promise<string> => {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}
const nobody = async (): Promise<string> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}
const reader = (servers: readonly string[], timeout = 400) => openZooKeeper({ servers, timeout, dial: (host, port) => connect({ host, port }) })

const SESSION = Buffer.from(`00000025000000000000177001000000000000010000001000000000000000000000000000000000 00`.replace(' ', ''), 'hex')
const reply = (xid: number, error: number, body = ''): Buffer => {
  const bytes = Buffer.alloc(16)
  bytes.writeInt32BE(xid, 0)
  bytes.writeInt32BE(error, 12)
  const all = Buffer.concat([bytes, Buffer.from(body, 'hex')])
  const length = Buffer.alloc(4)
  length.writeInt32BE(all.length)
  return Buffer.concat([length, all])
}
const DATA = `00000002 6869 ${'0000000000000009'.repeat(4)} 00000000`.replaceAll(' ', '')
/** Opens a session and answers every request, its number and what it is given, with `answer`. */
const zooKeeper = (answer: (xid: number, op: number, socket: Socket) => void) => (socket: Socket) => {
  let open = false
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const body = rest.subarray(4, 4 + rest.readInt32BE(0))
      rest = rest.subarray(4 + body.length)
      if (open) answer(body.readInt32BE(0), body.readInt32BE(4), socket)
      else socket.write(SESSION)
      open = true
    }
  })
}
const good = zooKeeper((xid, op, socket) => socket.write(reply(xid, 0, op === 4 ? DATA : '')))

describe('finding a server that serves', () => {
  it('goes past one that nobody listens on, one that closes and one that is silent', async () => {
    const zk = reader([await nobody(), await serve((socket) => socket.end()), await serve(() => {}), await serve(good)], 2000)
    const before = performance.now()
    expect((await zk.get('/a', never))?.data.toString()).toBe('hi')
    expect(performance.now() - before).toBeLessThan(1500)
    await zk.close()
  })

  it('says of each why none serves', async () => {
    const zk = reader([await nobody(), await serve((socket) => socket.end()), await serve(() => {})])
    await expect(zk.get('/a', never)).rejects.toMatchObject({
      code: 'zookeeper-unreachable',
      message: expect.stringMatching(/ECONNREFUSED.*without a quorum.*no session within 400 ms/),
    })
  })

  it('refuses something that is not ZooKeeper', async () => {
    const zk = reader([await serve((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))])
    await expect(zk.get('/a', never)).rejects.toMatchObject({ code: 'zookeeper-unreachable', message: expect.stringContaining('this is no ZooKeeper') })
  })
})

describe('reading', () => {
  it('goes on with another server when a connection is lost', async () => {
    let lost = 0
    const failing = zooKeeper((_, __, socket) => {
      lost += 1
      socket.destroy()
    })
    const zk = reader([await serve(failing), await serve(good)])
    expect((await zk.get('/a', never))?.czxid).toBe(9n)
    expect(lost).toBeGreaterThan(0)
    await zk.close()
  })

  it('does not wait longer than its time-out for a server that has gone silent', async () => {
    const silent = await serve(zooKeeper(() => {}))
    const zk = reader([silent])
    const before = performance.now()
    await expect(zk.get('/a', never)).rejects.toMatchObject({ code: 'zookeeper-unreachable', message: expect.stringContaining('no answer within') })
    // Twice: the connection is lost once, tried again, and lost again.
    expect(performance.now() - before).toBeLessThan(2000)
  })

  it('does not wait for one answer before it asks for the next', async () => {
    const asked: number[] = []
    const holding = zooKeeper((xid, op, socket) => {
      if (op === 4) asked.push(xid)
      else socket.write(reply(xid, 0))
      // Answers nobody until it has been asked a hundred times: one by one, that would never be.
      if (asked.length === 100) for (const each of asked) socket.write(reply(each, 0, DATA))
    })
    const zk = reader([await serve(holding)], 2000)
    const all = await Promise.all(Array.from({ length: 100 }, (_, at) => zk.get(`/${at}`, never)))
    expect(all.every((node) => node?.czxid === 9n)).toBe(true)
    await zk.close()
  })

  it('ends with the reason of an abort, for all that wait', async () => {
    const zk = reader([await serve(zooKeeper(() => {}))], 5000)
    const abort = new AbortController()
    const waiting = Promise.allSettled([zk.get('/a', abort.signal), zk.children('/b', abort.signal)])
    setTimeout(() => abort.abort(new Error('enough')), 100)
    for (const each of await waiting) expect(each).toMatchObject({ status: 'rejected', reason: { message: 'enough' } })
    await expect(zk.get('/a', AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
  })

  it('tells what is not there, what may not be read and what failed', async () => {
    const answering = (error: number) => serve(zooKeeper((xid, op, socket) => socket.write(reply(xid, op === 9 ? 0 : error))))
    const missing = reader([await answering(-101)])
    expect(await missing.get('/a', never)).toBeNull()
    expect(await missing.children('/a', never)).toBeNull()
    await expect(reader([await answering(-102)]).get('/a', never)).rejects.toMatchObject({ code: 'zookeeper-no-auth' })
    await expect(reader([await answering(-8)]).get('/a', never)).rejects.toMatchObject({
      code: 'zookeeper-error',
      message: expect.stringContaining('BADARGUMENTS'),
    })
  })

  it('is not taken in by answers out of order', async () => {
    const zk = reader([await serve(zooKeeper((xid, _, socket) => socket.write(reply(xid + 1, 0, DATA))))])
    await expect(zk.get('/a', never)).rejects.toMatchObject({ code: 'zookeeper-unreachable' })
  })

  it('syncs before it reads', async () => {
    const ops: number[] = []
    const zk = reader([
      await serve(
        zooKeeper((xid, op, socket) => {
          ops.push(op)
          socket.write(reply(xid, 0, op === 4 ? DATA : ''))
        }),
      ),
    ])
    await Promise.all([zk.get('/a', never), zk.get('/b', never)])
    expect(ops).toEqual([9, 4, 4])
    await zk.close()
    expect(ops).toEqual([9, 4, 4, -11])
  })
})

describe('four-letter words', () => {
  it('keeps the answers there are, and says of each other one why there is none', async () => {
    const answers = await serve((socket) => socket.once('data', (word) => socket.end(`you said ${word}`)))
    const barred = await serve((socket) => socket.once('data', () => socket.end('mntr is not executed because it is not in the whitelist.\n')))
    const [mute, closed, gone] = [await serve(() => {}), await serve((socket) => socket.end()), await nobody()]
    const zk = reader([], 300)
    const before = performance.now()
    const found = await zk.word('mntr', [answers, barred, mute, closed, gone], never)
    expect(performance.now() - before).toBeLessThan(1000)
    expect(found.get(answers)).toMatchObject({ known: true, value: 'you said mntr' })
    expect(found.get(barred)).toMatchObject({ known: false, why: 'mntr is not in its 4lw.commands.whitelist' })
    expect(found.get(mute)).toMatchObject({ known: false, why: 'no answer within 300 ms' })
    expect(found.get(closed)).toMatchObject({ known: false, why: 'it closed the connection without an answer' })
    expect(found.get(gone)).toMatchObject({ known: false, why: expect.stringContaining('ECONNREFUSED') })
  })

  it('ends early with an abort', async () => {
    const zk = reader([], 10_000)
    const server = await serve(() => {})
    expect((await zk.word('srvr', [server], AbortSignal.timeout(50))).get(server)).toMatchObject({ known: false })
  })
})
