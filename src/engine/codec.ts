// One codec for targets in the journal: JSON that knows bigints, so that offsets and zxids survive a crash.

const MARK = '$bigint'

/** A plain copy of `value` that JSON can hold; functions and symbols are not allowed in targets. */
export const encode = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? { [MARK]: item.toString() } : item)) ?? 'null')

export const decode = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(decode)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value)
  const [first] = entries
  if (entries.length === 1 && first?.[0] === MARK && typeof first[1] === 'string') return BigInt(first[1])
  return Object.fromEntries(entries.map(([key, item]) => [key, decode(item)]))
}

/** Whether two targets say the same; keys in any order. */
export const sameTarget = (a: unknown, b: unknown): boolean => canonical(encode(a)) === canonical(encode(b))

const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}

/** Every string in a plain value changed, but for the fields named in `except`: how redaction reaches all of an entry. */
export const mapStrings = (value: unknown, change: (text: string) => string, except: ReadonlySet<string> = NOTHING): unknown => {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change, except))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, except.has(key) ? item : mapStrings(item, change, except)]))
}

const NOTHING: ReadonlySet<string> = new Set()
