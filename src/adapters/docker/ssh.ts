// An engine behind ssh, reached as docker itself reaches it: through the ssh command, so that known hosts, keys and
// ~/.ssh/config are its own. (docker-modem's built-in client accepts any host key.)
import { spawn } from 'node:child_process'
import { Agent } from 'node:http'
import { Duplex } from 'node:stream'
import { wordsOf } from '../../errors.ts'
import type { Endpoint } from './endpoint.ts'

/** One connection: `docker system dial-stdio` on the other side joins it to that engine's socket. */
const connection = ({ host }: Endpoint): Duplex => {
  // ssh takes ssh://user@host:port, but no path after it.
  const target = host.replace(/^(ssh:\/\/[^/]+).*$/, '$1')
  const child = spawn('ssh', ['-o', 'BatchMode=yes', '-T', '--', target, 'docker', 'system', 'dial-stdio'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const stream = new Duplex({
    read: () => child.stdout.resume(),
    write: (chunk: Buffer, _, done) => child.stdin.write(chunk, done),
    final: (done) => child.stdin.end(done),
    destroy: (error, done) => {
      child.kill()
      done(error)
    },
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-400)
  })
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause()
  })
  child.stdout.once('end', () => stream.push(null))
  const gone = (why: string) => stream.destroy(Object.assign(new Error(why), { code: 'ECONNREFUSED' }))
  child.stdin.on('error', (cause) => gone(`ssh: ${wordsOf(cause)}`))
  child.once('error', (cause) => gone(`ssh: ${wordsOf(cause)}`))
  child.once('exit', (code) => {
    if (code !== 0) gone(`ssh ended with ${code ?? 'a signal'}: ${said.trim()}`)
  })
  // What http asks of a socket and a pipe lacks.
  const none = () => stream
  return Object.assign(stream, { setKeepAlive: none, setNoDelay: none, setTimeout: none, ref: none, unref: none, destroySoon: () => stream.end() })
}

export const sshAgent = (endpoint: Endpoint): Agent => Object.assign(new Agent(), { createConnection: () => connection(endpoint) })
