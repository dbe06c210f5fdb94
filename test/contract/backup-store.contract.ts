// What must be true of a backup store wherever it is: an object is there whole or not at all, nothing is ever
// written over, what is read is what was written, and one works on it at a time.
import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { pageMemory } from '../../src/model/slabs.ts'
import { type BackupStore, PAGE_ROOM, type StoredObject } from '../../src/ports/backup-store.ts'
import { codeOf } from './subject.ts'

export interface BackupStoreSubject {
  /** Empty. */
  readonly store: BackupStore
  /** The same place, as another process sees it. */
  again(): BackupStore
  /** One whose folder or bucket is not there. */
  readonly missing: BackupStore
  /** Begins to write an object and dies: its bytes so far are left behind. */
  leave(name: string): Promise<void>
}

const MIB = 1024 * 1024
const signal = new AbortController().signal

export async function* of(...chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
}

export const namesOf = async (store: BackupStore, prefix?: string): Promise<readonly string[]> => {
  const objects: StoredObject[] = []
  for await (const object of store.list(prefix === undefined ? {} : { prefix }, signal)) objects.push(object)
  return objects.map(({ name }) => name)
}

export const contentOf = async (store: BackupStore, name: string, range: { start: number; end: number } | null = null): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of store.stream(name, range, signal)) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** Content that repeats nowhere, from one piece of memory that is written over for every chunk. */
/** Two pieces of memory in turn, each made useless before it is filled again. */
export async function* recycled(
  bytes: number,
  chunk: number,
  { seen = () => {}, make = Buffer.alloc }: { readonly seen?: (chunk: Buffer) => void; readonly make?: (bytes: number) => Buffer } = {},
): AsyncGenerator<Uint8Array> {
  let [memory, other] = [make(chunk), make(chunk)]
  for (let at = 0; at < bytes; at += chunk) {
    memory.fill(createHash('sha256').update(String(at)).digest())
    const piece = memory.subarray(0, Math.min(chunk, bytes - at))
    seen(piece)
    yield piece
    ;[memory, other] = [other, memory]
    memory.fill(0)
  }
}

const nothingLeft = async ({ store, again }: BackupStoreSubject): Promise<void> => {
  expect(await namesOf(again())).toEqual([])
  expect(await store.clear({ olderThan: Date.now() + 60_000, ours: /./ }, signal)).toBe(0)
}

