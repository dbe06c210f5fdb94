// What backups need: a store that answers and may be written to, and a principal who is shown everything that a
// backup claims to hold. Nothing is written to find out.
import fs from 'node:fs'
import { wordsOf } from '../errors.ts'
import type { Known } from '../model/known.ts'
import { type ChosenStore, chooseStore } from './backups.ts'
import { openStore } from './compose/store.ts'
import type { World } from './compose.ts'
import { type Finding, finding } from './doctor-machine.ts'
import type { Invocation } from './invocation.ts'

const STORE = 'Backup store'
const RIGHTS = 'Rights for a backup'

/** Whether a folder takes new files, as far as its permissions say; null where only writing would tell. */
const refusedBy = ({ where }: ChosenStore): string | null => {
  if (where.startsWith('s3://')) return null
  try {
    fs.accessSync(where, fs.constants.W_OK | fs.constants.X_OK)
    return null
  } catch (thrown) {
    return wordsOf(thrown)
  }
}

const hintOf = (thrown: unknown): string =>
  thrown instanceof Error && 'hint' in thrown && typeof thrown.hint === 'string' ? thrown.hint : 'kdr backup list -v'

const storeFinding = async (invocation: Invocation, chosen: ChosenStore): Promise<Finding> => {
  const { signal } = invocation.interruption
  try {
    const store = await openStore(chosen, { create: false })
    try {
      let some = false
      for await (const _ of store.list({}, signal)) {
        some = true
        break
      }
      const refused = refusedBy(chosen)
      if (refused !== null) return finding('backup-store', STORE, false, 'FAIL', refused, `let this user write to ${chosen.where}`)
      const found = `${chosen.where} answers${some ? '' : ' and is empty'}`
      const written = chosen.where.startsWith('s3://') ? '; whether it may be written to, only a backup tells' : ''
      return finding('backup-store', STORE, false, 'PASS', `${found}${written}`)
    } finally {
      await store.close()
    }
  } catch (thrown) {
    signal.throwIfAborted()
    return finding('backup-store', STORE, false, 'FAIL', wordsOf(thrown), hintOf(thrown))
  }
}

/** Without a store nothing is lacking for a recovery: not everybody keeps backups with kdr. */
export const storeFindings = async (invocation: Invocation): Promise<readonly Finding[]> => {
  let chosen: ChosenStore
  try {
    chosen = chooseStore(invocation)
  } catch (thrown) {
    return [finding('backup-store', STORE, false, 'UNKNOWN', wordsOf(thrown), 'set backup: { store: … } in the configuration: a folder or s3://bucket/prefix')]
  }
  return [await storeFinding(invocation, chosen)]
}

/** Asked as a backup asks: what is refused here would make one incomplete. */
export const backupRights = async ({ ports, within }: World, interrupt: AbortSignal): Promise<readonly Finding[]> => {
  const { backup, clock } = ports
  const signal = clock.deadline(within, interrupt)
  const unseen = async <T>(what: string, ask: () => Promise<Known<T>>): Promise<string | null> => {
    try {
      const answer = await ask()
      return answer.known ? null : `${what}: ${answer.why}`
    } catch (thrown) {
      interrupt.throwIfAborted()
      return `${what}: ${wordsOf(thrown)}`
    }
  }
  const missing = await Promise.all([
    unseen('every topic', async () => (await backup.topics(null, signal)).complete),
    unseen('ACLs', () => backup.acls(signal)),
    unseen('quotas', () => backup.quotas(signal)),
    unseen('SCRAM users', () => backup.scramUsers(signal)),
  ])
  const lacking = missing.filter((why) => why !== null)
  const fix = 'grant the principal READ and DESCRIBE_CONFIGS on all topics, DESCRIBE on all groups, DESCRIBE and DESCRIBE_CONFIGS on the cluster'
  return lacking.length === 0
    ? [finding('backup-rights', RIGHTS, false, 'PASS', 'topics, ACLs, quotas and users are all shown; reading records, only a backup tells')]
    : [finding('backup-rights', RIGHTS, false, 'FAIL', `not shown are ${lacking.join('; ')}`, fix)]
}
