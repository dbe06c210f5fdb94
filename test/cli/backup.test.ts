// kdr backup at the edge, on a folder: what scripts read, exit codes, gates. Needs no Kafka.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDirectory } from '../../src/adapters/directory/open-directory.ts'
import { STORE_LOCK } from '../../src/archive/create/create-backup.ts'
import { openSealer } from '../../src/archive/encryption.ts'
import { writeSample } from '../archive/sample.ts'
import { type Kdr, kdrIn } from './kdr.ts'

const FULL = 'full_backup_20261123_031500'
const INCREMENTAL = 'incremental_backup_20261124_031500'
const LEGACY = 'full_backup_20250102_030405'

let kdr: Kdr
let folder = ''
beforeEach(async () => {
  kdr = kdrIn()
  folder = join(kdr.home, 'backups')
  const store = openDirectory({ path: folder, create: true })
  const { sidecar } = await writeSample({ store, name: FULL })
  const parent = { name: FULL, sha256: sidecar.manifest.sha256 }
  await writeSample({ store, name: INCREMENTAL, chain: { id: 'chain', sequence: 1, parent }, start: 20n })
})
afterEach(() => kdr.remove())

const flip = (name: string, at: number): void => {
  const path = join(folder, name)
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at)
  writeFileSync(path, bytes)
}

/** As the old script left one. */
const legacy = (): void => {
  const at = join(kdr.home, LEGACY)
  mkdirSync(join(at, 'orders'), { recursive: true })
  writeFileSync(join(at, 'orders', 'orders-metadata.txt'), 'Topic: orders\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: \n')
  writeFileSync(join(at, 'orders', 'orders-data.jsonl.gz'), gzipSync('CreateTime:1700000000000\tPartition:0\tOffset:0\tk\tv\n'))
  const manifest = { backup_date: '20250102_030405', backup_type: 'full', kafka_brokers: 'k:9092', topics_count: 1, topics: ['orders'] }
  writeFileSync(join(at, 'backup-manifest.json'), JSON.stringify(manifest))
  execFileSync('tar', ['-czf', join(folder, `${LEGACY}.tar.gz`), '-C', kdr.home, LEGACY])
}

const UNFINISHED = 'full_backup_20261120_000000'
/** Of several files, as one that was killed before the last of them. */
const unfinished = async (): Promise<readonly string[]> => {
  const store = openDirectory({ path: folder })
  await writeSample({ store: { ...store, partLimit: 6000 }, name: UNFINISHED, payload: 4000, inTurn: true })
  const files = [`${UNFINISHED}.tar.gz`, `${UNFINISHED}.part-2.tar.gz`]
  for (const name of readdirSync(folder).filter((file) => file.startsWith(UNFINISHED))) if (!files.includes(name)) rmSync(join(folder, name))
  return files
}

const json = async (...args: readonly string[]) => {
  const { code, out, err } = await kdr(['backup', ...args, '--output', 'json'])
  const document = JSON.parse(out === '' ? err : out) as Record<string, unknown>
  return { code, document }
}

describe('list', () => {
  it('has every backup, oldest first, those of the old script as what they are', async () => {
    legacy()
    const { code, document } = await json('list', '--store', folder)
    expect(code).toBe(0)
    expect(document).toMatchObject({
      schema: 'kdr/backups/1',
      store: folder,
      backups: [
        { name: LEGACY, type: 'full', status: 'lossy', chain: null, date: '2025-01-02T03:04:05Z' },
        { name: FULL, type: 'full', status: 'complete', chain: 'chain', sequence: 0 },
        { name: INCREMENTAL, type: 'incremental', status: 'complete', chain: 'chain', sequence: 1, parent: FULL },
      ],
    })
    expect((await kdr(['backup', 'list', '--store', folder])).out).toContain('LOSSY')
  })

  it('does not have what nobody finished, and says so', async () => {
    const files = await unfinished()
    const { code, out, err } = await kdr(['backup', 'list', '--store', folder])
    expect(code).toBe(0)
    expect(out).not.toContain(UNFINISHED)
    expect(err.replace(/\s+/g, ' ')).toContain(`nobody finished them: ${files.join(', ')}; kdr backup prune removes what is older than a day`)
    expect((await json('list', '--store', folder)).document).toMatchObject({
      backups: [{ name: FULL }, { name: INCREMENTAL }],
      unfinished: files.map((name) => ({ name, state: 'unfinished' })),
    })
  })

  it('does not have what lost its sidecar, and says how it comes back', async () => {
    rmSync(join(folder, `${INCREMENTAL}.manifest.json`))
    const { out, err } = await kdr(['backup', 'list', '--store', folder])
    expect(out).not.toContain(INCREMENTAL)
    expect(err.replace(/\s+/g, ' ')).toContain(
      `their sidecars are gone: ${INCREMENTAL}.tar.gz; they are whole, and kdr backup verify NAME --relist writes that again`,
    )
    expect((await json('list', '--store', folder)).document).toMatchObject({ unfinished: [{ name: `${INCREMENTAL}.tar.gz`, state: 'whole' }] })
  })

  it('names what is not kdr’s, and a sidecar that is none', async () => {
    writeFileSync(join(folder, 'full_backup_20260101_000000.tar.gz'), 'of somebody')
    writeFileSync(join(folder, `${INCREMENTAL}.manifest.json`), '{')
    const { code, out, err } = await kdr(['backup', 'list', '--store', folder])
    expect(code).toBe(0)
    expect(err.replace(/\s+/g, ' ')).toMatch(/damaged: .*not JSON.*not listed, for kdr did not write them: full_backup_20260101/)
    expect(out).toMatch(/CORRUPT/)
  })

  it('takes the store of the configuration', async () => {
    writeFileSync(join(kdr.home, 'kdr.yaml'), 'backup: { store: backups }\n')
    expect((await json('list')).document).toMatchObject({ store: folder })
  })
})

