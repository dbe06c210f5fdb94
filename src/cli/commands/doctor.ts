// kdr doctor: everything a recovery needs, checked before there is an incident.
import { type Exit, KdrError, wordsOf } from '../../errors.ts'
import { openWorld } from '../compose.ts'
import { backupRights, storeFindings } from '../doctor-backup.ts'
import { clusterFindings } from '../doctor-cluster.ts'
import { type Finding, finding, machineFindings } from '../doctor-machine.ts'
import type { Invocation } from '../invocation.ts'
import { type Style, styleFor, wrap } from '../render/text.ts'
import type { Terminal } from '../terminal.ts'

interface Examined {
  readonly cluster: string | null
  readonly findings: readonly Finding[]
}

/** A machine without any cluster is examined all the same; a cluster that was named must be there. */
const examine = async (invocation: Invocation): Promise<Examined> => {
  const found = await machineFindings(invocation)
  const valid = found.every(({ id, result }) => id !== 'config' || result === 'PASS')
  const machine = valid ? [...found, ...(await storeFindings(invocation))] : found
  if (!valid) return { cluster: null, findings: machine }
  try {
    const world = await openWorld(invocation, 'read')
    try {
      return {
        cluster: world.name,
        findings: [...machine, ...(await clusterFindings(invocation, world)), ...(await backupRights(world, invocation.interruption.signal))],
      }
    } finally {
      await world.close()
    }
  } catch (thrown) {
    invocation.interruption.signal.throwIfAborted()
    if (!(thrown instanceof KdrError)) throw thrown
    const named = invocation.globals.cluster ?? null
    return {
      cluster: named,
      findings: [...machine, finding('cluster', 'Cluster', named !== null, named === null ? 'UNKNOWN' : 'FAIL', wordsOf(thrown), thrown.hint ?? null)],
    }
  }
}

const word = (style: Style, { result, required }: Finding): string => {
  if (result === 'PASS') return style.green('PASS   ')
  return (required ? style.red : style.yellow)(required ? result.padEnd(7) : 'limited')
}

const print = (terminal: Terminal, style: Style, { cluster, findings }: Examined, missing: readonly Finding[]): void => {
  for (const each of findings) {
    terminal.out(wrap(`${word(style, each)} ${each.title}: ${each.detail}`, terminal.columns, '', '        '))
    if (each.fix === null) continue
    const [words = '', ...manifest] = each.fix.split('\n')
    terminal.out(wrap(`fix: ${words}`, terminal.columns, '        '))
    // To be copied as it stands.
    for (const line of manifest) terminal.out(line)
  }
  terminal.out('')
  const what = cluster === null ? 'This machine' : `A recovery of ${cluster}`
  terminal.out(missing.length === 0 ? `${what} has all it needs.` : `${what} lacks: ${missing.map(({ title }) => title).join(', ')}.`)
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal } = invocation
  const examined = await examine(invocation)
  const missing = examined.findings.filter(({ required, result }) => required && result !== 'PASS')
  if (terminal.format === 'json') terminal.json({ schema: 'kdr/doctor/1', cluster: examined.cluster, ready: missing.length === 0, findings: examined.findings })
  else print(terminal, await styleFor(terminal), examined, missing)
  return missing.length === 0 ? 'ok' : 'failed'
}
