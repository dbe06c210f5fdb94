// Sealed archives: nothing readable without the key but the manifest, and a wrong key is told from damage.
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { describe, expect, it } from 'vitest'
import { identitiesOf, openOpener, openSealer } from '../../src/archive/encryption.ts'
import { openArchive } from '../../src/archive/read-archive.ts'
import { verifyFile } from '../../src/archive/verify-file.ts'
import { memoryStore } from './memory-store.ts'
import { metadata, never, writeSample } from './sample.ts'

const NAME = 'full_backup_20261123_031500'
const openerOf = (identities: readonly string[], passphrases: readonly string[] = []) => openOpener({ identities, passphrases })

describe.each(['none', 'gzip'] as const)('an archive for recipients, with compression %s', (compression) => {
  it('opens with any of their identities and with no other', async () => {
    const keys = [await generateX25519Identity(), await generateX25519Identity()]
    const recipients = await Promise.all(keys.map((key) => identityToRecipient(key)))
    const store = memoryStore()
    const { manifest, sidecar } = await writeSample({ store, compression, sealer: await openSealer({ recipients, passphrase: null }) })
    expect(sidecar.encrypted).toBe(true)
    expect(store.objects.get(`${NAME}.tar.gz`)!.includes('retention.ms')).toBe(false)
    for (const key of keys) {
      const opener = await openerOf([key])
      const archive = await openArchive(store, NAME, opener, never)
      expect(await archive.metadata(never)).toEqual(metadata)
      const [partition] = manifest.partitions
      expect((await archive.segment(partition!, partition!.segments[0]!, never)).bytes.length).toBe(partition!.segments[0]!.bytes)
      expect(await verifyFile(store, NAME, opener, () => {}, never)).toEqual([])
    }
    const other = await openerOf([await generateX25519Identity()])
    const archive = await openArchive(store, NAME, other, never)
    await expect(archive.metadata(never)).rejects.toMatchObject({ code: 'wrong-key', exit: 'wrongKey' })
    await expect(verifyFile(store, NAME, other, () => {}, never)).rejects.toMatchObject({ code: 'wrong-key' })
    const locked = await openArchive(store, NAME, null, never)
    expect(locked.manifest.encryption?.recipients).toEqual(recipients)
    await expect(locked.metadata(never)).rejects.toMatchObject({ code: 'wrong-key' })
    expect(await verifyFile(store, NAME, null, () => {}, never)).toEqual([])
  })
})

describe('an archive for a passphrase', () => {
  it('opens with it, and not with another', { timeout: 120_000 }, async () => {
    const store = memoryStore()
    const sealer = await openSealer({ recipients: [], passphrase: 'correct horse' })
    await writeSample({ store, sealer })
    const archive = await openArchive(store, NAME, await openerOf([], ['correct horse']), never)
    expect(archive.manifest.encryption?.recipients).toEqual(['passphrase'])
    expect(await archive.metadata(never)).toEqual(metadata)
    const wrong = await openArchive(store, NAME, await openerOf([], ['battery staple']), never)
    const error = await wrong.metadata(never).then(
      () => null,
      (thrown: Error) => thrown,
    )
    expect(error).toMatchObject({ code: 'wrong-key', exit: 'wrongKey' })
    expect(JSON.stringify([error?.message, error?.stack])).not.toMatch(/battery|horse/)
  })
})

describe('an extracted entry', () => {
  it('is a plain age file', async () => {
    const key = await generateX25519Identity()
    const sealer = await openSealer({ recipients: [await identityToRecipient(key)], passphrase: null })
    const store = memoryStore()
    await writeSample({ store, sealer })
    const archive = await openArchive(store, NAME, null, never)
    const entry = archive.manifest.entries.find(({ path }) => path === 'metadata/topics.json')!
    const member = store.objects.get(`${NAME}.tar.gz`)!.subarray(entry.offset, entry.offset + entry.length)
    // One gzip header and one block header, then the tar header.
    const content = member.subarray(15 + 512, 15 + 512 + entry.bytes)
    const decrypter = new Decrypter()
    decrypter.addIdentity(key)
    expect(JSON.parse(await decrypter.decrypt(content, 'text'))).toEqual(metadata.topics)
  })
})

describe('keys', () => {
  it('that are none are refused without being told', async () => {
    const secret = await generateX25519Identity()
    for (const recipient of [secret, 'age1nonsense', 'ssh-ed25519 AAAA']) {
      const error = await openSealer({ recipients: [recipient], passphrase: null }).then(
        () => null,
        (thrown: Error) => thrown,
      )
      expect(error).toMatchObject({ code: 'bad-key', exit: 'usage' })
      expect(String(error?.message)).not.toContain(recipient)
    }
    await expect(openerOf(['AGE-SECRET-KEY-1NONSENSE'])).rejects.toMatchObject({ code: 'bad-key', message: expect.not.stringContaining('NONSENSE') })
    await expect(openSealer({ recipients: [], passphrase: '' })).rejects.toMatchObject({ code: 'bad-key' })
  })

  it('are found in an identity file', () => {
    expect(identitiesOf('# created\n# public key: age1x\nAGE-SECRET-KEY-1ABC\n\n')).toEqual(['AGE-SECRET-KEY-1ABC'])
  })
})
