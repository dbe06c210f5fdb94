// A node's data directories as tar archives, for evidence: by the machine's own tar, which every Unix has.
import { spawn } from 'node:child_process'
import { basename, dirname } from 'node:path'
import { KdrError } from '../../errors.ts'
import type { DataCopy } from '../../ports/platform.ts'
import type { ProcessNode } from './state-file.ts'

const failed = (path: string, why: string): KdrError => new KdrError(`${path} could not be copied: ${why}`, { code: 'data-unreachable' })

/** Throws `data-unreachable` unless tar read all of it. A file that grew meanwhile is one that was not all had. */
async function* archive(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const tar = spawn('tar', ['-czf', '-', '-C', dirname(path), basename(path)], { stdio: ['ignore', 'pipe', 'pipe'], signal })
  let said = ''
  tar.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = new Promise<string | null>((resolve) => {
    tar.once('error', (thrown) => resolve(thrown.message))
    tar.once('close', (code) => resolve(code === 0 ? null : `tar ended with ${code}: ${said.trim()}`))
  })
  for await (const chunk of tar.stdout) yield chunk as Uint8Array
  const why = await ended
  signal.throwIfAborted()
  if (why !== null) throw failed(path, why)
}

export const dataOf = (node: ProcessNode, signal: AbortSignal): readonly DataCopy[] => node.dataDirs.map((path) => ({ path, tar: archive(path, signal) }))
