// Run folders in memory, on a disk that outlives every life of the process: a kill leaves exactly what was
// durable, a torn last line included.
import { createHash } from 'node:crypto'
import { KdrError } from '../../errors.ts'
import type { FileReader } from '../../ports/files.ts'
import type { JournalFile, RunFolder, RunStore } from '../../ports/run-store.ts'
import { Killed, type Life } from './life.ts'
import { SNAPSHOT_NAME } from './znode-file.ts'

interface StoredRun {
  readonly lines: string[]
  /** What a crash left of a line that was never finished. */
  torn: string | null
  readonly evidence: Map<string, string>
}

/** Where, in lines this life has appended, it is killed; `torn`: half-way through that line. */
export interface Crash {
  readonly line: number
  readonly torn: boolean
}

export class Disk {
  readonly runs = new Map<string, StoredRun>()
}

export class CrashPlan {
  #crash: Crash | null = null
  #appended = 0

  set(crash: Crash): void {
    this.#crash = crash
  }

  /** Counts the line about to be appended: is it the one, and which kind of end does it meet? */
  next(): 'none' | 'after' | 'torn' {
    this.#appended += 1
    if (this.#crash === null || this.#crash.line !== this.#appended) return 'none'
    return this.#crash.torn ? 'torn' : 'after'
  }
}

const openJournal = (run: StoredRun, life: Life, plan: CrashPlan): JournalFile => {
  life.check()
  run.torn = null
  let closed = false
  return {
    append: (line) => {
      life.check()
      if (closed) throw new KdrError('the journal is closed', { code: 'journal-closed' })
      const end = plan.next()
      if (end === 'torn') run.torn = line.slice(0, Math.ceil(line.length / 2))
      else run.lines.push(line)
      if (end === 'none') return
      life.kill()
      throw new Killed()
    },
    close: () => {
      closed = true
    },
  }
}

/** Evidence is never overwritten: `name-2` and so on when it is taken. */
const freeName = (run: StoredRun, name: string): string => {
  const [, stem = name, extension = ''] = /^(.*?)(\.[^./]+)?$/.exec(name) ?? []
  let candidate = name
  for (let count = 2; run.evidence.has(candidate); count += 1) candidate = `${stem}-${count}${extension}`
  return candidate
}

const folder = (id: string, run: StoredRun, life: Life, plan: CrashPlan): RunFolder => ({
  id,
  path: `/simulated/runs/${id}`,
  read: () => {
    life.check()
    return { lines: [...run.lines], torn: run.torn !== null }
  },
  open: () => openJournal(run, life, plan),
  evidence: (name, content) => {
    life.check()
    const free = freeName(run, name)
    run.evidence.set(free, content)
    return `evidence/${free}`
  },
  keep: async (name, source) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of source) chunks.push(chunk)
    life.check()
    const free = freeName(run, name)
    run.evidence.set(free, Buffer.concat(chunks).toString('latin1'))
    return `evidence/${free}`
  },
})

export const createRunStore = (disk: Disk, life: Life, plan: CrashPlan): RunStore => ({
  create: (id) => {
    life.check()
    if (disk.runs.has(id)) throw new KdrError(`run ${id} already exists`, { code: 'run-exists' })
    const run: StoredRun = { lines: [], torn: null, evidence: new Map() }
    disk.runs.set(id, run)
    return folder(id, run, life, plan)
  },
  find: (id) => {
    life.check()
    const run = disk.runs.get(id)
    if (run === undefined) throw new KdrError(`there is no run ${id}`, { code: 'run-not-found', exit: 'usage', hint: 'see kdr runs list' })
    return folder(id, run, life, plan)
  },
  // Run ids begin with their time, so their order is the runs' order.
  list: () => {
    life.check()
    return [...disk.runs.keys()].sort().reverse()
  },
})

/** Files of the operator's, which no crash touches. */
export const createFiles = (files: ReadonlyMap<string, string>, life: Life): FileReader => ({
  read: async (path) => {
    life.check()
    const text = files.get(path)
    if (text === undefined) throw new KdrError(`cannot read ${path}`, { code: 'file-unreadable', exit: 'usage' })
    return text
  },
  digest: async (text) => createHash('sha256').update(text).digest('hex'),
  copy: async (paths) => {
    life.check()
    const [path = ''] = paths
    const text = files.get(path)
    if (text === undefined) throw new KdrError(`cannot read ${path}`, { code: 'file-unreadable', exit: 'usage' })
    const content = Buffer.from(text, 'latin1')
    return { files: [{ name: SNAPSHOT_NAME, content }], sha256: createHash('sha256').update(content).digest('hex') }
  },
})
