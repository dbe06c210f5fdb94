// Puts a copy of a ZooKeeper's files where a member keeps its own: whole under its name or not there at all, and what
// was there is kept beside it.
import { chown, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CopiedFile } from '../../ports/files.ts'

export interface Places {
  /** Snapshots and epochs (dataDir). */
  readonly data: string
  /** Transaction logs (dataLogDir), often the same. */
  readonly log: string
}

const writeDurable = async (path: string, content: Buffer | null): Promise<void> => {
  const handle = await open(path, content === null ? 'r' : 'wx', 0o640)
  try {
    if (content !== null) await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const freeName = async (folder: string): Promise<string> => {
  const taken = await readdir(folder)
  for (let count = 1; ; count += 1) if (!taken.includes(`version-2.kept-${count}`)) return `version-2.kept-${count}`
}

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/**
 * Whoever wrote there last: a server in a container runs as its image's user, on a volume that may be root's and open to
 * everybody (the server itself writes version-2, its image `myid`). Else whose the folder is.
 */
const ownerOf = async ({ data, log }: Places): Promise<Owner> => {
  for (const path of [join(data, 'version-2'), join(log, 'version-2'), join(data, 'myid')]) {
    const found = await stat(path).catch(() => null)
    if (found !== null) return found
  }
  return stat(data)
}

const placeIn = async (folder: string, files: readonly CopiedFile[], { uid, gid }: Owner): Promise<string | null> => {
  const [target, fresh] = [join(folder, 'version-2'), join(folder, 'version-2.kdr-new')]
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { mode: 0o750 })
  for (const { name, content } of files) {
    await writeDurable(join(fresh, name), content)
    await chown(join(fresh, name), uid, gid)
  }
  await chown(fresh, uid, gid)
  await writeDurable(fresh, null)
  const kept = (await exists(target)) ? await freeName(folder) : null
  if (kept !== null) await rename(target, join(folder, kept))
  await rename(fresh, target)
  await writeDurable(folder, null)
  return kept === null ? null : join(folder, kept)
}

/** `runsAs`: whom the server runs as, where that is known. Returns where what was there is kept, by its path; null: nothing was. The snapshots come last: without them there is no data. */
export const placeFiles = async (places: Places, files: readonly CopiedFile[], runsAs: Owner | null = null): Promise<string | null> => {
  const { data, log } = places
  for (const folder of [data, log]) await mkdir(folder, { recursive: true })
  const owner = runsAs ?? (await ownerOf(places))
  if (data === log) return placeIn(data, files, owner)
  const isLog = ({ name }: CopiedFile) => name.startsWith('log.')
  const before = await placeIn(log, files.filter(isLog), owner)
  const after = await placeIn(
    data,
    files.filter((file) => !isLog(file)),
    owner,
  )
  return [before, after].filter((path) => path !== null).join(', ') || null
}
