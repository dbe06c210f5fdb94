// The chain of a backup as it lies in the store: which archives it takes to restore it, which of them are gone, and
// which cannot even say what they are.
import { CorruptArchive, type Problem } from '../archive/damage.ts'
import type { Sidecar } from '../archive/manifest.ts'
import { readManifests } from '../archive/read-archive.ts'
import { KdrError } from '../errors.ts'
import type { BackupStoreReader } from '../ports/backup-store.ts'

export interface Link {
  readonly name: string
  /** null: nothing more can be told of it, for `problem`. */
  readonly sidecar: Sidecar | null
  readonly problem: Problem | null
}

const linkOf = async (store: BackupStoreReader, name: string, wanted: boolean, signal: AbortSignal): Promise<Link> => {
  try {
    return { name, sidecar: (await readManifests(store, name, signal)).sidecar, problem: null }
  } catch (thrown) {
    if (!(thrown instanceof KdrError)) throw thrown
    if (thrown.exit === 'corrupt')
      return { name, sidecar: null, problem: thrown instanceof CorruptArchive ? thrown.problem : { what: thrown.message, where: name } }
    if (thrown.code !== 'no-such-backup' || wanted) throw thrown
    return { name, sidecar: null, problem: { what: 'it is missing: what comes after it in its chain cannot be restored', where: name } }
  }
}

/** The full backup first, `name` last; begins with the first that cannot be read, where there is one. Throws `no-such-backup` for `name` itself. */
export const linksOf = async (store: BackupStoreReader, name: string, signal: AbortSignal): Promise<readonly Link[]> => {
  const links: Link[] = []
  for (let next: string | undefined = name; next !== undefined && !links.some((link) => link.name === next); ) {
    const link: Link = await linkOf(store, next, next === name, signal)
    links.unshift(link)
    next = link.sidecar?.chain.parent?.name
  }
  return links
}
