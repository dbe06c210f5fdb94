// Looks at the disks of a member that has no pod, in one of kdr's own that mounts its claims read-only.
import { KdrError } from '../../errors.ts'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import type { KubeClient } from './client.ts'
import { type Disk, parseDisks, unmountedCommand } from './disk.ts'
import { replicasAt } from './replicas.ts'
import type { Entry } from './roster.ts'
import { claimedOf, textOf, visit } from './visit.ts'

export interface Looked {
  readonly disks: readonly Disk[]
  /** null: nobody asked for them. */
  readonly replicas: readonly ReplicaOnDisk[] | null
}

/**
 * What is on the claims of a member that has no pod, by the paths it would see them under. Throws `disk-unreachable`,
 * `data-unreachable`, and what `visit` throws.
 */
export const lookAtUnmounted = async (client: KubeClient, entry: Entry, replicas: boolean, signal: AbortSignal): Promise<Looked> => {
  const claims = claimedOf(entry)
  if (claims.length === 0) throw new KdrError(`${entry.name} has no claim that could be looked at`, { code: 'disk-unreachable' })
  const what = {
    purpose: 'look-at-disks' as const,
    mounts: claims.map((_, at) => ({ name: `v${at}`, mountPath: `/kdr/${at}`, readOnly: true })),
    volumes: claims.map(({ claim }, at) => ({ name: `v${at}`, persistentVolumeClaim: { claimName: claim, readOnly: true } })),
  }
  const look = async (run: Parameters<Parameters<typeof visit>[3]>[0]): Promise<Looked> => {
    const seen = parseDisks(textOf(await run(unmountedCommand(claims.map(({ subPath }, at) => `/kdr/${at}//${subPath}`)))))
    if (seen.length !== claims.length)
      throw new KdrError(`nothing tells what is on ${claims.map(({ claim }) => claim).join(', ')}`, { code: 'disk-unreachable' })
    const disks = seen.map((disk, at) => ({ ...disk, path: claims[at]?.path ?? disk.path }))
    const folders = claims.map(({ subPath }, at) => `/kdr/${at}/${subPath}`.replace(/\/$/, ''))
    return { disks, replicas: replicas ? await replicasAt(run, folders) : null }
  }
  return visit(client, entry, what, look, signal)
}
