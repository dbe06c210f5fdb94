// Stops and starts a node's process. Before every signal it looks again whether the id still belongs to
// that node's own process.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KdrError, wordsOf } from '../../errors.ts'
import type { MemberRef } from '../../ports/platform.ts'
import { formatDuration, type Millis } from '../../units.ts'
import { LOG, tailOf } from './logs.ts'
import { findNode, processTable, type Running, startScript } from './process-table.ts'
import { writeStartScript } from './start-script.ts'
import type { ProcessNode } from './state-file.ts'

const POLL: Millis = 100
/** From SIGKILL to gone: the kernel only needs longer where a disk hangs. */
const KILL_DEADLINE: Millis = 30_000
/** A blank broker's formatter is a JVM of its own, on a laptop that may be busy. */
const START_DEADLINE: Millis = 120_000

export const lookUp = async (node: ProcessNode): Promise<Running | null> => findNode(await processTable(), node)

/** False when it is gone already. */
const send = (pid: number, signal: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, signal)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ESRCH') return false
    throw new KdrError(`cannot send ${signal} to process ${pid}: ${wordsOf(cause)}`, { code: 'signal-refused', cause })
  }
}

const changed = (ref: MemberRef, now: string | null): KdrError =>
  new KdrError(`${ref.name} has changed since it was looked at: it was ${ref.uid ?? 'not running'} and is ${now ?? 'not running'}`, {
    code: 'member-changed',
    exit: 'refused',
    hint: 'Look again: kdr diagnose',
  })

/** Throws `member-changed` unless it still is what was looked at. */
export const mustBe = async (node: ProcessNode, ref: MemberRef): Promise<void> => {
  const now = (await lookUp(node))?.uid ?? null
  if (now !== ref.uid) throw changed(ref, now)
}

/** Gone, and its supervising shell with it: by then how it ended is written down. */
const untilGone = async (node: ProcessNode, uid: string, limit: Millis, signal: AbortSignal, onLook?: (running: Running) => boolean): Promise<boolean> => {
  const end = performance.now() + limit
  for (;;) {
    const running = await lookUp(node)
    if (running === null || (!running.shell && running.uid !== uid)) return true
    if (onLook?.(running) === true || performance.now() >= end) return false
    await sleep(POLL, undefined, { signal })
  }
}

/** SIGKILL, and wait until it is gone; with `uid` only that very incarnation. Throws `not-stopped`. */
export const killNode = async (node: ProcessNode, signal: AbortSignal, uid: string | null = null): Promise<void> => {
  const running = await lookUp(node)
  if (running === null || (uid !== null && running.uid !== uid)) return
  send(running.pid, 'SIGKILL')
  if (await untilGone(node, running.uid, KILL_DEADLINE, signal)) return
  throw new KdrError(`${node.name} (process ${running.pid}) is still there ${formatDuration(KILL_DEADLINE)} after SIGKILL`, {
    code: 'not-stopped',
    hint: 'It hangs in the kernel, most likely on its disk: look at dmesg',
  })
}

/**
 * SIGTERM, then SIGKILL after `grace`. A paused process gets SIGKILL at once: it cannot act on SIGTERM, and waking it
 * first would let a broker frozen past its session act for a moment as the leader it no longer is.
 * Throws `member-changed`, `signal-refused`, `not-stopped`.
 */
export const stopNode = async (node: ProcessNode, ref: MemberRef, grace: Millis, signal: AbortSignal): Promise<void> => {
  const running = await lookUp(node)
  if ((running?.uid ?? null) !== ref.uid) throw changed(ref, running?.uid ?? null)
  if (running === null) return
  const graceful = !running.paused && !running.shell && send(running.pid, 'SIGTERM')
  if (graceful && (await untilGone(node, running.uid, grace, signal, (seen) => seen.paused))) return
  await killNode(node, signal, running.uid)
}

const launch = (node: ProcessNode): Promise<void> => {
  writeStartScript(node)
  const { PATH, HOME, TMPDIR } = process.env
  // Explicit and small: a JMX_PORT or KAFKA_OPTS of the operator's shell must not reach a broker.
  const env = { PATH: PATH ?? '/usr/bin:/bin', LC_ALL: 'C', ...(HOME ? { HOME } : {}), ...(TMPDIR ? { TMPDIR } : {}) }
  const nowhere = openSync('/dev/null', 'r+')
  const child = spawn('/bin/sh', [startScript(node)], { detached: true, stdio: [nowhere, nowhere, nowhere], env, cwd: node.home })
  closeSync(nowhere)
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new KdrError(`cannot start ${node.name}: ${wordsOf(cause)}`, { code: 'start-failed', cause })))
    child.once('spawn', () => {
      child.unref()
      resolve()
    })
  })
}

/** A failed start as an error that names the node and ends with the last lines of its log. */
export const startFailure = async (node: ProcessNode, what: string): Promise<KdrError> => {
  const lines = await tailOf(join(node.home, LOG), 8)
  const exit = await readFile(join(node.home, 'exit'), 'utf8').catch(() => '')
  const words = `${node.name} ${what}${exit === '' ? '' : ` (exit ${exit.trim()})`}`
  return new KdrError(lines.length === 0 ? words : `${words}; the last lines of its log:\n${lines.join('\n')}`, { code: 'start-failed' })
}

/** Waits for the node itself to be in the process table, through the formatting of a blank disk. */
const untilSeen = async (node: ProcessNode, signal: AbortSignal): Promise<void> => {
  const end = performance.now() + START_DEADLINE
  for (;;) {
    const running = await lookUp(node)
    if (running !== null && !running.shell) return
    if (running === null && existsSync(join(node.home, 'exit'))) throw await startFailure(node, 'ended as soon as it was started')
    if (performance.now() >= end) throw await startFailure(node, `was not running ${formatDuration(START_DEADLINE)} after it was started`)
    await sleep(POLL, undefined, { signal })
  }
}

/**
 * Formats a blank KRaft broker and starts it; never a second one beside one that runs or is about to.
 * Throws `member-changed`, `start-failed`.
 */
export const startNode = async (node: ProcessNode, ref: MemberRef, signal: AbortSignal): Promise<void> => {
  const running = await lookUp(node)
  if (running?.shell) return untilSeen(node, signal)
  if (running !== null || ref.uid !== null) throw changed(ref, running?.uid ?? null)
  signal.throwIfAborted()
  await launch(node)
  await untilSeen(node, signal)
}
