// How far a broker is on its way back, for every step that waits for one.
import type { Progress } from '../engine/step.ts'
import { memberOf, type Survey } from '../model/survey.ts'
import { isRegistered } from './failed-broker.ts'

/** As often a new pod may exit before waiting for it is given up. */
const MANY_EXITS = 3

/** Runs, and is registered. */
export const rejoined = (now: Survey, broker: number, name: string): Progress => {
  const member = memberOf(now, name)
  if (member === undefined || !member.state.known) return { state: 'unknown', detail: `${name} was not seen` }
  if (member.state.value !== 'running') {
    const line = member.signals.known ? member.signals.value.at(-1)?.line : undefined
    const detail = `${name} is ${member.state.value}${line === undefined ? '' : `: ${line}`}`
    const again = member.restarts.known ? member.restarts.value : 0
    // Where the platform restarts by itself, one exit with NODEEXISTS is no reason to give up.
    return member.revives !== 'never' && again < MANY_EXITS
      ? { state: 'under-way', detail }
      : { state: 'not-started', detail, hopeless: `${name} exited again${line === undefined ? '' : `: ${line}`}` }
  }
  if (!now.brokers.known) return { state: 'under-way', detail: `${name} runs; its registration was not seen: ${now.brokers.why}` }
  if (isRegistered(now, broker)) return { state: 'done', detail: `broker ${broker} is registered again` }
  const recovering = member.signals.known ? member.signals.value.findLast(({ kind }) => kind === 'log-recovery') : undefined
  return { state: 'under-way', detail: recovering === undefined ? `${name} runs, not yet registered` : `${name} recovers its log: ${recovering.line}` }
}
