// Ways in which an archive is no longer what was written: a byte that flipped, an end that is missing, parts that changed places.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Manifest } from '../../../src/archive/manifest.ts'

/** A copy of these backups of a store in a folder of its own. */
export const copyOf = (store: string, to: string, names: readonly string[]): string => {
  mkdirSync(to, { recursive: true })
  for (const name of names) for (const ending of ['.tar.gz', '.manifest.json']) cpSync(path.join(store, name + ending), path.join(to, name + ending))
  return to
}

export const flip = (file: string, at: number): void => {
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
  writeFileSync(file, bytes)
}

export const cut = (file: string, at: number): void => writeFileSync(file, readFileSync(file).subarray(0, at))

/** As plain tar takes it out: the last one written is what remains. */
export const manifestOf = (store: string, name: string): Manifest => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kdr-manifest-'))
  try {
    execFileSync('tar', ['-xzf', path.join(store, `${name}.tar.gz`), '-C', folder, 'backup-manifest.json'])
    return JSON.parse(readFileSync(path.join(folder, 'backup-manifest.json'), 'utf8')) as Manifest
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Two segments in each other's place, each whole. */
export const swap = (store: string, name: string): readonly [string, string] => {
  const file = path.join(store, `${name}.tar.gz`)
  const bytes = readFileSync(file)
  const [first, second] = manifestOf(store, name)
    .entries.filter((entry) => entry.path.startsWith('data/'))
    .slice(0, 2)
  if (first === undefined || second === undefined) throw new Error(`${name} has no two segments`)
  const [a, b] = [bytes.subarray(first.offset, first.offset + first.length), bytes.subarray(second.offset, second.offset + second.length)]
  const between = bytes.subarray(first.offset + first.length, second.offset)
  writeFileSync(file, Buffer.concat([bytes.subarray(0, first.offset), b, between, a, bytes.subarray(second.offset + second.length)]))
  return [first.path, second.path]
}

/** An archive without one of its entries, each of the others whole. */
export const takeOut = (store: string, name: string, entry: string): void => {
  const file = path.join(store, `${name}.tar.gz`)
  const bytes = readFileSync(file)
  const found = manifestOf(store, name).entries.find((one) => one.path === entry)
  if (found === undefined) throw new Error(`${name} has no ${entry}`)
  writeFileSync(file, Buffer.concat([bytes.subarray(0, found.offset), bytes.subarray(found.offset + found.length)]))
}
