// kdr config check: is the file valid, and does everything it refers to exist?

import { backupSecrets } from '../../config/backup.ts'
import { type Complaint, ConfigError } from '../../config/parse.ts'
import { loadConfig, resolveCluster } from '../../config.ts'
import { type Exit, KdrError } from '../../errors.ts'
import { configRequest } from '../clusters.ts'
import type { Invocation } from '../invocation.ts'

const complaintOf = (check: () => unknown): readonly Complaint[] => {
  try {
    check()
    return []
  } catch (thrown) {
    if (!(thrown instanceof KdrError)) throw thrown
    return [{ path: '', line: null, says: thrown.message }]
  }
}

/** Every cluster is resolved, so that one broken reference does not hide the next. */
const complaintsOf = (
  invocation: Invocation,
): { readonly path: string | null; readonly clusters: readonly string[]; readonly complaints: readonly Complaint[] } => {
  const request = configRequest(invocation)
  const config = loadConfig(request)
  const clusters = Object.keys(config.settings.clusters ?? {})
  const checks = [
    () => backupSecrets(config, null, request),
    ...clusters.flatMap((name) => [
      () => resolveCluster(config, name, request),
      ...(config.settings.clusters?.[name]?.backup === undefined ? [] : [() => backupSecrets(config, name, request)]),
    ]),
  ]
  return { path: config.path, clusters, complaints: checks.flatMap(complaintOf) }
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal } = invocation
  const { path, clusters, complaints } = complaintsOf(invocation)
  if (path === null)
    throw new KdrError('there is no configuration', { code: 'config-not-found', exit: 'usage', hint: 'kdr config init writes a commented example' })
  if (complaints.length > 0) throw new ConfigError(path, complaints)
  if (terminal.format === 'json') terminal.json({ schema: 'kdr/config-check/1', path, valid: true, clusters })
  else terminal.out(`${path} is valid: ${clusters.length === 0 ? 'no clusters yet' : clusters.join(', ')}`)
  return 'ok'
}
