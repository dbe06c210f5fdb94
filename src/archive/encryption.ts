// Entries sealed with age: for X25519 recipients, or for a passphrase. Deriving a key from a passphrase takes a
// second, and an archive has thousands of entries, so that a passphrase seals one identity made for the archive,
// which lies in it, and the entries are sealed for that. Secrets never get into an error.
import { KdrError } from '../errors.ts'
import { IDENTITY } from './layout.ts'

export interface Sealer {
  /** As the manifest names them: `age1…`, `passphrase`. */
  readonly recipients: readonly string[]
  /** Entries that lie in the archive as they are, so that it can be opened. */
  readonly keys: readonly { readonly path: string; readonly content: Buffer }[]
  seal(content: Uint8Array): Promise<Buffer>
}

/** Opens the entries of one archive. Throws `wrong-key` (exit 22); null when the key fits and the entry is damaged. */
export interface EntryOpener {
  open(content: Uint8Array): Promise<Buffer | null>
}

/** Whoever has keys. */
export interface Opener {
  /** `identity` is the archive's own, sealed with a passphrase; null where it has none. Throws `wrong-key`. */
  unlock(identity: Uint8Array | null): Promise<EntryOpener>
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const isRecipient = (text: string): boolean => /^age1[a-z0-9]+$/.test(text)

const badKey = (what: string, hint: string): KdrError => new KdrError(what, { code: 'bad-key', exit: 'usage', hint })

/** Makes an identity of its own for a passphrase, so that one sealer is for one archive. Throws `bad-key` (exit 2). */
export const openSealer = async (to: { readonly recipients: readonly string[]; readonly passphrase: string | null }): Promise<Sealer> => {
  const age = await import('age-encryption')
  const encrypter = new age.Encrypter()
  for (const [at, recipient] of to.recipients.entries()) {
    try {
      if (!isRecipient(recipient)) throw new Error('no recipient')
      encrypter.addRecipient(recipient)
    } catch {
      throw badKey(`encryption recipient ${at + 1} is no age recipient`, 'give the public key that age-keygen prints, which begins with age1')
    }
  }
  const keys: { readonly path: string; readonly content: Buffer }[] = []
  if (to.passphrase !== null) {
    if (to.passphrase === '') throw badKey('the encryption passphrase is empty', 'give one')
    const identity = await age.generateX25519Identity()
    encrypter.addRecipient(await age.identityToRecipient(identity))
    const wrapper = new age.Encrypter()
    wrapper.setPassphrase(to.passphrase)
    keys.push({ path: IDENTITY, content: asBuffer(await wrapper.encrypt(`${identity}\n`)) })
  }
  const recipients = [...to.recipients, ...(to.passphrase === null ? [] : ['passphrase'])]
  if (recipients.length === 0) throw badKey('encryption needs a recipient or a passphrase', 'give one of them')
  return { recipients, keys, seal: async (content) => asBuffer(await encrypter.encrypt(content)) }
}

const wrongKey = (): KdrError =>
  new KdrError('none of the keys given opens this backup', {
    code: 'wrong-key',
    exit: 'wrongKey',
    hint: 'set backup: { encryption: { identity: … } }, or passphrase, of those that kdr backup show names',
  })

export const missingKey = (name: string, recipients: readonly string[]): KdrError =>
  new KdrError(`${name} is encrypted for ${recipients.map((one) => (one === 'passphrase' ? 'a passphrase' : one)).join(', ')}, and no key was given`, {
    code: 'wrong-key',
    exit: 'wrongKey',
    hint: 'set backup: { encryption: { identity: { file: … } } }, or passphrase, in the configuration',
  })

/** `AGE-SECRET-KEY-1…` lines of an identity file as age-keygen writes it. */
export const identitiesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))

/** Throws `bad-key` (exit 2). */
export const openOpener = async (keys: { readonly identities: readonly string[]; readonly passphrases: readonly string[] }): Promise<Opener> => {
  const age = await import('age-encryption')
  const decrypterOf = (identities: readonly string[]): InstanceType<typeof age.Decrypter> => {
    const decrypter = new age.Decrypter()
    for (const [at, identity] of identities.entries()) {
      try {
        decrypter.addIdentity(identity)
      } catch {
        throw badKey(`identity ${at + 1} is no age identity`, 'give the line of the identity file that begins with AGE-SECRET-KEY-1')
      }
    }
    return decrypter
  }
  decrypterOf(keys.identities)
  /** The archive's own identity; null where no passphrase opens it. */
  const unwrapped = async (identity: Uint8Array): Promise<string | null> => {
    const unwrapper = new age.Decrypter()
    for (const passphrase of keys.passphrases) unwrapper.addPassphrase(passphrase)
    try {
      return (await unwrapper.decrypt(identity, 'text')).trim()
    } catch {
      return null
    }
  }
  return {
    unlock: async (identity) => {
      const own = identity !== null && keys.passphrases.length > 0 ? await unwrapped(identity) : null
      const identities = own === null ? keys.identities : [own, ...keys.identities]
      if (identities.length === 0) throw wrongKey()
      const decrypter = decrypterOf(identities)
      return {
        open: async (content) => {
          try {
            return asBuffer(await decrypter.decrypt(content))
          } catch (thrown) {
            // The library's words for a header none of whose stanzas is for these keys.
            if (/no identity matched/i.test(String(thrown))) throw wrongKey()
            return null
          }
        },
      }
    },
  }
}
