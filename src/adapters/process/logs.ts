// A node's console output, one file per start, and how its last run ended.
import { open, readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { KdrError, wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { ExitStatus } from '../../model/member.ts'
import type { ProcessNode } from './state-file.ts'

export const LOG = 'out.log'
/** Logs of earlier starts that are kept: `out.1.log` is the one before the current. */
export const KEPT_LOGS = 3

const CHUNK = 64 << 10

/** The last `count` lines of a file, oldest first, without reading more than they need; empty when there is no such file. */
export const tailOf = async (path: string, count: number): Promise<readonly string[]> => {
  if (count <= 0) return []
  const file = await open(path, 'r').catch((cause) => {
    if (cause.code === 'ENOENT') return null
    throw new KdrError(`cannot read ${path}: ${wordsOf(cause)}`, { code: 'log-unreadable', cause })
  })
  if (file === null) return []
  try {
    let start = (await file.stat()).size
    const parts: Buffer[] = []
    let lines = 0
    while (start > 0 && lines <= count) {
      const length = Math.min(CHUNK, start)
      start -= length
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start)
      const part = buffer.subarray(0, bytesRead)
      parts.unshift(part)
      for (const byte of part) if (byte === 10) lines += 1
    }
    const all = Buffer.concat(parts).toString('utf8').split(/\r?\n/)
    if (all.at(-1) === '') all.pop()
    return all.slice(-count)
  } finally {
    await file.close()
  }
}

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** A shell reports a death by signal n as 128+n; Java itself also exits so after a graceful stop (143). */
const exitOf = (code: number, log: readonly string[]): ExitStatus => ({
  code,
  signal: code > 128 ? (SIGNALS.get(code - 128) ?? null) : null,
  // -XX:+ExitOnOutOfMemoryError says so on its last line and exits 3.
  oomKilled: log.some((line) => line.includes('Terminating due to java.lang.OutOfMemoryError')),
})

/**
 * How its last run ended, as `start.sh` wrote it down; of a running node, the run before. Unknown when that shell
 * was killed too or the machine went down.
 */
export const lastExitOf = async (node: ProcessNode, running: boolean): Promise<Known<ExitStatus | null>> => {
  const path = join(node.home, running ? 'exit.1' : 'exit')
  const text = await readFile(path, 'utf8').catch(() => null)
  const log = await tailOf(join(node.home, running ? 'out.1.log' : LOG), 20)
  if (text !== null && /^\d+\s*$/.test(text)) return known(exitOf(Number(text), log), path)
  return log.length === 0 ? known(null, `${node.home}: there is no earlier run`) : unknown('its exit was not recorded', path)
}
