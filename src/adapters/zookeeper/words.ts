// Four-letter words: one connection, one word, the answer until the server closes.
import type { Duplex } from 'node:stream'
import { wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import { formatDuration, type Millis } from '../../units.ts'

export type Dial = (host: string, port: number) => Duplex

/** `host:port`, the port after the last colon. */
export const parseServer = (server: string): { readonly host: string; readonly port: number } => {
  const at = server.lastIndexOf(':')
  return { host: server.slice(0, at), port: Number(server.slice(at + 1)) }
}

const judge = (word: string, answer: string, by: string): Known<string> => {
  if (answer === '') return unknown('it closed the connection without an answer', by)
  // 4lw.commands.whitelist: only srvr is on it by default since 3.5.3.
  if (/is not executed because it is not in the whitelist/.test(answer)) return unknown(`${word} is not in its 4lw.commands.whitelist`, by)
  return known(answer, by)
}

/** Asks one server; whatever goes wrong, and an abort too, makes the answer unknown, so that the other servers' answers are kept. */
export const askWord = (word: string, server: string, dial: Dial, timeout: Millis, signal: AbortSignal): Promise<Known<string>> =>
  new Promise((resolve) => {
    const by = `${word} from ${server}`
    const { host, port } = parseServer(server)
    const socket = dial(host, port)
    const chunks: Buffer[] = []
    const settle = (answer: Known<string>) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
      socket.destroy()
      resolve(answer)
    }
    const aborted = () => settle(unknown('it was not waited for any longer', by))
    const timer = setTimeout(() => settle(unknown(`no answer within ${formatDuration(timeout)}`, by)), timeout)
    const ended = () => settle(judge(word, Buffer.concat(chunks).toString('utf8'), by))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('end', ended)
    socket.once('close', ended)
    // Destroying a socket that is still connecting may raise a late error: nobody waits for it any more.
    socket.on('error', (thrown) => settle(unknown(wordsOf(thrown), by)))
    if (signal.aborted) return aborted()
    signal.addEventListener('abort', aborted, { once: true })
    socket.write(word)
  })