describe('verify', () => {
  it('is intact where it is', async () => {
    const { code, document } = await json('verify', 'latest', '--store', folder)
    expect({ code, document }).toEqual({
      code: 0,
      document: {
        schema: 'kdr/backup-verification/1',
        name: INCREMENTAL,
        level: 'file',
        outcome: 'intact',
        links: [FULL, INCREMENTAL],
        problems: [],
        warnings: [],
        records: null,
        relisted: false,
      },
    })
  })

  it('says of what is encrypted that nobody looked into it without the key; to decode needs it, exit 22', async () => {
    const key = await generateX25519Identity()
    const sealer = await openSealer({ recipients: [await identityToRecipient(key)], passphrase: null })
    await writeSample({ store: openDirectory({ path: folder }), name: 'full_backup_20270101_000000', sealer, date: '2027-01-01T00:00:00Z' })
    const sealed = await json('verify', 'full_backup_20270101_000000', '--store', folder)
    expect(sealed).toMatchObject({ code: 0, document: { outcome: 'intact', warnings: [{ what: expect.stringContaining('no key was given') }] } })
    expect(await json('verify', 'full_backup_20270101_000000', '--store', folder, '--level', 'record')).toMatchObject({
      code: 22,
      document: { hint: expect.stringContaining('encryption: { identity') },
    })
    writeFileSync(join(kdr.home, 'key.txt'), `${key}\n`)
    writeFileSync(join(kdr.home, 'kdr.yaml'), 'backup: { store: backups, encryption: { identity: { file: key.txt } } }\n')
    expect(await json('verify', 'full_backup_20270101_000000')).toMatchObject({ code: 0, document: { warnings: [] } })
  })

  it('takes a path as the runbook does', async () => {
    expect(await json('verify', join(folder, `${FULL}.tar.gz`))).toMatchObject({ code: 0, document: { name: FULL, links: [FULL] } })
    expect(await json('verify', `backups/${FULL}.tar.gz`)).toMatchObject({ code: 0 })
  })

  it('finds a flipped byte in what it builds on, exit 21', async () => {
    flip(`${FULL}.tar.gz`, 1500)
    const { code, document } = await json('verify', INCREMENTAL, '--store', folder)
    expect(code).toBe(21)
    expect(document).toMatchObject({ outcome: 'corrupt', problems: [{ what: expect.any(String), where: expect.stringContaining(FULL) }] })
  })

  it('finds a missing link, exit 21', async () => {
    for (const name of readdirSync(folder)) if (name.startsWith(FULL)) rmSync(join(folder, name))
    const { code, document } = await json('verify', INCREMENTAL, '--store', folder)
    expect({ code, outcome: document['outcome'] }).toEqual({ code: 21, outcome: 'corrupt' })
    expect(document['problems']).toEqual([{ what: expect.stringContaining('missing'), where: FULL }])
  })

  it('finds a sidecar that is none, exit 21', async () => {
    writeFileSync(join(folder, `${FULL}.manifest.json`), '{')
    expect(await json('verify', FULL, '--store', folder)).toMatchObject({ code: 21, document: { outcome: 'corrupt' } })
  })

  it('calls text of the old script lossy, exit 20', async () => {
    legacy()
    const { code, document } = await json('verify', LEGACY, '--store', folder)
    expect(code).toBe(20)
    expect(document).toMatchObject({ outcome: 'incomplete', problems: [{ what: expect.stringContaining('LOSSY') }] })
  })

  it.each([['verify gone --store backups'], ['verify latest --store nowhere'], ['show gone --store backups'], ['restore gone all --store backups']])(
    '%s is exit 23',
    async (args) => {
      expect(await json(...args.split(' '))).toMatchObject({ code: 23, document: { schema: 'kdr/error/1', exitCode: 23 } })
    },
  )
})

