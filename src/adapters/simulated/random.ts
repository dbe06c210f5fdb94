// Seeded chance: every stream is named, so that asking more of one never changes another and a run
// repeats to the byte for its seed.

export interface Random {
  /** From 0 up to, not including, 1. */
  next(): number
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number
  hex(bytes: number): string
}

/** FNV-1a over seed and name: a start value per stream. */
const mix = (seed: number, name: string): number => {
  let hash = 0x811c9dc5
  for (const char of `${seed}/${name}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
  return hash >>> 0
}

/** mulberry32: small, and good enough for choosing delays and faults. */
export const createRandom = (seed: number, name: string): Random => {
  let state = mix(seed, name)
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296
  }
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1))
  const hex = (bytes: number): string => Array.from({ length: bytes }, () => between(0, 255).toString(16).padStart(2, '0')).join('')
  return { next, between, hex }
}
