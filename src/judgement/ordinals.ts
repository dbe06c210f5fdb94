// What a set can make next: an unbroken range of ordinals, which its first one and its replicas say (KEP-3335).
import { ordinalOf } from '../model/member.ts'
import { memberOfBroker, type Survey } from '../model/survey.ts'
import type { MayFollow } from './restore.ts'

interface Place {
  readonly set: string
  readonly ordinal: number
}

const placeOf = (now: Survey, broker: number): Place | null => {
  const member = memberOfBroker(now, broker)
  if (member?.workload.known !== true || member.workload.value?.kind !== 'StatefulSet') return null
  return { set: member.workload.value.name, ordinal: ordinalOf(member.name) }
}

/** A set that makes nobody yet may begin anywhere; then it grows at its ends. Whoever no set makes is started whenever it is wanted. */
export const besideTheirs = (now: Survey): MayFollow => {
  const places = new Map((now.brokers.known ? now.brokers.value : []).map(({ id }) => [id, placeOf(now, id)]))
  return (started, next) => {
    const own = places.get(next) ?? null
    if (own === null) return true
    const made = started.flatMap((id) => {
      const place = places.get(id) ?? null
      return place?.set === own.set ? [place.ordinal] : []
    })
    return made.length === 0 || made.includes(own.ordinal - 1) || made.includes(own.ordinal + 1)
  }
}
