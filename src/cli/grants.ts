// What the flags of a run grant, and which mode that makes it. Grants never answer a question that somebody
// can be asked.

import { didYouMean } from '../config/suggest.ts'
import type { Grants } from '../engine/interaction.ts'
import { EFFECTS, type Effect } from '../engine/step.ts'
import { KdrError } from '../errors.ts'
import { type Invocation, optionFlag, optionList, optionText } from './invocation.ts'

const GUARDS = ['G1', 'G2', 'G3', 'G4', 'G5', 'OWNER', 'PDB', 'RETURN', 'UNCLEAN'] as const

const usage = (message: string, hint: string): KdrError => new KdrError(message, { code: 'usage', exit: 'usage', hint })

/** `orders:0-2,5` → orders-0, orders-1, orders-2, orders-5. Throws `usage`. */
export const parseLoss = (text: string): readonly string[] => {
  const colon = text.lastIndexOf(':')
  const topic = text.slice(0, colon)
  const wrong = () => usage(`--accept-loss ${text} does not name partitions`, 'name a topic and its partitions, as orders:0-2,5')
  if (colon <= 0 || !/^[A-Za-z0-9._-]{1,249}$/.test(topic)) throw wrong()
  return text
    .slice(colon + 1)
    .split(',')
    .flatMap((range) => {
      const [, from, to = from] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(range) ?? []
      if (from === undefined || Number(to) < Number(from)) throw wrong()
      return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => `${topic}-${Number(from) + index}`)
    })
}

export const grantsOf = (invocation: Invocation): Grants => ({
  allow: optionList(invocation, 'allow').filter((word): word is Effect => EFFECTS.some((effect) => effect === word)),
  confirm: optionText(invocation, 'confirm') ?? null,
  acceptLoss: optionList(invocation, 'acceptLoss').flatMap(parseLoss),
})

/** Guards named by --force. Throws `usage` for a name that is no guard; one that may not be forced is refused when it refuses. */
export const forcedGuards = (invocation: Invocation): readonly string[] =>
  optionList(invocation, 'force').map((name) => {
    const known = GUARDS.find((guard) => guard === name)
    if (known === undefined)
      throw usage(
        `there is no guard ${name}${didYouMean(name, GUARDS)}`,
        `guards are ${GUARDS.join(', ')}; only a guard that refused and offers it can be forced`,
      )
    return known
  })

/** Somebody can be asked, and wants to be. */
export const asksOperator = (invocation: Invocation): boolean => invocation.terminal.interactive && !optionFlag(invocation, 'nonInteractive')

/** What the operator should know about flags that do nothing here. */
export const grantNotes = (invocation: Invocation): readonly string[] => {
  const given = ['allow', 'confirm', 'acceptLoss'].some((name) => invocation.options[name] !== undefined)
  return asksOperator(invocation) && given ? ['at a terminal every effect is still asked for; with --non-interactive the flags alone decide'] : []
}
