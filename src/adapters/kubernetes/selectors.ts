// Label selectors, as kubectl writes them and as objects carry them: members, and what a
// PodDisruptionBudget covers, are found by labels only, never by name.
import type { V1LabelSelector } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'

export type Labels = Readonly<Record<string, string>>

interface Requirement {
  readonly key: string
  readonly operator: 'in' | 'not-in' | 'exists' | 'absent'
  readonly values: readonly string[]
}

export type Selector = readonly Requirement[]

const NAME = String.raw`[A-Za-z0-9][\w./-]*`
const SET = new RegExp(String.raw`^(${NAME})\s+(in|notin)\s+\(([^()]*)\)$`)
const EQUALITY = new RegExp(String.raw`^(${NAME})\s*(==|=|!=)\s*([\w.-]*)$`)
const PRESENCE = new RegExp(String.raw`^(!?)\s*(${NAME})$`)

const requirementOf = (text: string): Requirement | null => {
  const [, setKey, word, list] = SET.exec(text) ?? []
  if (setKey !== undefined) return { key: setKey, operator: word === 'in' ? 'in' : 'not-in', values: (list ?? '').split(',').map((value) => value.trim()) }
  const [, key, sign, value] = EQUALITY.exec(text) ?? []
  if (key !== undefined) return { key, operator: sign === '!=' ? 'not-in' : 'in', values: [value ?? ''] }
  const [, not, present] = PRESENCE.exec(text) ?? []
  return present === undefined ? null : { key: present, operator: not === '!' ? 'absent' : 'exists', values: [] }
}

/** `app=kafka,tier in (a, b),!canary`. Throws `bad-selector` (exit 2). */
export const parseSelector = (text: string): Selector => {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim())
  return parts.map((part) => {
    const requirement = requirementOf(part)
    if (requirement !== null) return requirement
    throw new KdrError(`"${text}" is not a label selector`, { code: 'bad-selector', exit: 'usage', hint: 'write it as for kubectl get pods -l: app=kafka' })
  })
}

const holds = (labels: Labels, { key, operator, values }: Requirement): boolean => {
  const value = labels[key]
  if (operator === 'exists') return value !== undefined
  if (operator === 'absent') return value === undefined
  if (operator === 'in') return value !== undefined && values.includes(value)
  // As in Kubernetes, what has no such label is not one of these either.
  return value === undefined || !values.includes(value)
}

export const matches = (labels: Labels, selector: Selector): boolean => selector.every((requirement) => holds(labels, requirement))

const OPERATORS: Readonly<Record<string, Requirement['operator']>> = { In: 'in', NotIn: 'not-in', Exists: 'exists', DoesNotExist: 'absent' }

/** An object's own selector; in policy/v1 an empty one selects everything, a missing one nothing. */
export const selects = (selector: V1LabelSelector | undefined, labels: Labels): boolean => {
  if (selector === undefined) return false
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]): Requirement => ({ key, operator: 'in', values: [value] }))
  const more = (selector.matchExpressions ?? []).map(
    ({ key, operator, values }): Requirement => ({ key, operator: OPERATORS[operator] ?? 'exists', values: values ?? [] }),
  )
  return matches(labels, [...equal, ...more])
}
