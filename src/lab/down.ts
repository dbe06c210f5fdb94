// Takes a lab down and leaves nothing behind, whatever state it is in: half-started, damaged, or with its
// state file gone. SIGKILL, because a graceful stop is slow with dead peers and the data is thrown away.
import { existsSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processTable, type Row } from '../adapters/process/process-table.ts'
import { KdrError } from '../errors.ts'
import { removeDockerLab } from './docker/down.ts'
import { isDockerLab } from './docker/lab-file.ts'
import { labFolder, notFound, stateFileOf } from './labs.ts'
import { releasePorts } from './ports.ts'

const DEADLINE = 30_000

/** The lab's own by a properties file, or a start script, of a node inside its folder: never by a stored process id. */
export const belongsTo = (row: Row, folder: string): boolean => {
  const args = row.args ?? row.command.split(' ')
  const program = basename(args[0] ?? '')
  const ours = (file: string) =>
    args.slice(1).some((arg) => arg.startsWith(`${folder}/`) && /^[^/]+$/.test(arg.slice(folder.length + 1, -file.length - 1)) && arg.endsWith(`/${file}`))
  if (program === 'java' || program === 'node') return ours('node.properties') && args.some((arg) => arg.startsWith('-Dkdr.lab='))
  return program.endsWith('sh') && ours('start.sh')
}

/** Kills what runs, and looks again until nothing does: a start script may be about to start its node. */
const killAll = async (folder: string): Promise<number> => {
  const end = performance.now() + DEADLINE
  const seen = new Set<number>()
  for (;;) {
    const rows = (await processTable()).filter((row) => belongsTo(row, folder))
    if (rows.length === 0) return seen.size
    for (const { pid } of rows) {
      seen.add(pid)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone between the look and the signal; if it is not ours to kill, the deadline says so.
      }
    }
    if (performance.now() > end) throw new KdrError(`processes ${rows.map((row) => row.pid).join(', ')} of ${folder} do not end`, { code: 'not-stopped' })
    await sleep(50)
  }
}

/** Processes, folder and ports of a lab. */
export const removeLab = async (folder: string): Promise<{ readonly killed: number }> => {
  const killed = await killAll(folder)
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  releasePorts(folder)
  return { killed }
}

/** Stops and removes the lab. Throws `lab-not-found` (exit usage) when neither a folder nor a process of it exists, `not-stopped`, `docker-unreachable`. */
export const labDown = async (name: string, home: string): Promise<void> => {
  const folder = labFolder(name, home)
  const existed = existsSync(folder)
  if (isDockerLab(stateFileOf(folder))) return removeDockerLab(folder)
  const { killed } = await removeLab(folder)
  if (!existed && killed === 0) throw notFound(name)
}
