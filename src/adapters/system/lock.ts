// One run at a time per target on this host: a file created exclusively, which says who holds it. It is
// never taken because it looks old: only by its own run, or from a run that was named.
import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { KdrError, wordsOf } from '../../errors.ts'
import type { TargetIdentity } from '../../model/member.ts'
import type { HeldLock, Lock, LockHolder } from '../../ports/run-store.ts'
import { formatInstant } from '../../units.ts'
import { actor, processStartOf } from './actor.ts'

const isCode = (thrown: unknown, code: string): boolean => thrown instanceof Error && 'code' in thrown && thrown.code === code

const readText = (path: string): string | null => {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch (thrown) {
    if (isCode(thrown, 'ENOENT')) return null
    throw thrown
  }
}

const isHolder = (value: unknown): value is LockHolder => typeof value === 'object' && value !== null && 'run' in value && 'fence' in value && 'pid' in value

const readHolder = (path: string): LockHolder | null => {
  const text = readText(path)
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    if (isHolder(value)) return value
  } catch {
    // falls through: a lock that cannot be read is still a lock
  }
  throw new KdrError(`the lock file ${path} cannot be read`, {
    code: 'lock-unreadable',
    exit: 'locked',
    hint: 'make sure that no kdr runs on this cluster, then remove that file',
  })
}

/** Written whole beside its place, then linked into it: the name appears with its content, or not at all. */
const writeTemporary = (path: string, text: string): string => {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  const handle = fs.openSync(temporary, 'wx', 0o600)
  try {
    fs.writeSync(handle, text)
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
  return temporary
}

const linkNew = (path: string, text: string): boolean => {
  const temporary = writeTemporary(path, text)
  try {
    fs.linkSync(temporary, path)
    return true
  } catch (thrown) {
    if (isCode(thrown, 'EEXIST')) return false
    throw thrown
  } finally {
    fs.unlinkSync(temporary)
  }
}

const aliveness = (holder: LockHolder): boolean | 'unknown' => (holder.host === actor().host ? processStartOf(holder.pid) === holder.processStart : 'unknown')

const locked = (target: TargetIdentity, holder: LockHolder): KdrError => {
  const alive = aliveness(holder)
  const state = alive === 'unknown' ? 'whether it still runs cannot be seen from here' : alive ? 'it is running' : 'its process is gone'
  const who = `${holder.user}@${holder.host}, pid ${holder.pid}, since ${formatInstant(holder.since)}; ${state}`
  return new KdrError(`${target.cluster} is locked by run ${holder.run} (${who})`, {
    code: 'locked',
    exit: 'locked',
    hint: alive === true ? `wait for it, or ask ${holder.user}` : `go on with it: kdr runs resume ${holder.run}; or start anew with --take-over ${holder.run}`,
  })
}

/** Whether this run may step into another's place. */
const mayReplace = (holder: LockHolder, run: string, takeOver: string | null): boolean =>
  holder.run === takeOver || (holder.run === run && aliveness(holder) === false)

/** Moves the old lock aside, which only one of several can do; a lock that is not the one judged is put back. */
const moveAside = (path: string, judged: LockHolder): boolean => {
  const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.old`
  try {
    fs.renameSync(path, aside)
  } catch (thrown) {
    if (isCode(thrown, 'ENOENT')) return true
    throw thrown
  }
  const same = readHolder(aside)?.fence === judged.fence
  if (!same) fs.linkSync(aside, path)
  fs.unlinkSync(aside)
  return same
}

class FileLock {
  readonly #path: string
  readonly #target: TargetIdentity

  constructor(folder: string, target: TargetIdentity) {
    const name = createHash('sha256').update(`${target.platform} ${target.identity}`).digest('hex').slice(0, 32)
    this.#path = join(folder, `${name}.lock`)
    this.#target = target
  }

  holder(): LockHolder | null {
    return readHolder(this.#path)
  }

  acquire(run: string, takeOver: string | null): HeldLock {
    const before = this.holder()
    if (before !== null && !mayReplace(before, run, takeOver)) throw locked(this.#target, before)
    const holder = this.#next(run, before)
    if (before !== null && !moveAside(this.#path, before)) throw this.#lost(before)
    if (!linkNew(this.#path, JSON.stringify(holder))) throw this.#lost(before ?? holder)
    this.#writeFence(holder.fence)
    return { holder, check: () => this.#check(holder), release: async () => this.#release(holder) }
  }

  #next(run: string, before: LockHolder | null): LockHolder {
    const { user, host, pid } = actor()
    const fence = Math.max(Number(readText(`${this.#path}.fence`) ?? 0) || 0, before?.fence ?? 0) + 1
    return { run, user, host, pid, processStart: processStartOf(pid) ?? 'unknown', since: Date.now(), fence }
  }

  #lost(fallback: LockHolder): KdrError {
    return locked(this.#target, this.holder() ?? fallback)
  }

  #writeFence(fence: number): void {
    fs.renameSync(writeTemporary(`${this.#path}.fence`, String(fence)), `${this.#path}.fence`)
  }

  #check(mine: LockHolder): void {
    const now = this.holder()
    if (now !== null && now.fence === mine.fence && now.run === mine.run) return
    const who = now === null ? 'the lock file is gone' : `run ${now.run} (${now.user}@${now.host}) took it over`
    throw new KdrError(`run ${mine.run} no longer holds the lock on ${this.#target.cluster}: ${who}`, {
      code: 'lock-lost',
      hint: 'nothing more is done by this run; see who works on the cluster',
    })
  }

  #release(mine: LockHolder): void {
    const now = this.holder()
    if (now === null || now.fence !== mine.fence) return
    fs.unlinkSync(this.#path)
  }
}

/** Locks under `<root>/locks/`, one per target identity. The fence outlives releases, so that it only ever rises. */
export const fileLock = (root: string): Lock => {
  const folder = join(root, 'locks')
  const at = (target: TargetIdentity): FileLock => {
    try {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    } catch (thrown) {
      throw new KdrError(`cannot keep locks in ${folder}: ${wordsOf(thrown)}`, {
        code: 'lock-unwritable',
        hint: 'fix its permissions, or set XDG_STATE_HOME',
        cause: thrown,
      })
    }
    return new FileLock(folder, target)
  }
  return {
    covers: `${actor().user} on this host (${actor().host}): a kdr of another user or on another host is not kept out`,
    acquire: async (target, run, takeOver) => at(target).acquire(run, takeOver),
    inspect: async (target) => {
      const holder = fs.existsSync(folder) ? new FileLock(folder, target).holder() : null
      return holder === null ? null : { holder, alive: aliveness(holder) }
    },
  }
}
