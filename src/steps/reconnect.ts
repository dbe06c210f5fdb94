// The step for a broker that runs and is cut off: Docker containers can lose their network.
import { act, type Decision, type Guard, type Step } from '../engine/step.ts'
import { startGuards } from '../judgement/guards.ts'
import { brokerStatus } from '../judgement/status.ts'
import { memberOf } from '../model/survey.ts'
import { minutes, seconds } from '../units.ts'
import { type FailedBroker, movedTo } from './failed-broker.ts'
import { rejoined, withRejoined } from './rejoined.ts'

interface CutOff {
  readonly broker: number
  readonly member: string
  readonly uid: string | null
  readonly status: string
}

type From = { readonly from: Decision<FailedBroker>; readonly guards?: readonly Guard<{ readonly broker: number }>[] }

export const reconnectBroker = ({ from, guards = startGuards() }: From): Step =>
  act<CutOff>({
    id: 'reconnect-broker',
    title: 'Put it back on its network',
    why: 'A broker that was cut off is whole: on its network it registers again by itself, and a restart would only add to the outage.',
    effect: 'change',
    aspects: ['members', 'signals', 'brokers', 'coordination'],
    budget: { expected: seconds(20), deadline: minutes(5) },
    guards,
    resolve: async (world) => {
      const now = await world.survey()
      const { broker, member: name } = from.value()
      const moved = movedTo(now, from.value())
      if (moved !== null) return { blocked: moved, hint: 'kdr diagnose' }
      const member = memberOf(now, name)
      if (member === undefined || !member.waiting.known || !member.uid.known) return { unknown: `whether ${name} is on its network was not seen` }
      if (member.waiting.value?.reason !== 'NoNetwork') return { nothing: `${name} is not cut off` }
      return { target: { broker, member: name, uid: member.uid.value, status: brokerStatus(now, broker).status } }
    },
    preview: ({ broker, member }, commands) => ({
      sentence: `connect ${member}, broker ${broker}, to the network of its peers`,
      changes: [`broker ${broker} registers again and catches up`],
      commands: [commands.reconnect(member)],
    }),
    act: async (world, { member, uid }, signal) => {
      await world.change.platform.reconnect({ name: member, uid }, signal)
      return undefined
    },
    expect: (now, { broker, member }) => withRejoined(now, broker, member),
    done: (now, { member: name }) => {
      const member = memberOf(now, name)
      if (member === undefined || !member.waiting.known) return { state: 'unknown', detail: `${name} was not seen` }
      if (member.waiting.value?.reason === 'NoNetwork') return { state: 'not-started', detail: member.waiting.value.message }
      return rejoined(now, from.value())
    },
  })
