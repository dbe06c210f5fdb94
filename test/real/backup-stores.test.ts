// What goes wrong with real stores: full disks, read-only folders, wrong credentials, missing buckets, servers that
// fail, hang, vanish, or do as asked and lose the answer. Every one ends in the right error, and half of nothing.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { GetObjectRetentionCommand, HeadObjectCommand, ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openDirectory } from '../../src/adapters/directory/open-directory.ts'
import type { S3Options } from '../../src/adapters/s3/bucket.ts'
import { openS3 } from '../../src/adapters/s3/open-s3.ts'
import { scanStore } from '../../src/archive/list-backups.ts'
import { holdingsOf } from '../../src/archive/prune/holdings.ts'
import { planPrune } from '../../src/archive/prune/plan.ts'
import { removalsOf, remove } from '../../src/archive/prune/remove.ts'
import { lostSidecar, relist } from '../../src/archive/relist.ts'
import { verifyFile } from '../../src/archive/verify-file.ts'
import type { BackupStore } from '../../src/ports/backup-store.ts'
import { writeSample } from '../archive/sample.ts'
import { contentOf, namesOf, of, recycled } from '../contract/backup-store.contract.ts'
import { type FaultProxy, startFaultProxy } from '../lab/fault-proxy.ts'
import { S3_ENVIRONMENT, type S3Server, startS3 } from '../lab/s3.ts'

const MIB = 1024 * 1024
const signal = new AbortController().signal
const scratch = mkdtempSync(path.join(tmpdir(), 'kdr-stores-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('a directory', () => {
  const mounts: string[] = []
  const mounted = (options: readonly string[]): string | null => {
    const folder = mkdtempSync(path.join(scratch, 'mount-'))
    if (spawnSync('mount', [...options, folder]).status !== 0) return null
    mounts.push(folder)
    return folder
  }
  afterAll(() => {
    for (const folder of mounts) spawnSync('umount', [folder])
  })

  it('that is full keeps nothing of what did not fit', async (context) => {
    const folder = mounted(['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs'])
    if (folder === null) return context.skip('nothing can be mounted here')
    const store = openDirectory({ path: folder })
    await expect(store.put('large.tar.gz', recycled(20 * MIB, MIB), signal)).rejects.toMatchObject({
      code: 'store-full',
      message: expect.stringContaining('large.tar.gz'),
      hint: expect.stringContaining('prune'),
    })
    expect(readdirSync(folder)).toEqual([])
    await store.put('small', of('fits'), signal)
  })

  it('that takes no file of that size says so', () => {
    const folder = mkdtempSync(path.join(scratch, 'limited-'))
    const script = `
      import { openDirectory } from ${JSON.stringify(path.resolve('dist/adapters/directory/open-directory.js'))}
      const source = async function* () { for (let at = 0; at < 20; at += 1) yield Buffer.alloc(${MIB}) }
      openDirectory({ path: process.argv[2] }).put('large', source(), new AbortController().signal).then(() => console.log('put'), (thrown) => console.log(thrown.code, thrown.hint))`
    const file = path.join(scratch, 'limited.mjs')
    writeFileSync(file, script)
    const limited = `trap '' XFSZ; ulimit -f 8192; exec "$@"`
    const { stdout } = spawnSync('bash', ['-c', limited, 'bash', process.execPath, file, folder], { encoding: 'utf8' })
    expect(stdout).toMatch(/^store-full files may not become that large/)
    expect(readdirSync(folder)).toEqual([])
  })

  it('that is read-only says so before anything is read', async (context) => {
    const folder = mounted(['-t', 'tmpfs', '-o', 'ro', 'tmpfs'])
    if (folder === null) return context.skip('nothing can be mounted here')
    const store = openDirectory({ path: folder })
    for (const attempt of [() => store.put('a', of('x'), signal), () => store.lock('chain', 'ann', signal)])
      await expect(attempt()).rejects.toMatchObject({
        code: 'store-denied',
        message: expect.stringContaining(folder),
        hint: expect.stringContaining('read-only'),
      })
    expect(await namesOf(store)).toEqual([])
  })
})

