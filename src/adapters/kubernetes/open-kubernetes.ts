// The platform port over one namespace of a Kubernetes cluster: reading here, writing and reach beside it.
import type { Role } from '../../model/member.ts'
import type { PlatformReader, PlatformWriter } from '../../ports/platform.ts'
import { openClient } from './client.ts'
import { kubernetesDial } from './dial.ts'
import { openInside } from './inside.ts'
import { kubernetesReader } from './reader.ts'
import { kubernetesWriter } from './writer.ts'

export interface KubernetesSettings {
  /** The name the operator knows it by. */
  readonly cluster: string
  /** A path; null: KUBECONFIG, ~/.kube/config, or the service account of the pod that kdr runs in. */
  readonly kubeconfig: string | null
  /** null: the kubeconfig's current one. */
  readonly context: string | null
  readonly namespace: string
  /** Label selectors that take the place of a role's defaults. */
  readonly selectors: Readonly<Partial<Record<Role, string>>>
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Reads the kubeconfig; connects to nothing yet. Throws what `openClient` throws, and `bad-selector` (all exit 2). */
export const openKubernetes = (settings: KubernetesSettings): PlatformReader & PlatformWriter => {
  const client = openClient(settings)
  const inside = openInside(client)
  const dialling = kubernetesDial(client)
  return {
    ...kubernetesReader(client, settings, inside),
    ...kubernetesWriter(client, settings, inside),
    dial: dialling.dial,
    close: async () => {
      dialling.close()
      client.close()
    },
  }
}
