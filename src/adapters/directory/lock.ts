// One holder at a time of what is done to a folder: a file created whole and exclusively. Nobody takes it over
// because it looks old, only where its process ran on this very machine and is gone; a folder may be shared by many.
import { createHash, randomBytes } from 'node:crypto'
import { constants, readFileSync, readlinkSync } from 'node:fs'
import { copyFile, link, open, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { KdrError } from '../../errors.ts'
import { formatInstant } from '../../units.ts'
import { actor, processStartOf } from '../system/actor.ts'
import { errnoOf, inFolder } from './errors.ts'
import { NO_LINKS } from './write-whole.ts'

const Holder = v.object({
  id: v.string(),
  holder: v.string(),
  user: v.string(),
  host: v.string(),
  /** Host names repeat (`localhost`, containers): what process ids are of. */
  machine: v.string(),
  namespace: v.string(),
  boot: v.string(),
  pid: v.number(),
  processStart: v.string(),
  since: v.number(),
})
type Holder = v.InferOutput<typeof Holder>

const said = (read: () => string): string => {
  try {
    return read().trim()
  } catch {
    return ''
  }
}

const here = (): Pick<Holder, 'user' | 'host' | 'pid' | 'machine' | 'namespace' | 'boot'> => ({
  ...actor(),
  machine: said(() => readFileSync('/etc/machine-id', 'utf8')),
  namespace: said(() => readlinkSync('/proc/self/ns/pid')),
  boot: said(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
})

/** Only a process id of this machine, this boot and this namespace can be looked up; after another boot none of it lives. */
const isGone = (holder: Holder): boolean => {
  const mine = here()
  if (holder.host !== mine.host || holder.machine !== mine.machine) return false
  if (holder.boot !== mine.boot) return holder.machine !== ''
  return holder.namespace === mine.namespace && processStartOf(holder.pid) !== holder.processStart
}

const read = async (path: string): Promise<Holder | null> => {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return null
    throw thrown
  })
  if (text === null) return null
  try {
    const parsed = v.safeParse(Holder, JSON.parse(text))
    if (parsed.success) return parsed.output
  } catch {
    // falls through: a lock that cannot be read is still a lock
  }
  throw new KdrError(`the lock file ${path} cannot be read`, {
    code: 'store-locked',
    exit: 'locked',
    hint: 'make sure that no kdr works on this store, then remove that file',
  })
}

const locked = (path: string, holder: Holder): KdrError =>
  new KdrError(`the store is locked by ${holder.holder} (${holder.user}@${holder.host}, pid ${holder.pid}, since ${formatInstant(holder.since)})`, {
    code: 'store-locked',
    exit: 'locked',
    hint: `wait for it; once you are sure that it no longer runs, remove ${path}`,
  })

const random = (): string => randomBytes(6).toString('hex')

const write = async (path: string, holder: Holder): Promise<void> => {
  const handle = await open(path, 'wx', 0o600)
  await handle.writeFile(JSON.stringify(holder)).finally(() => handle.close())
}

/**
 * Whole when its name appears; not so where there are no links, but then whoever finds half of one refuses as well. The
 * ending is that of temporary files, so that what a crash leaves is cleared like them.
 */
const linkNew = async (path: string, holder: Holder): Promise<boolean> => {
  const temporary = `${path}.partial-${random()}`
  try {
    await write(temporary, holder)
    await link(temporary, path).catch((thrown: unknown) => {
      if (!NO_LINKS.has(errnoOf(thrown) ?? '')) throw thrown
      return write(path, holder)
    })
    return true
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return false
    throw thrown
  } finally {
    await unlink(temporary).catch(() => {})
  }
}

/** Moves the old lock aside, which only one of several can do; a lock that is not the one judged is put back. */
const moveAside = async (path: string, judged: Holder): Promise<void> => {
  const aside = `${path}.partial-${random()}`
  try {
    await rename(path, aside)
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return
    throw thrown
  }
  // Half a lock is somebody's, too. Where there are no links it is copied, and never over another.
  const found = await read(aside).catch(() => null)
  if (found?.id !== judged.id)
    await link(aside, path).catch(async (thrown: unknown) => {
      // Somebody took the name in between: the one who had it must not be forgotten.
      if (errnoOf(thrown) === 'EEXIST') throw locked(path, found ?? judged)
      await copyFile(aside, path, constants.COPYFILE_EXCL)
    })
  await unlink(aside)
}

const take = async (path: string, mine: Holder): Promise<void> => {
  const before = await read(path)
  if (before !== null && !isGone(before)) throw locked(path, before)
  if (before !== null) await moveAside(path, before)
  if (!(await linkNew(path, mine))) throw locked(path, (await read(path)) ?? before ?? mine)
}

/** Throws `store-locked` (exit 8) naming the holder, `store-denied`, `store-full`. Needs no renewing: its process is the proof. */
export const lockFolder = async (folder: string, key: string, holder: string): Promise<{ release(): Promise<void> }> => {
  const plain = /^\w[\w.-]{0,99}$/.test(key) ? key : createHash('sha256').update(key).digest('hex').slice(0, 32)
  const path = join(folder, `.kdr-${plain}.lock`)
  const mine: Holder = { id: random(), holder, ...here(), processStart: processStartOf(process.pid) ?? 'unknown', since: Date.now() }
  await inFolder(folder, 'lock', () => take(path, mine))
  const release = async (): Promise<void> => {
    if ((await read(path))?.id === mine.id) await unlink(path)
  }
  return { release: () => inFolder(folder, 'unlock', release) }
}
