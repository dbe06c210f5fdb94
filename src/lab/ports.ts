// Finds a block of free ports for a lab and claims it for this user on this machine, so that two labs that
// come up at once, even under different homes, do not choose the same.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { KdrError } from '../errors.ts'

/** Below the range that systems hand out by themselves (32768 and up on Linux, 49152 on macOS). */
const FIRST = 19_000
const LAST = 29_000
const BLOCK = 50

const claims = (): string => join(tmpdir(), `kdr-ports-${userInfo().uid}`)

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })

const areFree = async (ports: readonly number[]): Promise<boolean> => {
  for (const port of ports) if (!(await isFree(port))) return false
  return true
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM'
  }
}

const read = (claim: string): { lab: string; pid: number } | null => {
  try {
    return JSON.parse(readFileSync(claim, 'utf8')) as { lab: string; pid: number }
  } catch {
    return null
  }
}

const ownerOf = (claim: string): string | null => read(claim)?.lab ?? null

/** A claim holds while its lab's folder is there, or the kdr that made it still lives. */
const isStale = (claim: string): boolean => {
  const held = read(claim)
  return held !== null && !existsSync(held.lab) && !isAlive(held.pid)
}

const claim = (file: string, lab: string): boolean => {
  if (existsSync(file) && isStale(file)) rmSync(file, { force: true })
  try {
    writeFileSync(file, JSON.stringify({ lab, pid: process.pid }), { flag: 'wx', mode: 0o600 })
    return true
  } catch {
    return false
  }
}

/** First port of a block in which every port at `offsets` is free, claimed for the lab at `lab`. Throws `no-free-ports`. */
export const claimPorts = async (lab: string, offsets: readonly number[]): Promise<number> => {
  mkdirSync(claims(), { recursive: true, mode: 0o700 })
  for (let base = FIRST; base < LAST; base += BLOCK) {
    if (!claim(join(claims(), String(base)), lab)) continue
    if (await areFree(offsets.map((offset) => base + offset))) return base
    rmSync(join(claims(), String(base)), { force: true })
  }
  throw new KdrError(`there is no block of free ports on 127.0.0.1 between ${FIRST} and ${LAST}`, {
    code: 'no-free-ports',
    hint: 'Take a lab down: kdr lab status, kdr lab down --name NAME',
  })
}

/** Gives up whatever the lab at `lab` claimed. */
export const releasePorts = (lab: string): void => {
  if (!existsSync(claims())) return
  for (const name of readdirSync(claims())) {
    const file = join(claims(), name)
    if (ownerOf(file) === lab) rmSync(file, { force: true })
  }
  // Leaves nothing behind once nobody claims anything.
  if (readdirSync(claims()).length === 0) rmSync(claims(), { recursive: true, force: true })
}
