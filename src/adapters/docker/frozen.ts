// Whether a container's process is stopped by SIGSTOP: the engine calls it running all the same. Seen only where
// the engine's processes are this machine's own.
import { readFile } from 'node:fs/promises'
import type { Container } from './containers.ts'
import type { Engine } from './engine.ts'

/** False where it cannot be seen: the container then is what the engine says, running. */
export const isFrozen = async (engine: Engine, { id, status, inspected }: Container, signal: AbortSignal): Promise<boolean> => {
  const { Pid: pid } = inspected.State
  if (status !== 'running' || pid <= 0 || !(await engine.info(signal)).reachesContainers) return false
  try {
    // A process id means another process in another PID namespace: only its own control group says that it is this container's.
    const [stat, groups] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/cgroup`, 'utf8')])
    return groups.includes(id) && stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
  } catch {
    return false
  }
}
