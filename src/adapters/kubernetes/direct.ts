// A plain connection to a host that is none of the cluster's: an external listener. Spoken to as a tunnel
// is, since whether the cluster has such a name is known only after it was looked for there.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Channels, Hearing } from './channels.ts'

/** A host outside the cluster. */
export interface Target {
  readonly host: string
  readonly port: number
}

/** Rejects with the socket's own error (ECONNREFUSED, ENOTFOUND, …), or the signal's reason. The signal ends with the opening. */
export const openDirect = async ({ host, port }: Target, channel: number, hearing: Hearing, signal: AbortSignal): Promise<Channels> => {
  signal.throwIfAborted()
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect', { signal })
  } catch (error) {
    socket.destroy()
    throw error
  }
  socket.setNoDelay(true)
  let why = 'the other side closed it'
  let clean = false
  socket.on('data', (chunk: Buffer) => hearing.data(channel, chunk))
  socket.once('end', () => {
    clean = true
  })
  socket.once('error', (error) => {
    clean = false
    why = error.message
  })
  socket.once('close', () => hearing.ended({ clean, why }))
  return {
    send: (_, chunk, sent) => socket.write(chunk, sent),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.end(),
    drop: () => socket.destroy(),
  }
}