describe('S3', () => {
  let server: S3Server
  let proxy: FaultProxy
  let store: BackupStore
  const opened: BackupStore[] = []
  const open = (change: Partial<S3Options> = {}): BackupStore => {
    const made = openS3({ bucket: 'backups', endpoint: proxy.endpoint, ...change })
    opened.push(made)
    return made
  }
  beforeAll(async () => {
    server = await startS3()
    await server.bucket('backups')
    await server.bucket('locked', { objectLock: true })
    proxy = await startFaultProxy(server.endpoint)
  })
  afterAll(async () => {
    await Promise.all(opened.map((each) => each.close()))
    await proxy?.stop()
    await server?.stop()
  })
  let count = 0
  beforeEach(() => {
    count += 1
    proxy.heal()
    store = open({ prefix: `test-${count}` })
  })
  const uploads = async () => (await server.client.send(new ListMultipartUploadsCommand({ Bucket: 'backups', Prefix: `test-${count}/` }))).Uploads ?? []
  const isPart = (line: string) => line.startsWith('PUT') && line.includes('partNumber')
  const isComplete = (line: string) => line.startsWith('POST') && line.includes('uploadId')
  const nothingThere = async () => {
    proxy.heal()
    expect(await namesOf(store)).toEqual([])
    expect(await uploads()).toEqual([])
  }

  it.each([
    ['a key that nobody knows', { AWS_ACCESS_KEY_ID: 'nobody' }, 'AWS_ACCESS_KEY_ID'],
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, 'AWS_SECRET_ACCESS_KEY'],
  ])('with %s is denied, and says what to look at', async (_, wrong, hint) => {
    Object.assign(process.env, wrong)
    try {
      for (const attempt of [() => namesOf(store), () => store.put('a', of('x'), signal), () => store.lock('chain', 'ann', signal)])
        await expect(attempt()).rejects.toMatchObject({ code: 'store-denied', message: expect.stringContaining(`s3://backups/test-${count}`) })
      await expect(namesOf(store)).rejects.toMatchObject({ hint: expect.stringContaining(hint) })
    } finally {
      Object.assign(process.env, S3_ENVIRONMENT)
    }
  })

  it('without a bucket is no store', async () => {
    await expect(namesOf(open({ bucket: 'nobody-made-this' }))).rejects.toMatchObject({
      code: 'no-such-store',
      exit: 'noSuchStore',
      message: expect.stringContaining('nobody-made-this'),
    })
  })

  it('answers by the name localhost too, where a bucket in the host name would not be found', async () => {
    const named = open({ prefix: `test-${count}`, endpoint: proxy.endpoint.replace('127.0.0.1', 'localhost') })
    await named.put('a', of('x'), signal)
    expect(await namesOf(named)).toEqual(['a'])
  })

  it('is tried again after a few errors, cuts and lost answers', async () => {
    proxy.break(isPart, { kind: 'answer', status: 503 }, 2)
    proxy.break(isPart, { kind: 'cut' }, 2)
    proxy.break(isPart, { kind: 'lose-answer' }, 1)
    await store.put('a', recycled(20 * MIB, MIB), signal)
    proxy.break((line) => line.startsWith('GET'), { kind: 'cut-answer', after: 100_000 }, 3)
    proxy.break((line) => line.startsWith('GET'), { kind: 'answer', status: 500 }, 1)
    const chunks: Buffer[] = []
    for await (const chunk of recycled(20 * MIB, MIB)) chunks.push(Buffer.from(chunk))
    expect((await contentOf(store, 'a')).equals(Buffer.concat(chunks))).toBe(true)
  })

  it.each([1, 20])('finds its own object where only the answer to the last request was lost (%i MiB)', async (size) => {
    proxy.break((line) => (size === 1 ? line.startsWith('PUT') : isComplete(line)), { kind: 'lose-answer' }, 1)
    expect(await store.put('a', recycled(size * MIB, MIB), signal)).toEqual({ bytes: size * MIB })
    proxy.heal()
    expect(await store.head('a', signal)).toMatchObject({ bytes: size * MIB })
    await expect(store.put('a', of('x'), signal)).rejects.toMatchObject({ code: 'object-exists' })
  })

  it.each([
    ['a part', isPart],
    ['the end', isComplete],
    ['the beginning', (line: string) => line.includes('uploads')],
  ])('that keeps failing at %s of an upload leaves nothing', async (_, matches) => {
    proxy.break(matches, { kind: 'answer', status: 500 })
    await expect(store.put('a', recycled(20 * MIB, MIB), signal)).rejects.toMatchObject({
      code: 'store-failed',
      message: expect.stringContaining(proxy.endpoint),
    })
    await nothingThere()
  })

  it('that keeps cutting the line is unreachable', async () => {
    proxy.break(() => true, { kind: 'cut' })
    await expect(namesOf(store)).rejects.toMatchObject({ code: 'store-unreachable', message: expect.stringContaining(proxy.endpoint) })
  })

  it('that hangs is given up, and leaves nothing', async () => {
    proxy.break(isPart, { kind: 'hang' })
    const impatient = open({ prefix: `test-${count}`, silence: 1000 })
    await expect(impatient.put('a', recycled(20 * MIB, MIB), signal)).rejects.toMatchObject({ code: 'store-unreachable' })
    await nothingThere()
  })

  it('lets go at once when it is stopped in the middle of silence', async () => {
    proxy.break(isPart, { kind: 'hang' })
    const stop = new AbortController()
    const reason = new Error('Ctrl-C')
    const put = store.put('a', recycled(80 * MIB, MIB), stop.signal)
    await expect.poll(() => proxy.seen.some(isPart), { timeout: 30_000 }).toBe(true)
    stop.abort(reason)
    await expect(put).rejects.toBe(reason)
    await nothingThere()
  })

  it('keeps what is under Object Lock, and says until when', async () => {
    const locked = open({ bucket: 'locked', objectLock: { mode: 'COMPLIANCE', days: 1 } })
    for (const size of [1, 20]) {
      await locked.put(`of-${size}`, recycled(size * MIB, MIB), signal)
      const { Retention } = await server.client.send(new GetObjectRetentionCommand({ Bucket: 'locked', Key: `of-${size}` }))
      expect(Retention).toMatchObject({ Mode: 'COMPLIANCE' })
      await expect(locked.remove([`of-${size}`], signal)).rejects.toMatchObject({ code: 'object-locked', message: expect.stringMatching(/kept until \d{4}-/) })
    }
    expect(await namesOf(locked)).toEqual(['of-1', 'of-20'])
    const held = await locked.lock('chain', 'ann', signal)
    await held.release()
    await (await locked.lock('chain', 'bob', signal)).release()
  })

  it('holds an archive in several files, which are read, told apart and pruned as one', async () => {
    const small: BackupStore = { ...store, partLimit: MIB }
    const [older, newer] = ['full_backup_20261123_031500', 'full_backup_20261123_211500']
    await writeSample({ store: small, name: older, payload: 600_000, inTurn: true })
    await writeSample({ store, name: newer, chain: { id: 'next', sequence: 0, parent: null }, date: '2026-11-23T21:15:00.250Z' })
    const parts = (await scanStore(store, signal)).backups[0]?.parts ?? []
    expect(parts.length).toBeGreaterThan(2)
    expect(await verifyFile(store, older, null, () => {}, signal)).toEqual([])
    await store.remove([`${older}.manifest.json`], signal)
    expect((await holdingsOf(store, signal)).loose).toMatchObject([{ name: older, kind: 'whole', parts: parts.map(({ name }) => ({ name })) }])
    const lost = await lostSidecar(store, older, signal)
    if (lost !== null) await relist(store, lost, signal)
    expect(await verifyFile(store, older, null, () => {}, signal)).toEqual([])
    const plan = planPrune(await holdingsOf(store, signal), { keepFull: 1 }, Date.now())
    const record = { announce: () => {}, gone: () => {}, stays: () => {} }
    expect(await remove(store, removalsOf(plan), record, signal)).toMatchObject({ removed: [{ name: older, parts: parts.length }], locked: [] })
    expect((await namesOf(store)).filter((name) => name.startsWith(older))).toEqual([])
    expect((await scanStore(store, signal)).backups.map(({ name }) => name)).toEqual([newer])
  })

  it('stores with the class and the encryption that were asked for', async () => {
    const cold = open({ prefix: `test-${count}`, storageClass: 'STANDARD_IA', sse: { kind: 'AES256' } })
    for (const size of [1, 20]) {
      await cold.put(`of-${size}`, recycled(size * MIB, MIB), signal)
      const head = await server.client.send(new HeadObjectCommand({ Bucket: 'backups', Key: `test-${count}/of-${size}` }))
      expect(head).toMatchObject({ StorageClass: 'STANDARD_IA', ServerSideEncryption: 'AES256' })
    }
  })

  it('notices that its lock was taken, and does nothing more', async () => {
    const held = await store.lock('chain', 'ann', signal)
    const Key = `test-${count}/.kdr-chain.lock`
    await server.client.send(new PutObjectCommand({ Bucket: 'backups', Key, Body: 'another' }))
    await expect(open({ prefix: `test-${count}` }).lock('chain', 'bob', signal)).rejects.toMatchObject({ code: 'store-locked', exit: 'locked' })
    await held.release()
    expect(await server.client.send(new HeadObjectCommand({ Bucket: 'backups', Key }))).toMatchObject({ ContentLength: 7 })
  })

  it('that is gone midway is unreachable', async () => {
    const own = await startS3()
    await own.bucket('backups')
    const there = openS3({ bucket: 'backups', endpoint: own.endpoint })
    const source = async function* () {
      yield* recycled(20 * MIB, MIB)
      await own.stop()
      yield* recycled(20 * MIB, MIB)
    }
    await expect(there.put('a', source(), signal)).rejects.toMatchObject({ code: 'store-unreachable', message: expect.stringContaining(own.endpoint) })
    await there.close()
  })
})
