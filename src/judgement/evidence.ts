// What a verdict rests on: each observation, what it speaks for or against, and who made it.
import type { Source } from '../model/known.ts'

/** `for` or `against` names the word it bears on: a verdict, a broker's status, a class of failure. */
export type Evidence =
  | { readonly for: string; readonly what: string; readonly source: Source }
  | { readonly against: string; readonly what: string; readonly source: Source }

export const speaksFor = (word: string, what: string, source: Source): Evidence => ({ for: word, what, source })
export const speaksAgainst = (word: string, what: string, source: Source): Evidence => ({ against: word, what, source })

/** `a, b and 3 more`: evidence names things, but not fifty thousand of them. */
export const few = (names: readonly (string | number)[], most = 5): string =>
  names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`
