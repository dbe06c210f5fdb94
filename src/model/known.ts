// Unknown is never success: every observation is known or unknown, and says who saw it.

/** Who saw it: `Metadata from 127.0.0.1:19101`, `process table`, `projected`. */
export type Source = string

export type Known<T> = { readonly known: true; readonly value: T; readonly by: Source } | { readonly known: false; readonly why: string; readonly by: Source }

export const known = <T>(value: T, by: Source): Known<T> => ({ known: true, value, by })

export const unknown = <T = never>(why: string, by: Source): Known<T> => ({ known: false, why, by })

export const mapKnown = <T, U>(observed: Known<T>, change: (value: T) => U): Known<U> =>
  observed.known ? known(change(observed.value), observed.by) : observed

/** The value, or `otherwise` when it was not seen: only where not knowing leads to the safe side. */
export const valueOr = <T, U>(observed: Known<T>, otherwise: U): T | U => (observed.known ? observed.value : otherwise)

/** True only if it was seen to hold. */
export const isKnownTrue = (observed: Known<boolean>): boolean => observed.known && observed.value

/** True only if it was seen not to hold: not seeing is not the same. */
export const isKnownFalse = (observed: Known<boolean>): boolean => observed.known && !observed.value
