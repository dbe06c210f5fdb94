// CRC-32C, which guards every record batch, and CRC-32, which guards every gzip member. In JavaScript they cost more than
// all else that is done to a batch, in zlib twice as much as here: they come from a native library, loaded when first needed.
import { createRequire } from 'node:module'

type Crc = (bytes: Uint8Array, before?: number) => number

/** Castagnoli's polynomial, lowest power in the highest bit. */
const POLYNOMIAL = 0x82f63b78
const ONE = 0x80000000

let native: { readonly crc32: Crc; readonly crc32c: Crc } | undefined

const loaded = (): { readonly crc32: Crc; readonly crc32c: Crc } => {
  native ??= createRequire(import.meta.url)('@node-rs/crc32') as { crc32: Crc; crc32c: Crc }
  return native
}

export const crc32c = (bytes: Uint8Array): number => loaded().crc32c(bytes)

/** Of what comes after something whose checksum is `before`. */
export const crc32 = (bytes: Uint8Array, before = 0): number => loaded().crc32(bytes, before)

/** a · b modulo the polynomial. */
const multiply = (a: number, b: number): number => {
  let product = 0
  let factor = b
  for (let rest = a | 0; rest !== 0; rest <<= 1) {
    if (rest < 0) product ^= factor
    factor = (factor & 1) === 0 ? factor >>> 1 : (factor >>> 1) ^ POLYNOMIAL
  }
  return product >>> 0
}

/** x to the power of 8, 16, 32, …: what one, two, four, … bytes do to what comes before them. */
const powers: number[] = [ONE >>> 8]

const power = (index: number): number => {
  for (let last = powers.at(-1) as number; powers.length <= index; powers.push(last)) last = multiply(last, last)
  return powers[index] as number
}

/**
 * How the checksum of something changes when a stretch of it does: both forms of the stretch, and how many bytes follow it
 * unchanged. Checksums are linear, so that what follows need not be read.
 */
export const crcChange = (before: Uint8Array, after: Uint8Array, following: number): number => {
  let change = crc32c(before) ^ crc32c(after)
  for (let index = 0, rest = following; rest > 0; index += 1, rest >>>= 1) {
    if ((rest & 1) === 1) change = multiply(power(index), change)
  }
  return change >>> 0
}
