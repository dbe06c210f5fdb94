// Runs a command inside a pod. Only the status that the kubelet sends at the end says how it went: a
// connection that ends without one leaves the outcome unknown.

import { KdrError } from '../../errors.ts'
import { TOOL_ENVIRONMENT } from '../../model/kafka-tools.ts'
import type { ExecResult } from '../../ports/platform.ts'
import { type Channels, openChannels } from './channels.ts'
import type { KubeClient } from './client.ts'

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const STATUS = 3
/** Far more than any tool of Kafka prints; a command that never stops printing must not fill the memory. */
const MAX_OUTPUT = 64 << 20

/** What it printed as it came: it may be no text. */
export interface RawResult extends Omit<ExecResult, 'stdout'> {
  readonly stdout: Buffer
}

/** metav1.Status, of what the kubelet sends. */
interface Status {
  readonly status?: string
  readonly reason?: string
  readonly message?: string
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] }
}

const parsed = (text: string): Status | null => {
  try {
    return JSON.parse(text) as Status | null
  } catch {
    return null
  }
}

/** Throws `exec-failed` when the command could not be run at all. */
export const exitCodeOf = (pod: string, text: string): number => {
  const status = parsed(text)
  if (status?.status === 'Success') return 0
  const code = Number(status?.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message)
  if (status?.reason === 'NonZeroExitCode' && Number.isInteger(code)) return code
  throw new KdrError(`cannot run a command in pod ${pod}: ${status?.message ?? status?.reason ?? text}`, { code: 'exec-failed' })
}

const unseen = (pod: string, why: string, cause?: unknown): KdrError =>
  new KdrError(`how the command in pod ${pod} ended was not seen: ${why}`, {
    code: 'outcome-unknown',
    exit: 'unknown',
    hint: 'it may have run, and may still run: look before trying again',
    cause,
  })

const pathOf = (namespace: string, pod: string, container: string, argv: readonly string[], input: boolean): string => {
  const query = new URLSearchParams({ container, stdout: 'true', stderr: 'true', ...(input ? { stdin: 'true' } : {}) })
  for (const word of [...TOOL_ENVIRONMENT, ...argv]) query.append('command', word)
  return `/api/v1/namespaces/${namespace}/pods/${pod}/exec?${query}`
}

/** What came, until the end; `settle` is called once. */
const collect = (pod: string, settle: (result: () => RawResult) => void) => {
  const parts: Record<number, Buffer[]> = { [STDOUT]: [], [STDERR]: [], [STATUS]: [] }
  let length = 0
  const bytes = (channel: number) => Buffer.concat(parts[channel] ?? [])
  const text = (channel: number) => bytes(channel).toString('utf8')
  const fail = (error: KdrError) =>
    settle(() => {
      throw error
    })
  return {
    data: (channel: number, chunk: Buffer): void => {
      parts[channel]?.push(chunk)
      length += chunk.length
      if (length > MAX_OUTPUT) fail(unseen(pod, `it printed more than ${MAX_OUTPUT >> 20} MiB, and was left`))
    },
    ended: ({ why }: { readonly why: string }): void => {
      const status = text(STATUS)
      if (status === '') fail(unseen(pod, why))
      else settle(() => ({ code: exitCodeOf(pod, status), stdout: bytes(STDOUT), stderr: text(STDERR) }))
    },
  }
}

const FRAME = 256 << 10

/** One frame after the other, each when the machine has taken the one before. What the other side makes of it, its end tells. */
const sendAll = (channels: Channels, input: Buffer, at = 0): void => {
  if (at >= input.length) return
  channels.send(STDIN, input.subarray(at, at + FRAME), (error) => {
    if (error == null) sendAll(channels, input, at + FRAME)
  })
}

/**
 * With Kafka's environment made harmless. `input` is sent to it, and its end is not: a command has to know how much to read,
 * since a closed input ends the connection before the status. The deadline is the signal's; past it the command
 * may still run. Throws the signal's reason, `outcome-unknown`, `exec-failed`, and what `openChannels` throws.
 */
export const execRaw = (client: KubeClient, pod: string, container: string, argv: readonly string[], signal: AbortSignal, input?: Buffer): Promise<RawResult> =>
  new Promise((resolve, reject) => {
    let channels: Channels | null = null
    const abort = () => settle(() => Promise.reject(signal.reason))
    const settle = (result: () => RawResult | Promise<never>) => {
      signal.removeEventListener('abort', abort)
      channels?.drop()
      try {
        resolve(result())
      } catch (error) {
        reject(error)
      }
    }
    const path = pathOf(client.namespace, pod, container, argv, input !== undefined)
    openChannels(client, `run a command in pod ${pod}`, path, ['v5.channel.k8s.io', 'v4.channel.k8s.io'], collect(pod, settle), signal).then((opened) => {
      channels = opened
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort, { once: true })
      if (input !== undefined) sendAll(opened, input)
    }, reject)
  })

/** The same, of a command that prints text. */
export const execIn = async (client: KubeClient, pod: string, container: string, argv: readonly string[], signal: AbortSignal): Promise<ExecResult> => {
  const result = await execRaw(client, pod, container, argv, signal)
  return { ...result, stdout: result.stdout.toString('utf8') }
}
