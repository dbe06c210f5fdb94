// Finds a node's process by what it runs, never by a stored process id: ids are recycled within minutes
// where pid_max is 32768, and kill(2) accepts thread ids too.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Instant } from '../../units.ts'
import type { ProcessNode } from './state-file.ts'

export interface Running {
  readonly pid: number
  /** `<pid>@<start>`: the start tells a recycled id from the process itself. */
  readonly uid: string
  readonly startedAt: Instant
  readonly paused: boolean
  /** The supervising shell of `start.sh`: the node is about to run, or has just ended. */
  readonly shell: boolean
}

/** One process as the table shows it. `args` is null where only the joined command line is known. */
export interface Row {
  readonly pid: number
  readonly start: string
  readonly startedAt: Instant
  readonly state: string
  readonly args: readonly string[] | null
  readonly command: string
}

/** USER_HZ of Linux's ABI: 100 on every architecture that Java runs on. */
const TICKS = 100
/** Read once: the kernel derives it from the wall clock, so that a later reading may differ by a second and make an old process look new. */
let bootSeconds: Promise<number> | null = null

const bootTime = (): Promise<number> => {
  bootSeconds ??= readFile('/proc/stat', 'utf8').then((text) => Number(/^btime (\d+)$/m.exec(text)?.[1] ?? 0))
  return bootSeconds
}

/** Fields of /proc/PID/stat after the name, which itself may hold spaces and brackets. */
const statFields = (text: string): readonly string[] => text.slice(text.lastIndexOf(')') + 2).split(' ')

/** Read at once: /proc is memory, and a thread for each file of each process costs many times what reading it does. */
const rowOf = (pid: number, boot: number): Row | null => {
  try {
    const cmdline = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    // Kernel threads and zombies have no command line: neither runs anything.
    if (cmdline === '') return null
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    const start = fields[19] ?? '0'
    const args = cmdline.replace(/\0$/, '').split('\0')
    return { pid, start, startedAt: Math.round((boot + Number(start) / TICKS) * 1000), state: fields[0] ?? '?', args, command: args.join(' ') }
  } catch {
    return null
  }
}

const fromProc = async (names: readonly string[]): Promise<readonly Row[]> => {
  const boot = await bootTime()
  return names
    .filter((name) => /^\d+$/.test(name))
    .map((name) => rowOf(Number(name), boot))
    .filter((row) => row !== null)
}

const PS_LINE = /^\s*(\d+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d+)\s+(\S+)\s+(.*)$/

/** A line of `ps -axo pid=,lstart=,state=,command=`; the start is known to the second only. */
export const parsePsLine = (line: string): Row | null => {
  const [, pid, started, state, command] = PS_LINE.exec(line) ?? []
  if (pid === undefined || started === undefined || state === undefined || command === undefined) return null
  const startedAt = Date.parse(started)
  return { pid: Number(pid), start: `${Math.round(startedAt / 1000)}s`, startedAt, state: state.charAt(0), args: null, command }
}

const fromPs = async (): Promise<readonly Row[]> => {
  try {
    // LC_ALL keeps the month's name readable to Date.parse.
    const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,lstart=,state=,command='], {
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
      maxBuffer: 64 << 20,
    })
    return stdout.split('\n').flatMap((line) => parsePsLine(line) ?? [])
  } catch (cause) {
    throw new KdrError(`cannot read the process table: ${wordsOf(cause)}`, { code: 'process-table-unreadable', cause })
  }
}

/** Every process of this machine that still runs something. Throws `process-table-unreadable`. */
export const processTable = async (): Promise<readonly Row[]> => {
  const names: readonly string[] = await readdir('/proc').catch(() => [])
  const rows = names.includes('stat') ? await fromProc(names) : await fromPs()
  return rows.filter((row) => row.state !== 'Z' && row.state !== 'X')
}

/** Arguments match as whole words, or as the same words with blanks around them where only the joined line is known. */
const holds = (row: Row, words: readonly string[]): boolean => {
  if (row.args === null) return `${row.command} `.includes(` ${words.join(' ')} `)
  const { args } = row
  return args.some((_, at) => at > 0 && words.every((word, offset) => args[at + offset] === word))
}

const programOf = (row: Row): string => basename(row.args?.[0] ?? row.command.split(' ', 1)[0] ?? '')

/** Its own program with its main class and, right after it, its own properties file: an editor or a formatter that has the file open is not the node. */
export const runsNode = (row: Row, node: ProcessNode): boolean => {
  const main = node.argv[node.argv.indexOf(node.file) - 1] ?? ''
  return programOf(row) === basename(node.argv[0] ?? '') && holds(row, [main, node.file])
}

export const startScript = (node: ProcessNode): string => `${node.home}/start.sh`

const supervises = (row: Row, node: ProcessNode): boolean => programOf(row).endsWith('sh') && holds(row, [startScript(node)])

/** The node's process; else its supervising shell; else null. Of several, the oldest: the younger ones cannot get its ports. */
export const findNode = (table: readonly Row[], node: ProcessNode): Running | null => {
  const oldest = (rows: readonly Row[]) => [...rows].sort((a, b) => a.startedAt - b.startedAt)[0]
  const java = oldest(table.filter((row) => runsNode(row, node)))
  const found = java ?? oldest(table.filter((row) => supervises(row, node)))
  if (found === undefined) return null
  return { pid: found.pid, uid: `${found.pid}@${found.start}`, startedAt: found.startedAt, paused: found.state === 'T', shell: java === undefined }
}
