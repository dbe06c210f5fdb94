// Answers that a registry, an old one or a new one, may give. What the lab's own says is held to the contract.
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openSchemaRegistry } from '../../../src/adapters/schema-registry/open-registry.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

const asked: string[] = []
const listening = async (answer: (path: URL) => readonly [number, unknown]): Promise<string> => {
  asked.length = 0
  const listener: RequestListener = (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const [status, body] = answer(new URL(request.url ?? '', 'http://registry'))
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const registry = openSchemaRegistry({ dial: (host, port) => connect({ host, port }), ca: null, auth: null, timeout: 5000 })
const soon = () => AbortSignal.timeout(20_000)

const versions = Array.from({ length: 2345 }, (_, at) => ({ subject: `s${at % 7}`, version: 1 + Math.floor(at / 7), id: at + 1, schema: '"string"' }))

/** As newer registries do: never more than `most`, whatever is asked for. */
const pages = (most: number) => (url: URL) => {
  const offset = Number(url.searchParams.get('offset'))
  return [200, versions.slice(offset, offset + Math.min(most, Number(url.searchParams.get('limit'))))] as const
}

describe('every version of a registry', () => {
  it.each([100, 500, 1000])('is read page by page, %i versions at a time', async (most) => {
    const all = await registry.list(await listening(pages(most)), { deleted: true }, soon())
    expect(all?.map(({ id }) => id)).toEqual(versions.map(({ id }) => id))
    expect(all?.[0]).toEqual({ subject: 's0', version: 1, id: 1, type: 'AVRO', schema: '"string"', references: [] })
    expect(asked[0]).toBe('GET /schemas?deleted=true&latestOnly=false&offset=0&limit=500')
    expect(asked).toHaveLength(Math.ceil(versions.length / Math.min(most, 500)) + 1)
  })

  it('is read at once where there are no pages', async () => {
    const all = await registry.list(await listening(() => [200, versions]), { deleted: false }, soon())
    expect(all).toHaveLength(versions.length)
    expect(asked).toHaveLength(2)
  })

  it('cannot be had so from an old one, and an error is none of that', async () => {
    const old = await listening(() => [404, { error_code: 404, message: 'HTTP 404 Not Found' }])
    expect(await registry.list(old, { deleted: true }, soon())).toBeNull()
    const failing = await listening(() => [500, { error_code: 50001, message: 'Error in the backend data store' }])
    await expect(registry.list(failing, { deleted: true }, soon())).rejects.toMatchObject({ code: 'registry-50001' })
    const odd = await listening(() => [200, [{ subject: 's', version: 1 }]])
    await expect(registry.list(odd, { deleted: true }, soon())).rejects.toMatchObject({ code: 'registry-failed' })
  })
})

describe('an answer', () => {
  it('that gives another id stops an import', async () => {
    const at = await listening(() => [200, { id: 12 }])
    const version = { subject: 's', version: 1, id: 7, deleted: false, type: 'AVRO', schema: '"string"', references: [] }
    await expect(registry.importVersion(at, version, soon())).rejects.toMatchObject({ code: 'registry-other-id' })
  })

  it('that is empty comes from no registry, and one that refuses the login says so', async () => {
    const at = await listening(() => [401, { error_code: 401, message: 'Unauthorized' }])
    await expect(registry.subjects(at, { deleted: false }, soon())).rejects.toMatchObject({ code: 'registry-unauthorized' })
    const page = await listening(() => [200, undefined])
    expect(await registry.subjects(page, { deleted: false }, soon()).catch(({ code }: { code: string }) => code)).toBe('registry-failed')
  })

  it('is never asked of another subject than a canary by a probe', async () => {
    const at = await listening(() => [200, { id: 1 }])
    const text = { type: 'AVRO', schema: '"string"', references: [] }
    await expect(registry.register(at, 'orders-value', text, soon())).rejects.toMatchObject({ code: 'not-a-canary' })
    await expect(registry.configure(at, 'orders-value', 'NONE', soon())).rejects.toMatchObject({ code: 'not-a-canary' })
    await expect(registry.remove(at, 'orders-value', soon())).rejects.toMatchObject({ code: 'not-a-canary' })
    expect(asked).toEqual([])
  })
})
