// kdr completion bash|zsh|fish; and, for those scripts, the names of clusters and labs.
import { loadConfig } from '../../config.ts'
import { EFFECTS } from '../../engine/step.ts'
import { type Exit, KdrError } from '../../errors.ts'
import { FAULTS } from '../../ports/faults.ts'
import { SCENARIOS } from '../../scenarios/registry.ts'
import { configRequest } from '../clusters.ts'
import { completionScript } from '../completion.ts'
import { labDirectory } from '../compose.ts'
import type { Invocation } from '../invocation.ts'

const clusterNames = async (invocation: Invocation): Promise<readonly string[]> => {
  const config = loadConfig(configRequest(invocation))
  return [...Object.keys(config.settings.clusters ?? {}), ...(await labDirectory(invocation.env)).list()]
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { args, program, terminal } = invocation
  const shell = args[0] ?? ''
  if (shell === 'clusters') {
    for (const name of await clusterNames(invocation)) terminal.out(name)
    return 'ok'
  }
  const values = { scenarios: SCENARIOS.map(({ id }) => id), effects: EFFECTS.slice(3), faults: FAULTS }
  const script = completionScript(shell, program, values)
  if (script === null) throw new KdrError(`there is no completion for ${shell}`, { code: 'usage', exit: 'usage', hint: 'one of bash, zsh, fish' })
  terminal.out(script.trimEnd())
  return 'ok'
}