describe('show', () => {
  it('says what is in it and what it stands on', async () => {
    const { code, out } = await kdr(['backup', 'show', INCREMENTAL, '--store', folder], { COLUMNS: '80' })
    expect(code).toBe(0)
    expect(out.replace(/\s+/g, ' ')).toContain(`${FULL} + ${INCREMENTAL}`)
    expect(out).toMatch(/^orders +2 +40 .*all at once$/m)
  })
})

describe('prune', () => {
  const LATER = 'full_backup_20261123_211500'
  const names = () => readdirSync(folder).filter((name) => name.endsWith('.manifest.json'))
  const store = () => openDirectory({ path: folder })
  beforeEach(async () => {
    await writeSample({ store: store(), name: LATER, chain: { id: 'next', sequence: 0, parent: null }, date: '2026-11-23T21:15:00.250Z' })
  })
  const granted = () => ['prune', '--store', folder, '--keep-full', '1', '--non-interactive', '--allow', 'delete', '--confirm', folder]

  it('wants to be told what to keep', async () => {
    expect(await json('prune', '--store', folder)).toMatchObject({ code: 2, document: { exitCode: 2 } })
  })

  it('plans first, and deletes nothing without approval, exit 4', async () => {
    const plan = await json('prune', '--store', folder, '--keep-full', '1', '--dry-run')
    expect(plan).toMatchObject({
      code: 0,
      document: { run: null, delete: [{ name: FULL, chain: FULL }, { name: INCREMENTAL }], keep: [{ name: LATER }], deleted: [] },
    })
    expect(JSON.parse((await kdr(['runs', 'list', '--output', 'json'])).out)).toMatchObject({ runs: [] })
    const { code, document } = await json('prune', '--store', folder, '--keep-full', '1')
    expect(code).toBe(4)
    expect(document['message']).toContain(`--confirm ${folder}`)
    expect(names()).toHaveLength(3)
  })

  it('deletes a whole chain where that was granted, and keeps a record of each deletion', async () => {
    const { code, document } = await json(...granted())
    expect(code).toBe(0)
    expect(document).toMatchObject({ deleted: [INCREMENTAL, FULL], locked: [], stopped: false })
    expect(readdirSync(folder).sort()).toEqual([`${LATER}.manifest.json`, `${LATER}.tar.gz`])
    const run = String(document['run'])
    const shown = (await kdr(['runs', 'show', run])).out.replace(/\s+/g, ' ')
    expect(shown).toMatch(
      /approved by grant: --allow delete .*delete-backup\/incremental.* intent: Delete .* it is gone .*delete-backup\/full.*DONE: 2 deletions made/,
    )
    expect(await kdr(['runs', 'resume', run])).toMatchObject({ code: 2, err: expect.stringContaining('plans anew') })
    expect((await kdr(['runs', 'list'])).err).not.toContain('Unfinished')
  })

  it('keeps what holds the only copy of another topic, until that is to be forgotten', async () => {
    await writeSample({
      store: store(),
      name: 'full_backup_20200101_000000',
      topic: 'old',
      chain: { id: 'o', sequence: 0, parent: null },
      date: '2020-01-01T00:00:00Z',
    })
    const { document } = await json(...granted())
    expect(document).toMatchObject({
      deleted: [INCREMENTAL, FULL],
      keep: [{ name: 'full_backup_20200101_000000', why: 'the newest of old' }, { name: LATER }],
    })
    expect(await json(...granted(), '--forget-topic', 'ol?')).toMatchObject({ code: 0, document: { deleted: ['full_backup_20200101_000000'] } })
  })

  it('leaves alone what cannot be read, and says so', async () => {
    rmSync(join(folder, `${INCREMENTAL}.tar.gz`))
    const { code, out } = await kdr(['backup', ...granted()])
    expect(code).toBe(0)
    expect(out.replace(/\s+/g, ' ')).toContain(`keep ${FULL} and 1 more of its chain`)
    expect(out.replace(/\s+/g, ' ')).toContain(`left alone, for it cannot be read whole: ${INCREMENTAL}: ${INCREMENTAL}.tar.gz: it is missing`)
    expect(names()).toHaveLength(3)
  })

  it('deletes what nobody finished once it is a day old', async () => {
    const files = await unfinished()
    expect(await json(...granted(), '--keep-full', '5')).toMatchObject({ code: 0, document: { deleted: [] } })
    const old = new Date(Date.now() - 25 * 3_600_000)
    for (const file of files) utimesSync(join(folder, file), old, old)
    const { code, document } = await json(...granted(), '--keep-full', '5')
    expect(code).toBe(0)
    expect(document).toMatchObject({ deleted: [files[0]], delete: [{ name: files[0], chain: null, why: 'nobody finished it' }] })
    expect(readdirSync(folder).filter((name) => name.startsWith(UNFINISHED))).toEqual([])
  })

  it('keeps what is whole and lost its sidecar, which verify --relist brings back', async () => {
    rmSync(join(folder, `${FULL}.manifest.json`))
    const old = new Date(Date.now() - 25 * 3_600_000)
    utimesSync(join(folder, `${FULL}.tar.gz`), old, old)
    const { code, out } = await kdr(['backup', ...granted()])
    expect(code).toBe(0)
    expect(out.replace(/\s+/g, ' ')).toContain(`${INCREMENTAL} goes on from it; whole, but its sidecar is gone; kdr backup verify ${FULL} --relist`)
    expect(await json('verify', FULL, '--store', folder)).toMatchObject({ code: 23 })
    expect(await json('verify', FULL, '--store', folder, '--relist')).toMatchObject({ code: 0, document: { outcome: 'intact', relisted: true } })
    expect(await json('verify', INCREMENTAL, '--store', folder, '--relist')).toMatchObject({ code: 0, document: { outcome: 'intact', relisted: false } })
    expect((await json('list', '--store', folder)).document).toMatchObject({
      backups: [{ name: FULL }, { name: INCREMENTAL }, { name: LATER }],
      unfinished: [],
    })
  })

  it('writes no sidecar of what is damaged', async () => {
    rmSync(join(folder, `${FULL}.manifest.json`))
    flip(`${FULL}.tar.gz`, 3000)
    expect(await json('verify', FULL, '--store', folder, '--relist')).toMatchObject({ code: 21, document: { outcome: 'corrupt', relisted: false } })
    expect(readdirSync(folder)).not.toContain(`${FULL}.manifest.json`)
  })

  it('says what forgetting a topic gives up, and refuses one that no backup has, exit 2', async () => {
    const old = 'full_backup_20200101_000000'
    await writeSample({ store: store(), name: old, topic: 'old', chain: { id: 'o', sequence: 0, parent: null }, date: '2020-01-01T00:00:00Z' })
    const shown = await kdr(['backup', 'prune', '--store', folder, '--keep-full', '1', '--forget-topic', 'ol?', '--dry-run'])
    expect(shown.out).toContain('forget old: its ONLY copy goes')
    const asked = await kdr(['backup', 'prune', '--store', folder, '--keep-full', '1', '--forget-topic', 'ol?'])
    expect(asked).toMatchObject({ code: 4 })
    expect(await json(...granted(), '--forget-topic', 'odl')).toMatchObject({
      code: 2,
      document: { message: expect.stringContaining('--forget-topic odl: no backup of the store has a topic like that') },
    })
    const { document } = await json(...granted(), '--forget-topic', 'old')
    expect(document).toMatchObject({ forget: [{ topic: 'old', cluster: 'cluster', copies: 1, going: 1, last: true }] })
  })

  it('deletes nothing while a backup is being made, exit 8', async () => {
    const held = await store().lock(STORE_LOCK, 'backup create by ann', new AbortController().signal)
    expect(await json(...granted())).toMatchObject({ code: 8 })
    expect(names()).toHaveLength(3)
    await held.release()
  })
})

it.each([
  ['backup list', 'no backup store was named'],
  ['backup create --full --incremental', 'cannot be used with'],
  ['backup create --rate fast', 'Bytes a second'],
  ['backup create --compression lzma', 'Allowed choices are auto, none, gzip, zstd'],
  ['backup restore latest everything', 'Allowed choices are metadata, data, all'],
  ['backup restore latest all --to-time yesterday', 'A time as'],
  ['backup list --store s3://', 'names no bucket'],
  ['backup prune --keep-full 0', 'A whole number from 1'],
])('kdr %s is exit 2', async (args, says) => {
  const { code, out, err } = await kdr(args.split(' '))
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain(says)
})

it('the shell lines of the runbook work on an archive', () => {
  execFileSync('tar', ['-xzf', join(folder, `${FULL}.tar.gz`), 'backup-manifest.json'], { cwd: kdr.home })
  const manifest = JSON.parse(readFileSync(join(kdr.home, 'backup-manifest.json'), 'utf8')) as Record<string, unknown>
  expect(manifest).toMatchObject({ topics: ['orders'], backup_date: '2026-11-23T03:15:00.250Z' })
})