export const backupStoreContract = (name: string, setUp: () => Promise<BackupStoreSubject>): void => {
  describe(`${name}: backup store`, () => {
    let subject: BackupStoreSubject
    let store: BackupStore
    beforeEach(async () => {
      subject = await setUp()
      store = subject.store
    })

    it('gives back what was put', async () => {
      expect(await store.put('a.tar.gz', of('one', new Uint8Array([0, 255]), '', 'two'), signal)).toEqual({ bytes: 8 })
      expect((await contentOf(subject.again(), 'a.tar.gz')).toString('latin1')).toBe('one\0\xfftwo')
      const head = await store.head('a.tar.gz', signal)
      expect(head).toMatchObject({ name: 'a.tar.gz', bytes: 8 })
      expect(Math.abs(Date.now() - (head?.modified ?? 0))).toBeLessThan(60_000)
    })

    it('keeps an empty object', async () => {
      expect(await store.put('empty', of(), signal)).toEqual({ bytes: 0 })
      expect(await contentOf(store, 'empty')).toHaveLength(0)
      expect(await store.head('empty', signal)).toMatchObject({ bytes: 0 })
    })

    it('reads exactly the bytes asked for, into memory that is given', async () => {
      await store.put('a', of('0123456789'), signal)
      expect((await store.read('a', { start: 3, end: 6 }, signal)).toString()).toBe('345')
      const into = Buffer.alloc(8, '-')
      const read = await store.read('a', { start: 0, end: 4 }, signal, into)
      expect([read.toString(), into.toString()]).toEqual(['0123', '0123----'])
      expect(read.buffer).toBe(into.buffer)
      expect((await store.read('a', { start: 5, end: 10 }, signal, Buffer.alloc(2))).toString()).toBe('56789')
      expect(await store.read('a', { start: 10, end: 10 }, signal)).toHaveLength(0)
      expect((await contentOf(store, 'a', { start: 2, end: 9 })).toString()).toBe('2345678')
    })

    it('says so where an object ends before what is asked for', async () => {
      await store.put('a', of('0123456789'), signal)
      expect(await codeOf(store.read('a', { start: 5, end: 11 }, signal))).toBe('store-failed')
      expect(await codeOf(store.read('a', { start: 10, end: 11 }, signal))).toBe('store-failed')
      expect(await codeOf(contentOf(store, 'a', { start: 5, end: 11 }))).toBe('store-failed')
    })

    it('knows what is not there', async () => {
      expect(await store.head('a', signal)).toBeNull()
      await expect(store.read('a', { start: 0, end: 1 }, signal)).rejects.toMatchObject({ code: 'no-such-object', exit: 'noSuchStore' })
      await expect(contentOf(store, 'a')).rejects.toMatchObject({ code: 'no-such-object' })
      expect(await namesOf(store)).toEqual([])
    })

    it('lists its own objects in order, and those of a prefix', async () => {
      for (const each of ['b', 'a_2', 'a.1', 'A', 'sub/x', 'sub/y', 'a-0']) await store.put(each, of(each), signal)
      expect(await namesOf(store)).toEqual(['A', 'a-0', 'a.1', 'a_2', 'b'])
      expect(await namesOf(store, 'a')).toEqual(['a-0', 'a.1', 'a_2'])
      expect(await namesOf(store, 'sub/')).toEqual(['sub/x', 'sub/y'])
      expect(await namesOf(store, 'none')).toEqual([])
    })

    it('lists more than a page holds', async () => {
      const names = Array.from({ length: 1010 }, (_, at) => `full_backup_${String(at).padStart(5, '0')}`)
      for (let at = 0; at < names.length; at += 24) await Promise.all(names.slice(at, at + 24).map((each) => store.put(each, of(each), signal)))
      expect(await namesOf(store)).toEqual(names)
    })

    it('never writes over an object, nor says that it did', async () => {
      await store.put('a', of('first'), signal)
      await expect(store.put('a', of('second'), signal)).rejects.toMatchObject({ code: 'object-exists' })
      expect((await contentOf(store, 'a')).toString()).toBe('first')
      expect(await namesOf(store)).toEqual(['a'])
      expect(await store.clear({ olderThan: Date.now() + 60_000, ours: /./ }, signal)).toBe(0)
    })

    it('lets one of several win who put the same name at once', async () => {
      const chunk = Buffer.alloc(6 * MIB)
      const puts = await Promise.allSettled(['1', '2', '3'].map((who) => subject.again().put('a', of(who, chunk, who), signal)))
      const won = puts.findIndex(({ status }) => status === 'fulfilled')
      for (const [at, put] of puts.entries()) if (at !== won) expect(put).toMatchObject({ status: 'rejected', reason: { code: 'object-exists' } })
      expect((await store.read('a', { start: 0, end: 1 }, signal)).toString()).toBe(String(won + 1))
    })

    it.each([
      ['any memory', 300_000, Buffer.alloc],
      ['whole pages', MIB, pageMemory],
      ['pages that are not whole', MIB + 512, pageMemory],
    ] as const)('keeps a large object whole from %s that is used again', async (_, chunk, make) => {
      const [written, read] = [createHash('sha256'), createHash('sha256')]
      const bytes = 12 * MIB + 4321
      const source = recycled(bytes, chunk, { make, seen: (piece) => written.update(piece) })
      expect(await store.put('large', source, signal)).toEqual({ bytes })
      for await (const piece of store.stream('large', null, signal)) read.update(piece)
      expect(read.digest('hex')).toBe(written.digest('hex'))
      const content = await contentOf(store, 'large')
      for (const [start, end] of [
        [5 * MIB - 10, 9 * MIB + 10],
        [4096, 4096 + MIB],
        [11 * MIB + 1, bytes],
      ] as const)
        for (const into of [undefined, Buffer.alloc(5 * MIB), pageMemory(end - start + PAGE_ROOM)])
          expect((await store.read('large', { start, end }, signal, into)).equals(content.subarray(start, end))).toBe(true)
      await expect(store.read('large', { start: 12 * MIB, end: 13 * MIB }, signal, pageMemory(2 * MIB))).rejects.toMatchObject({ code: 'store-failed' })
    })

    it.each([0, 1, 12])('shows nothing of an object before it is whole (%i MiB)', async (size) => {
      const look = async () => {
        expect(await subject.again().head('a', signal)).toBeNull()
        expect(await namesOf(subject.again())).toEqual([])
      }
      async function* watched() {
        for (let at = 0; at < size; at += 1) yield Buffer.alloc(MIB, at)
        await look()
      }
      await store.put('a', watched(), signal)
      expect(await namesOf(subject.again())).toEqual(['a'])
    })

    it.each([0, 1, 12])('leaves nothing behind when the source fails (after %i MiB)', async (size) => {
      async function* failing() {
        for (let at = 0; at < size; at += 1) yield Buffer.alloc(MIB, at)
        throw new Error('the broker is gone')
      }
      await expect(store.put('a', failing(), signal)).rejects.toThrow('the broker is gone')
      await nothingLeft(subject)
    })

    it.each([0, 12])('leaves nothing behind when it is stopped (after %i MiB)', async (size) => {
      const stop = new AbortController()
      const reason = new Error('Ctrl-C')
      async function* hanging() {
        for (let at = 0; at < size; at += 1) yield Buffer.alloc(MIB, at)
        setTimeout(() => stop.abort(reason), 20)
        await new Promise(() => {})
      }
      await expect(store.put('a', hanging(), stop.signal)).rejects.toBe(reason)
      await nothingLeft(subject)
      await expect(store.put('a', of('x'), stop.signal)).rejects.toBe(reason)
      await expect(store.head('a', stop.signal)).rejects.toBe(reason)
      await expect(store.read('a', { start: 0, end: 1 }, stop.signal)).rejects.toBe(reason)
    })

    it('can be left in the middle of a stream', async () => {
      await store.put('a', recycled(8 * MIB, MIB), signal)
      for await (const chunk of store.stream('a', null, signal)) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
      const stop = new AbortController()
      const streaming = async () => {
        for await (const _ of store.stream('a', null, stop.signal)) stop.abort(new Error('enough'))
      }
      await expect(streaming()).rejects.toThrow('enough')
    })

    it('removes in order, and minds no name that is gone', async () => {
      for (const each of ['a', 'b', 'c']) await store.put(each, of(each), signal)
      await store.remove(['a', 'gone', 'c'], signal)
      expect(await namesOf(store)).toEqual(['b'])
      expect(await store.head('a', signal)).toBeNull()
      await store.put('a', of('again'), signal)
    })

    it('clears what was left behind once it is old enough', async () => {
      await store.put('whole', of('whole'), signal)
      await subject.leave('half.tar.gz')
      expect(await namesOf(store)).toEqual(['whole'])
      expect(await store.clear({ olderThan: Date.now() - 60_000, ours: /./ }, signal)).toBe(0)
      expect(await store.clear({ olderThan: Date.now() + 60_000, ours: /./ }, signal)).toBe(1)
      expect(await store.clear({ olderThan: Date.now() + 60_000, ours: /./ }, signal)).toBe(0)
      expect(await namesOf(store)).toEqual(['whole'])
    })

    it('has one holder of a lock at a time, and names it', async () => {
      const held = await store.lock('chain', 'backup create by ann', signal)
      await expect(subject.again().lock('chain', 'prune by bob', signal)).rejects.toMatchObject({
        code: 'store-locked',
        exit: 'locked',
        message: expect.stringContaining('backup create by ann'),
      })
      const other = await subject.again().lock('other', 'prune by bob', signal)
      expect(await namesOf(store)).toEqual([])
      await held.release()
      const next = await subject.again().lock('chain', 'prune by bob', signal)
      await held.release()
      expect(await codeOf(store.lock('chain', 'ann', signal))).toBe('store-locked')
      await Promise.all([next.release(), other.release()])
      await (await store.lock('chain', 'ann', signal)).release()
    })

    it('gives a lock to one of many who come at once', async () => {
      const taken = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => subject.again().lock('chain', `kdr ${at}`, signal)))
      expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })

    it('says that there is no such store', async () => {
      const { missing } = subject
      const attempts = [
        () => namesOf(missing),
        () => missing.head('a', signal),
        () => missing.read('a', { start: 0, end: 1 }, signal),
        () => contentOf(missing, 'a'),
        () => missing.put('a', of('x'), signal),
        () => missing.put('a', recycled(12 * MIB, MIB), signal),
        () => missing.remove(['a'], signal),
        () => missing.clear({ olderThan: 0, ours: /./ }, signal),
        () => missing.lock('chain', 'ann', signal),
      ]
      for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'no-such-store', exit: 'noSuchStore' })
    })

    it.each(['../a', '/etc/passwd', 'a/../../b', '.hidden', 'a//b', '', 'a\0b', 'a\\b'])('takes no name that leads elsewhere: %j', async (bad) => {
      for (const attempt of [
        () => store.put(bad, of('x'), signal),
        () => store.head(bad, signal),
        () => contentOf(store, bad),
        () => store.remove([bad], signal),
      ])
        expect(await codeOf(attempt())).toBe('bad-object-name')
    })
  })
}
