// The last layers of the diagnosis table: Kafka Connect and the applications, which depend on everything below
// them. No page of the runbook is theirs; what fails in them is named, so that nobody calls the whole well.
import type { Member } from '../model/member.ts'
import type { Connector, ConnectWorker } from '../model/survey.ts'
import { few } from './evidence.ts'
import { type Answer, fails, holds, membersWith, type Row, unseen } from './rows.ts'

/** Paused and stopped are an operator's wish (KIP-875), not a failure. */
const WELL = new Set(['RUNNING', 'PAUSED', 'STOPPED'])

const isWell = (state: string): boolean => WELL.has(state.toUpperCase())

/** `orders-sink task 1 is FAILED`: a connector may be RUNNING while every one of its tasks has failed. */
const troublesOf = ({ name, state, tasks }: Connector): readonly string[] => [
  ...(isWell(state) ? [] : [`${name} is ${state}`]),
  ...tasks.filter((task) => !isWell(task.state)).map((task) => `${name} task ${task.id} is ${task.state}`),
]

const judgeWorkers = (workers: readonly ConnectWorker[], down: readonly Member[], by: string): Answer => {
  const told = workers.flatMap(({ connectors }) => (connectors.known ? [connectors] : []))
  const troubles = [...new Set(told.flatMap(({ value }) => value.flatMap(troublesOf)))]
  const dead = down.map(({ name }) => `${name} does not run`)
  if (troubles.length + dead.length > 0) return holds('connect', few([...dead, ...troubles]), told[0]?.by ?? by)
  const blind = workers.filter(({ connectors }) => !connectors.known)
  const [first] = blind
  if (first !== undefined && !first.connectors.known) return unseen(`the connectors of ${few(blind.map(({ member }) => member))}: ${first.connectors.why}`)
  const count = new Set(told.flatMap(({ value }) => value.map(({ name }) => name))).size
  return fails('connect', `${count} connectors and every task of theirs run`, told[0]?.by ?? by)
}

/** A connector or a task of one has failed, or a worker does not run. HTTP 200 alone proves a process. */
export const connectFails: Row = {
  verdict: 'connect',
  ask: ({ survey }) => {
    const members = membersWith(survey, 'connect')
    if (members === null || !survey.members.known) return unseen('whether Connect is expected')
    if (!survey.connect.known) return unseen(`Connect: ${survey.connect.why}`)
    const workers = survey.connect.value
    if (workers === null) return fails('connect', 'nobody wants Connect to be looked at', survey.connect.by)
    if (members.length + workers.length === 0) return fails('connect', 'no Connect is expected', survey.members.by)
    const down = members.filter(({ state }) => state.known && state.value !== 'running')
    const blind = members.filter(({ state }) => !state.known).map(({ name }) => name)
    if (down.length === 0 && blind.length > 0) return unseen(`whether ${few(blind)} runs`)
    const asked = workers.filter(({ member }) => !down.some(({ name }) => name === member))
    return judgeWorkers(asked, down, survey.members.by)
  },
}

/** Ended with an error, or started again and again: one that ended well may have been meant to. null: not seen. */
const hasFailed = ({ state, lastExit, waiting }: Member): boolean | null => {
  if (!state.known) return null
  if (state.value === 'running') return false
  if (state.value === 'pending') return waiting.known ? waiting.value !== null : null
  return lastExit.known ? lastExit.value !== null && (lastExit.value.oomKilled || (lastExit.value.code ?? 0) !== 0) : null
}

/** Everything else that the platform runs beside Kafka, by the platform's word alone. */
export const applicationsFail: Row = {
  verdict: 'applications',
  ask: ({ survey }) => {
    const members = membersWith(survey, 'service')
    if (members === null || !survey.members.known) return unseen('the applications')
    const { by } = survey.members
    const named = (failed: boolean | null) => members.filter((member) => hasFailed(member) === failed).map(({ name }) => name)
    const [failed, blind] = [named(true), named(null)]
    if (failed.length > 0) return holds('applications', `${few(failed)} ${failed.length === 1 ? 'does' : 'do'} not run`, by)
    if (blind.length > 0) return unseen(`whether ${few(blind)} runs, or ended as it should`)
    return fails('applications', members.length === 0 ? 'no application is watched' : `no application of ${members.length} has failed`, by)
  },
}
