// Who may read what is written, and what opens what is read: keys by reference, from the configuration only.
import type { Opener, Sealer } from '../archive/encryption.ts'
import type { ChosenStore } from './backups.ts'

/** null where nothing is to be encrypted. */
export const sealerOf = async ({ settings, secrets }: ChosenStore): Promise<Sealer | null> => {
  const { recipients } = settings
  const { passphrase } = secrets()
  if (recipients.length === 0 && passphrase === null) return null
  const { openSealer } = await import('../archive/encryption.ts')
  return openSealer({ recipients, passphrase })
}

/** null where no key is configured: what is not encrypted is read all the same. */
export const openerOf = async ({ secrets }: ChosenStore): Promise<Opener | null> => {
  const { identity, passphrase } = secrets()
  if (identity === null && passphrase === null) return null
  const { identitiesOf, openOpener } = await import('../archive/encryption.ts')
  return openOpener({ identities: identity === null ? [] : identitiesOf(identity), passphrases: passphrase === null ? [] : [passphrase] })
}
