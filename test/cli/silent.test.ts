// A platform that takes every connection and never says a word: the diagnosis waits for it no longer than for anybody.
import { writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Kdr, kdrIn } from './kdr.ts'

let kdr: Kdr
let server: Server
const taken = new Set<Socket>()

beforeAll(async () => {
  kdr = kdrIn()
  server = createServer((socket) => {
    taken.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
})
afterAll(() => {
  for (const socket of taken) socket.destroy()
  server.close()
  kdr.remove()
})

it('is unknown within ten seconds, and nothing is advised on the strength of it', async () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const file = join(kdr.home, 'silent.yaml')
  writeFileSync(file, `clusters:\n  prod:\n    platform: { docker: { project: prod, host: 'tcp://127.0.0.1:${port}' } }\n`)
  // A busy machine takes long to start anything at all, and this starts more than the version does.
  const started = performance.now()
  await kdr(['--version'])
  const began = performance.now()
  const starting = 5 * (began - started)
  const { code, out, err } = await kdr(['diagnose', '--config', file, '--cluster', 'prod', '--output', 'json'])
  expect(code, err).toBe(7)
  expect(JSON.parse(out)).toMatchObject({ verdict: 'unknown', next: [] })
  expect(taken.size).toBeGreaterThan(0)
  expect((performance.now() - began - starting) / 1000).toBeLessThan(10)
})
