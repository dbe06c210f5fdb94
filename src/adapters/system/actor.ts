// Who runs this kdr, and what names a process beyond its recycled id.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'

const userName = (): string => {
  try {
    return os.userInfo().username
  } catch {
    return process.env['USER'] ?? `uid ${process.getuid?.() ?? 'unknown'}` // no entry in the password file, as in many containers
  }
}

export const actor = (): { readonly user: string; readonly host: string; readonly pid: number } => ({ user: userName(), host: os.hostname(), pid: process.pid })

const fromProc = (pid: number): string | null => {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return null
  return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`
}

const fromPs = (pid: number): string | null =>
  execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }).trim() || null

/** What names this incarnation of a process id: boot and start time; null when no such process runs. */
export const processStartOf = (pid: number): string | null => {
  try {
    return fs.existsSync('/proc/self/stat') ? fromProc(pid) : fromPs(pid)
  } catch {
    return null
  }
}
