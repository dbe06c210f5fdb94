// kdr completion bash|zsh|fish; and, for those scripts, the names of clusters and labs, and of backups.
import { loadConfig } from '../../config.ts'
import { EFFECTS } from '../../engine/step.ts'
import { type Exit, KdrError } from '../../errors.ts'
import { FAULTS } from '../../ports/faults.ts'
import { SCENARIOS } from '../../scenarios/registry.ts'
import { type Millis, seconds } from '../../units.ts'
import { chooseStore } from '../backups.ts'
import { configRequest } from '../clusters.ts'
import { completionScript } from '../completion.ts'
import { openStore } from '../compose/store.ts'
import { labDirectory } from '../compose.ts'
import type { Invocation } from '../invocation.ts'

const clusterNames = async (invocation: Invocation): Promise<readonly string[]> => {
  const config = loadConfig(configRequest(invocation))
  return [...Object.keys(config.settings.clusters ?? {}), ...(await labDirectory(invocation.env)).list()]
}

/** A key was pressed: whoever has not answered by then has nothing to offer. */
const PATIENCE: Millis = seconds(2)
const SIDECAR = '.manifest.json'

/** `--store X` or `--store=X` of the words, the last one that is said. */
const said = (words: readonly string[], flag: string): string | undefined =>
  words.findLast((word, at) => words[at - 1] === flag || word.startsWith(`${flag}=`))?.replace(`${flag}=`, '')

/** By one listing, newest first, from the store of the line or of the configuration. */
const backupNames = async (invocation: Invocation, words: readonly string[]): Promise<readonly string[]> => {
  const [cluster, config, store] = ['--cluster', '--config', '--store'].map((flag) => said(words, flag))
  const globals = { ...invocation.globals, ...(cluster === undefined ? {} : { cluster }), ...(config === undefined ? {} : { config }) }
  const options = store === undefined ? {} : { store: store.replace(/^~(?=\/|$)/, invocation.env['HOME'] ?? '~') }
  const opened = await openStore(chooseStore({ ...invocation, globals, options }), { create: false })
  try {
    const names: string[] = []
    for await (const { name } of opened.list({}, AbortSignal.timeout(PATIENCE))) if (name.endsWith(SIDECAR)) names.push(name.slice(0, -SIDECAR.length))
    // By their time, which the name ends in.
    return names.sort((one, other) => (one.replace(/^\D+/, '') < other.replace(/^\D+/, '') ? 1 : -1))
  } finally {
    await opened.close()
  }
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { args, program, terminal } = invocation
  const shell = args[0] ?? ''
  if (shell === 'clusters') {
    for (const name of await clusterNames(invocation)) terminal.out(name)
    return 'ok'
  }
  if (shell === 'backups') {
    for (const name of await backupNames(invocation, (args[1] ?? '').split(' '))) terminal.out(name)
    return 'ok'
  }
  const values = { scenarios: SCENARIOS.map(({ id }) => id), effects: EFFECTS.slice(3), faults: FAULTS }
  const script = completionScript(shell, program, values)
  if (script === null) throw new KdrError(`there is no completion for ${shell}`, { code: 'usage', exit: 'usage', hint: 'one of bash, zsh, fish' })
  terminal.out(script.trimEnd())
  return 'ok'
}
