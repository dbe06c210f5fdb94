import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tailOf } from '../../../src/adapters/process/logs.ts'
import type { ProcessNode } from '../../../src/adapters/process/state-file.ts'
import { idOf, parseProperties, volumesOf } from '../../../src/adapters/process/volume.ts'
import { type Fixture, fixture } from './fixture.ts'

let one: Fixture
let data: string
beforeEach(() => {
  one = fixture()
  data = one.node.dataDirs[0] ?? ''
})
afterEach(() => one.remove())

const put = (name: string, text = '') => writeFileSync(join(data, name), text)
const volume = async (node: ProcessNode = one.node) => (await volumesOf(node))[0]
const zooKeeper = (): ProcessNode => ({ ...one.node, roles: ['zookeeper'] })

describe('a broker’s volume', () => {
  it('is intact with its identity file', async () => {
    put('meta.properties', '#\n#Sun Nov 22\nbroker.id=3\nversion=0\ncluster.id=a\\=b\n')
    expect(await volume()).toMatchObject({ state: { value: 'intact' }, clusterId: { value: 'a=b' } })
    expect(await idOf(one.node, await volumesOf(one.node))).toMatchObject({ value: 3, by: join(data, 'meta.properties') })
  })

  it.each([[[]], [['lost+found']], [['bootstrap.checkpoint', 'meta.properties.tmp']]])('is blank with %j', async (names) => {
    for (const name of names) put(name)
    expect(await volume()).toMatchObject({ state: { value: 'blank' }, clusterId: { value: null } })
  })

  it('is gone when the directory is', async () => {
    rmSync(data, { recursive: true })
    expect(await volume()).toMatchObject({ state: { value: 'gone' }, usableBytes: { known: false } })
  })

  it('is unknown, and so is its id, with data but no identity', async () => {
    mkdirSync(join(data, 'orders-0'))
    expect(await volume()).toMatchObject({ state: { known: false, why: expect.stringContaining('orders-0') }, clusterId: { known: false } })
    expect(await idOf(one.node, await volumesOf(one.node))).toMatchObject({ known: false })
  })

  it('knows no id from an identity file without one', async () => {
    put('meta.properties', 'version=1\n')
    expect(await idOf(one.node, await volumesOf(one.node))).toMatchObject({ known: false })
    expect((await volume())?.clusterId).toMatchObject({ known: false })
  })

  it('says how much room there is', async () => {
    const found = await volume()
    const bytes = found?.usableBytes.known ? found.usableBytes.value : -1
    expect(bytes).toBeGreaterThan(0)
    expect(found?.totalBytes.known && found.totalBytes.value >= bytes).toBe(true)
  })
})

describe('a ZooKeeper’s volume', () => {
  it('is intact with transactions, blank with its myid or what an empty start leaves, and names no cluster', async () => {
    put('myid', '2\n')
    expect(await volume(zooKeeper())).toMatchObject({ state: { value: 'blank' }, clusterId: { value: null } })
    mkdirSync(join(data, 'version-2'))
    put('version-2/snapshot.0', '')
    put('version-2/currentEpoch', '0')
    expect(await volume(zooKeeper())).toMatchObject({ state: { value: 'blank' }, clusterId: { value: null } })
    put('version-2/log.100000001', '')
    expect(await volume(zooKeeper())).toMatchObject({ state: { value: 'intact' }, clusterId: { value: null } })
    expect(await idOf(zooKeeper(), [])).toMatchObject({ value: 2, by: join(data, 'myid') })
  })

  it('has an unknown id without myid', async () => {
    expect(await idOf(zooKeeper(), [])).toMatchObject({ known: false })
  })
})

describe('properties', () => {
  it('reads keys, values, comments and escapes', () => {
    const read = parseProperties('# no\n! no\na=1\n b : two words \nc\nurl=PLAINTEXT\\://x\\:1\n')
    expect([...read]).toEqual([
      ['a', '1'],
      ['b', 'two words'],
      ['url', 'PLAINTEXT://x:1'],
    ])
  })
})

describe('the tail of a log', () => {
  it('is the last lines, oldest first, across read boundaries', async () => {
    const path = join(one.folder, 'long.log')
    const lines = Array.from({ length: 5000 }, (_, at) => `${at} ${'é'.repeat(20)}`)
    writeFileSync(path, `${lines.join('\n')}\n`)
    expect(await tailOf(path, 3000)).toEqual(lines.slice(-3000))
    expect(await tailOf(path, 9000)).toEqual(lines)
    expect(await tailOf(path, 0)).toEqual([])
    expect(await tailOf(join(one.folder, 'none.log'), 5)).toEqual([])
  })

  it('keeps a last line that has not ended', async () => {
    const path = join(one.folder, 'torn.log')
    writeFileSync(path, 'a\nb')
    expect(await tailOf(path, 1)).toEqual(['b'])
  })
})
