// Time and size as plain numbers with one meaning each, and the words people read them in.

/** Milliseconds since the epoch, by the port `Clock`, never by `Date`. */
export type Instant = number
/** A length of time in milliseconds. */
export type Millis = number

export const seconds = (count: number): Millis => count * 1000
export const minutes = (count: number): Millis => count * 60_000
export const hours = (count: number): Millis => count * 3_600_000

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
const UNIT: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `'90s'` → 90000; units ms, s, m, h, d; undefined when it is not a duration. */
export const parseDuration = (text: string): Millis | undefined => {
  const [, count, unit] = DURATION.exec(text.trim()) ?? []
  return count === undefined || unit === undefined ? undefined : Math.round(Number(count) * (UNIT[unit] ?? 1))
}

/** `12.3 s`, `2 min 05 s`, `1 h 03 min`: as short as a tired reader can use. */
export const formatDuration = (length: Millis): string => {
  if (length < 1000) return `${Math.max(0, Math.round(length))} ms`
  const total = length / 1000
  if (total < 60) return `${total.toFixed(1)} s`
  const whole = Math.round(total)
  const pad = (value: number) => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export const formatBytes = (bytes: number): string => {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < SIZES.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${SIZES[unit]}`
}

/** RFC 3339 in UTC. */
export const formatInstant = (at: Instant): string => new Date(at).toISOString()

/** The instant of an RFC 3339 text; NaN when it is not one. */
export const parseInstant = (text: string): Instant => Date.parse(text)

/** `1 topic`, `3 topics`. */
export const plural = (count: number | bigint, one: string, many = `${one}s`): string => `${count} ${Number(count) === 1 ? one : many}`
