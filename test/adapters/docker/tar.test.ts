// Archives made by tar itself, cut into pieces as a connection cuts them.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Entry, entriesOf } from '../../../src/adapters/docker/tar.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kdr-tar-'))
  const data = join(folder, 'data')
  mkdirSync(join(data, `${'long-'.repeat(40)}topic-0`), { recursive: true })
  writeFileSync(join(data, 'a-large'), Buffer.alloc(300_000, 7))
  writeFileSync(join(data, 'meta.properties'), 'broker.id=2\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const archive = (format: string): Buffer => execFileSync('tar', ['-C', folder, `--format=${format}`, '--sort=name', '-c', 'data'])

/** Pieces of an odd size; `given` counts them. */
async function* pieces(whole: Buffer, given = { count: 0 }): AsyncGenerator<Buffer> {
  for (let at = 0; at < whole.length; at += 777) {
    given.count += 1
    yield whole.subarray(at, at + 777)
  }
}

describe('tar', () => {
  it.each(['ustar', 'pax', 'gnu'])('reads %s', async (format) => {
    const long = format === 'ustar' ? null : `data/${'long-'.repeat(40)}topic-0/`
    if (long === null) rmSync(join(folder, 'data', `${'long-'.repeat(40)}topic-0`), { recursive: true })
    const found: Entry[] = []
    for await (const entry of entriesOf(pieces(archive(format)))) found.push(entry)
    if (long === null) mkdirSync(join(folder, 'data', `${'long-'.repeat(40)}topic-0`))
    expect(found.map(({ name }) => name)).toEqual(['data/', 'data/a-large', ...(long === null ? [] : [long]), 'data/meta.properties'])
    expect(found[0]).toMatchObject({ folder: true, size: 0 })
    expect(found[1]).toMatchObject({ folder: false, size: 300_000 })
    // Too large to be anybody's identity: read over, not kept.
    expect(found[1]?.content).toHaveLength(0)
    expect(found.at(-1)?.content.toString()).toBe('broker.id=2\n')
  })

  it('stops the stream when it has seen enough', async () => {
    const given = { count: 0 }
    for await (const { name } of entriesOf(pieces(archive('pax'), given))) if (name === 'data/') break
    expect(given.count).toBeLessThan(5)
  })

  it('ends where the archive was cut off, and refuses what is none', async () => {
    const names: string[] = []
    for await (const { name } of entriesOf(pieces(archive('pax').subarray(0, 100)))) names.push(name)
    expect(names).toEqual([])
    const rubbish = async () => {
      for await (const _ of entriesOf(pieces(Buffer.alloc(2000, 65)))) names.push('rubbish')
    }
    await expect(rubbish()).rejects.toThrow('not tar')
  })
})
