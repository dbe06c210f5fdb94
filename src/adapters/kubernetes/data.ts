// A member's data directories as tar archives, and what they hold of each partition, read by commands inside its pod: a
// pod that is gone cannot be read.
import { KdrError } from '../../errors.ts'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import type { DataCopy } from '../../ports/platform.ts'
import type { KubeClient } from './client.ts'
import { mainContainerOf } from './containers.ts'
import { execRaw } from './exec.ts'
import { readPod } from './pod-look.ts'
import { replicasAt } from './replicas.ts'
import type { Entry } from './roster.ts'
import { mountsOf } from './volumes.ts'

/** Said last, so that what came is whole: how a pipe's first command ended is not told. */
const END = ' end'
const SCRIPT = `cd "$1" && tar -czf - . && printf '%s' '${END}'`

const unreachable = (member: string, why: string): KdrError =>
  new KdrError(`the data of ${member} could not be copied: ${why}`, {
    code: 'data-unreachable',
    hint: 'mount its claim read-only in a pod of its own (on its node where the volume is ReadWriteOnce), and copy it from there',
  })

/** Throws `data-unreachable`. What is kept this way has to fit into what an exec may print, 64 MiB. */
async function* archive(client: KubeClient, member: string, container: string, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { code, stdout, stderr } = await execRaw(client, member, container, ['sh', '-c', SCRIPT, 'kdr', path], signal)
  if (code !== 0 || stdout.subarray(-END.length).toString('latin1') !== END) throw unreachable(member, `tar in it ended with ${code}: ${stderr.trim()}`)
  yield stdout.subarray(0, -END.length)
}

/** Throws `data-unreachable`, also where nobody may run a command in it. */
export const replicasInside = async (client: KubeClient, entry: Entry, signal: AbortSignal): Promise<readonly ReplicaOnDisk[]> => {
  const { name, pod, container } = entry
  const refused = (why: string): KdrError => new KdrError(`the disks of ${name} are not reached: ${why}`, { code: 'data-unreachable' })
  if (pod?.status?.phase !== 'Running' || container === undefined) throw refused('its pod does not run, and nobody has looked at its claims')
  const paths = mountsOf(entry).map(({ path }) => path)
  try {
    return await replicasAt((argv) => execRaw(client, name, container.name, argv, signal), paths)
  } catch (thrown) {
    if (thrown instanceof KdrError && ['forbidden', 'exec-failed'].includes(thrown.code)) throw refused(thrown.message)
    throw thrown
  }
}

/** `paths`: where its claims are mounted. */
export const dataOf = async (client: KubeClient, member: string, paths: readonly string[], signal: AbortSignal): Promise<readonly DataCopy[]> => {
  const pod = await readPod(client, member, signal)
  const container = pod === null ? undefined : mainContainerOf(pod)
  if (container === undefined || pod?.status?.phase !== 'Running') throw unreachable(member, 'its pod does not run')
  return paths.map((path) => ({ path, tar: archive(client, member, container.name, path, signal) }))
}
