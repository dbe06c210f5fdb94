// Answers that a worker, or whatever else listens there, may give. What Connect itself says is tried on a real one.
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect as connectSocket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openConnect } from '../../../src/adapters/connect/open-connect.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

const listening = async (answer: RequestListener): Promise<string> => {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const saying =
  (status: number, body: string): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }

const dial = (host: string, port: number) => connectSocket({ host, port })
const reader = (auth: { username: string; password: string } | null = null, timeout = 5000) => openConnect({ dial, ca: null, auth, timeout })
const soon = () => AbortSignal.timeout(5000)

const status = (state: string, ...tasks: readonly string[]) => ({
  status: { name: 'x', connector: { state, worker_id: 'w' }, tasks: tasks.map((each, id) => ({ id, state: each, worker_id: 'w' })), type: 'sink' },
})

describe('the connectors of a worker', () => {
  it('are told with every task', async () => {
    const url = await listening(saying(200, JSON.stringify({ orders: status('RUNNING', 'RUNNING', 'FAILED'), idle: status('PAUSED') })))
    expect(await reader().connectors(url, soon())).toEqual([
      { name: 'orders', state: 'RUNNING', tasks: [expect.objectContaining({ id: 0, state: 'RUNNING' }), expect.objectContaining({ id: 1, state: 'FAILED' })] },
      { name: 'idle', state: 'PAUSED', tasks: [] },
    ])
  })

  it('are asked for with credentials where there are some, and never without being told to', async () => {
    const seen: (string | undefined)[] = []
    const url = await listening((request, response) => {
      seen.push(request.headers.authorization)
      response.end('{}')
    })
    await reader().connectors(url, soon())
    await reader({ username: 'kdr', password: 'p:w' }).connectors(url, soon())
    expect(seen).toEqual([undefined, `Basic ${Buffer.from('kdr:p:w').toString('base64')}`])
  })

  it.each([
    ['wants credentials', 401, '{}', 'connect-forbidden'],
    ['forbids it', 403, '{}', 'connect-forbidden'],
    ['is rebalancing', 409, '{"error_code":409}', 'connect-odd-answer'],
    ['has failed', 500, 'no', 'connect-odd-answer'],
    ['sends elsewhere', 302, '', 'connect-odd-answer'],
    ['is no Connect', 200, '<html>', 'connect-odd-answer'],
    ['knows no states (before 2.3)', 200, '["orders"]', 'connect-odd-answer'],
  ])('are not known where it %s', async (_, code, body, error) => {
    const url = await listening(saying(code, body))
    await expect(reader().connectors(url, soon())).rejects.toMatchObject({ code: error })
  })

  it('are not known where nobody listens, or nobody answers in time', async () => {
    await expect(reader().connectors('http://127.0.0.1:1', soon())).rejects.toMatchObject({ code: 'connect-unreachable' })
    const silent = await listening(() => {})
    await expect(reader(null, 200).connectors(silent, soon())).rejects.toMatchObject({ code: 'connect-silent' })
  })
})
