// Runs as folders: journal.ndjson, appended and fsynced line by line, and evidence beside it. Only the
// owner may read them. Calls go through `fs.` so that a preload can watch or break each one.
import fs from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { KdrError, wordsOf } from '../../errors.ts'
import type { JournalFile, RunFolder, RunStore } from '../../ports/run-store.ts'

const JOURNAL = 'journal.ndjson'
const NAME = /^[A-Za-z0-9][\w.-]*$/

/** A new name in a folder is durable only once the folder is. */
const syncFolder = (path: string): void => {
  const handle = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}

const makeFolder = (path: string): void => {
  if (fs.existsSync(path)) return
  makeFolder(dirname(path))
  try {
    fs.mkdirSync(path, { mode: 0o700 })
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown
  }
  syncFolder(dirname(path))
}

const writeAll = (handle: number, bytes: Buffer): void => {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(handle, bytes, at, bytes.length - at)
}

/** Bytes up to and including the last line end: what follows is a line that a crash tore. */
const wholeLength = (bytes: Buffer): number => bytes.lastIndexOf(0x0a) + 1

const openJournal = (path: string): JournalFile => {
  const handle = fs.openSync(path, 'r+')
  let size = wholeLength(fs.readFileSync(path))
  if (fs.fstatSync(handle).size > size) {
    fs.ftruncateSync(handle, size)
    fs.fsyncSync(handle)
  }
  let open = true
  return {
    append: (line) => {
      const bytes = Buffer.from(`${line}\n`)
      try {
        for (let at = 0; at < bytes.length; ) at += fs.writeSync(handle, bytes, at, bytes.length - at, size + at)
        fs.fsyncSync(handle)
      } catch (thrown) {
        undo(handle, size)
        throw thrown
      }
      size += bytes.length
    },
    close: () => {
      if (open) fs.closeSync(handle)
      open = false
    },
  }
}

/** Takes half a line back, so that a later attempt does not continue it; if even that fails, the line stays torn and is cut off on opening. */
const undo = (handle: number, size: number): void => {
  try {
    fs.ftruncateSync(handle, size)
  } catch {
    // The first error says what is wrong.
  }
}

const readLines = (path: string): { readonly lines: readonly string[]; readonly torn: boolean } => {
  const bytes = fs.readFileSync(path)
  const whole = wholeLength(bytes)
  const lines =
    whole === 0
      ? []
      : bytes
          .subarray(0, whole - 1)
          .toString('utf8')
          .split('\n')
  return { lines, torn: whole < bytes.length }
}

/** `name`, or `name-2` and so on when it is taken: evidence is never overwritten. */
const freeName = (folder: string, name: string): string => {
  const [, stem = name, extension = ''] = /^(.*?)(\.[^./]+)?$/.exec(name) ?? []
  let candidate = name
  for (let count = 2; fs.existsSync(join(folder, candidate)); count += 1) candidate = `${stem}-${count}${extension}`
  return candidate
}

const inside = (name: string): string => {
  const plain = normalize(name)
  if (plain.startsWith('..') || plain.startsWith(sep)) throw new KdrError(`evidence ${name} would leave the run's folder`, { code: 'bad-evidence-name' })
  return plain
}

const keepEvidence = (folder: string, name: string, content: string): string => {
  const relative = freeName(folder, join('evidence', inside(name)))
  const path = join(folder, relative)
  makeFolder(dirname(path))
  const handle = fs.openSync(path, 'wx', 0o600)
  try {
    writeAll(handle, Buffer.from(content))
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
  syncFolder(dirname(path))
  return relative
}

/** Written beside its place and moved there when it is whole: half a copy is none. */
const keepBytes = async (folder: string, name: string, source: AsyncIterable<Uint8Array>): Promise<string> => {
  const relative = freeName(folder, join('evidence', inside(name)))
  const path = join(folder, relative)
  makeFolder(dirname(path))
  const part = `${path}.part`
  fs.rmSync(part, { force: true })
  const handle = fs.openSync(part, 'wx', 0o600)
  try {
    for await (const chunk of source) writeAll(handle, Buffer.from(chunk))
    fs.fsyncSync(handle)
    fs.renameSync(part, path)
  } catch (thrown) {
    fs.rmSync(part, { force: true })
    throw thrown
  } finally {
    fs.closeSync(handle)
  }
  syncFolder(dirname(path))
  return relative
}

const folderOf = (id: string, path: string): RunFolder => ({
  id,
  path,
  read: () => readLines(join(path, JOURNAL)),
  open: () => openJournal(join(path, JOURNAL)),
  evidence: (name, content) => keepEvidence(path, name, content),
  keep: (name, source) => keepBytes(path, name, source),
})

const create = (runs: string, id: string): RunFolder => {
  if (!NAME.test(id)) throw new KdrError(`${id} is not a name for a run`, { code: 'bad-run-name', exit: 'usage' })
  const path = join(runs, id)
  try {
    makeFolder(runs)
    fs.mkdirSync(path, { mode: 0o700 })
    const handle = fs.openSync(join(path, JOURNAL), 'wx', 0o600)
    fs.fsyncSync(handle)
    fs.closeSync(handle)
    syncFolder(path)
    syncFolder(runs)
  } catch (thrown) {
    throw new KdrError(`cannot keep a journal in ${path}: ${wordsOf(thrown)}`, {
      code: 'run-store-unwritable',
      hint: 'nothing was touched; make room or fix permissions, or set XDG_STATE_HOME',
      cause: thrown,
    })
  }
  return folderOf(id, path)
}

/** Runs under `<root>/runs/<run>/`; `root` is usually $XDG_STATE_HOME/kdr. Files 0600, folders 0700. */
export const fileRunStore = (root: string): RunStore => {
  const runs = join(root, 'runs')
  return {
    create: (id) => create(runs, id),
    find: (id) => {
      if (NAME.test(id) && fs.existsSync(join(runs, id, JOURNAL))) return folderOf(id, join(runs, id))
      throw new KdrError(`there is no run ${id}`, { code: 'run-not-found', exit: 'usage', hint: 'kdr runs list' })
    },
    // Run ids begin with their time, so their order is the runs' order.
    list: () =>
      fs.existsSync(runs)
        ? fs
            .readdirSync(runs)
            .filter((id) => fs.existsSync(join(runs, id, JOURNAL)))
            .sort()
            .reverse()
        : [],
  }
}
