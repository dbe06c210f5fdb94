// Reach into pods: the right one, both directions, both ends, and never "down" for what is only unknown.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openClient } from '../../src/adapters/kubernetes/client.ts'
import { kubernetesDial } from '../../src/adapters/kubernetes/dial.ts'
import { execIn } from '../../src/adapters/kubernetes/exec.ts'
import { openSpace, type Space, serviceOf, setOf, soon, until } from './space.ts'

const NAMESPACE = 'kdr-reach'
/** Echo, one that never reads, one that never stops, one that says one thing and leaves. Ends at once when told to. */
const SERVERS = ["trap 'exit 0' TERM", 'nc -ll -p 7 -e cat & nc -ll -p 9 -e sleep 1000 & nc -ll -p 19 -e yes & nc -ll -p 13 -e hostname & wait'].join('; ')
/** The first process of a container ignores SIGTERM unless it says otherwise: it outlives its pod by some seconds. */
const STUBBORN = 'nc -ll -p 7 -e cat & sleep 100000; true'

let space: Space
let dialling: ReturnType<typeof kubernetesDial>
const dial = (host: string, port: number): Duplex => dialling.dial(host, port)

beforeAll(async () => {
  space = await openSpace(NAMESPACE, {})
  dialling = kubernetesDial(space.client)
  await space.apply(serviceOf(NAMESPACE, 'probe-headless', { clusterIP: 'None', selector: { app: 'probe' }, ports: [{ port: 7 }] }))
  await space.apply(
    serviceOf(NAMESPACE, 'probe-service', {
      selector: { app: 'probe' },
      ports: [
        { name: 'a', port: 7007, targetPort: 'echo' },
        { name: 'b', port: 13 },
      ],
    }),
  )
  await space.apply(serviceOf(NAMESPACE, 'empty', { selector: { app: 'nobody' }, ports: [{ port: 7 }] }))
  await space.apply(setOf(NAMESPACE, 'probe', SERVERS, { replicas: 2, policy: 'Parallel' }))
  await space.apply(setOf(NAMESPACE, 'stubborn', STUBBORN))
  await Promise.all(['probe-0', 'probe-1', 'stubborn-0'].map((name) => space.ready(name)))
  await until('the servers listen', () => echo(dial('probe-0', 7), 'x').then(Boolean, () => false))
})

afterAll(async () => {
  dialling.close()
  await space.remove()
})

/** What comes back of what was said. */
const echo = async (socket: Duplex, text: string): Promise<string> => {
  socket.write(text)
  const [chunk] = await once(socket, 'data', { signal: soon() })
  socket.destroy()
  return String(chunk)
}

const allOf = async (socket: Duplex): Promise<string> => {
  let text = ''
  socket.on('data', (chunk) => {
    text += String(chunk)
  })
  await once(socket, 'close', { signal: soon() })
  return text
}

const failure = async (socket: Duplex): Promise<{ readonly code: string; readonly message: string }> => {
  socket.resume()
  const [error] = await once(socket, 'error', { signal: soon() }).then(
    (heard) => heard,
    (thrown: unknown) => [thrown],
  )
  return error as { code: string; message: string }
}

describe('dial', () => {
  it('reaches a pod by every name that clients inside may know it by', async () => {
    const ip = (await space.pod('probe-1'))?.status?.podIP ?? ''
    const names = ['probe-1.probe-headless', `probe-1.probe-headless.${NAMESPACE}`, `probe-1.probe-headless.${NAMESPACE}.svc`]
    for (const host of [...names, `probe-1.probe-headless.${NAMESPACE}.svc.cluster.local`, 'probe-1', ip]) {
      expect([host, (await allOf(dial(host, 13))).trim()]).toEqual([host, 'probe-1'])
    }
  })

  it('reaches ready pods behind a service, at the port that it maps to', async () => {
    expect(await echo(dial('probe-service', 7007), 'mapped')).toBe('mapped')
    const answers = await Promise.all([1, 2, 3, 4].map(async () => (await allOf(dial(`probe-service.${NAMESPACE}.svc`, 13))).trim()))
    for (const answer of answers) expect(['probe-0', 'probe-1']).toContain(answer)
  })

  it('connects behind the scenes, and says so as a socket does', async () => {
    const socket = dial('probe-0', 7) as Duplex & { connecting: boolean }
    expect(socket.connecting).toBe(true)
    await once(socket, 'connect', { signal: soon() })
    expect(socket.connecting).toBe(false)
    socket.destroy()
  })

  it('tells a port that refuses from everything that says nothing about the pod', async () => {
    expect(await failure(dial('probe-0', 5))).toMatchObject({ code: 'ECONNREFUSED', message: expect.stringContaining('pod probe-0, port 5') })
    expect(await failure(dial(`nobody.${NAMESPACE}.svc`, 7))).toMatchObject({ code: 'ENOTFOUND', message: expect.stringContaining('no pod and no service') })
    expect(await failure(dial('empty', 7))).toMatchObject({ code: 'ETUNNEL', message: expect.stringContaining('no pod of service empty is ready') })
    expect(await failure(dial('probe-service', 1))).toMatchObject({ code: 'ETUNNEL', message: expect.stringContaining('it has 7007, 13') })
  })

  it('goes straight to a host that is none of the cluster’s, as to an external listener', async () => {
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (const host of ['127.0.0.1', 'localhost']) expect(await echo(dial(host, port), 'outside')).toBe('outside')
    server.close()
    await once(server, 'close')
    expect(await failure(dial('127.0.0.1', port))).toMatchObject({ code: 'ECONNREFUSED' })
    // No DNS knows it, and none may answer where the test runs.
    expect((await failure(dial('broker.example.invalid', 7))).code).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/)
  })

  it('gives up at once when nobody wants it any more', async () => {
    const socket = dial('probe-0', 7)
    socket.destroy()
    await once(socket, 'close', { signal: soon(1000) })
  })
})

describe('backpressure', () => {
  it('holds back a pod whose words nobody reads', async () => {
    const socket = dial('probe-0', 19)
    await once(socket, 'readable', { signal: soon() })
    await sleep(1500)
    const { arrayBuffers } = process.memoryUsage()
    const held = socket.readableLength
    expect(held).toBeLessThan(1 << 20)
    await sleep(1500)
    expect(socket.readableLength).toBe(held)
    expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(8 << 20)
    // It was held back, not cut off.
    let read = 0
    socket.on('data', (chunk: Buffer) => {
      read += chunk.length
    })
    await until('32 MiB more', () => read > 32 << 20)
    socket.destroy()
  })

  it('holds back a writer whom the pod does not hear', async () => {
    const socket = dial('probe-0', 9)
    let taken = 0
    const chunk = Buffer.alloc(64 << 10)
    const write = (): void => {
      socket.write(chunk, (error) => {
        if (error) return
        taken += chunk.length
        write()
      })
    }
    write()
    await once(socket, 'connect', { signal: soon() })
    let before = -1
    // Buffers of the kernel, the API server, the kubelet and containerd fill up first.
    await until('nothing more is taken', async () => {
      const same = taken === before
      before = taken
      await sleep(1000)
      return same && taken > 0
    })
    expect(taken).toBeLessThan(128 << 20)
    socket.destroy()
  })

  it('carries much in both directions, unchanged', async () => {
    const socket = dial('probe-1', 7)
    const sent = Buffer.alloc(4 << 20)
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at)
    socket.write(sent)
    const parts: Buffer[] = []
    let length = 0
    socket.on('data', (part: Buffer) => {
      parts.push(part)
      length += part.length
    })
    await until('all of it is back', () => length >= sent.length)
    expect(Buffer.concat(parts).equals(sent)).toBe(true)
    socket.destroy()
  })
})

describe('ends', () => {
  const catsIn = async (pod: string): Promise<number> => {
    const { stdout } = await execIn(space.client, pod, 'tools', ['sh', '-c', 'pidof cat | wc -w'], soon())
    return Number(stdout)
  }

  it('ends when the pod ends the connection', async () => {
    const socket = dial('probe-0', 13)
    expect((await allOf(socket)).trim()).toBe('probe-0')
    expect([socket.readableEnded, socket.destroyed, socket.errored]).toEqual([true, true, null])
  })

  it('ends the pod’s side when ours is destroyed', async () => {
    await until('no cat is left', async () => (await catsIn('probe-1')) === 0)
    const socket = dial('probe-1', 7)
    socket.write('x')
    await once(socket, 'data', { signal: soon() })
    expect(await catsIn('probe-1')).toBe(1)
    socket.destroy()
    await until('cat has ended', async () => (await catsIn('probe-1')) === 0)
  })

  it('hears the answer to what it said last, and then ends', async () => {
    const socket = dial('probe-1', 7)
    socket.end('last words')
    expect(await allOf(socket)).toBe('last words')
    await until('cat has ended', async () => (await catsIn('probe-1')) === 0)
  })

  it('breaks with an error when the pod is replaced, and reaches its successor next', async () => {
    const socket = dial('stubborn-0', 7)
    socket.write('x')
    await once(socket, 'data', { signal: soon() })
    const broken = failure(socket)
    const uid = (await space.pod('stubborn-0'))?.metadata?.uid
    await space.client.core.deleteNamespacedPod({ name: 'stubborn-0', namespace: NAMESPACE, gracePeriodSeconds: 0 })
    await until('another pod of that name', async () => {
      const now = await space.pod('stubborn-0')
      return now !== null && now.metadata?.uid !== uid
    })
    const early = dial('stubborn-0', 7)
    early.on('error', () => {})
    expect(await broken).toMatchObject({ code: 'ETUNNEL', message: expect.stringContaining('was replaced') })
    early.destroy()
    await space.ready('stubborn-0')
    await until('it serves', () =>
      echo(dial('stubborn-0', 7), 'anew').then(
        (answer) => answer === 'anew',
        () => false,
      ),
    )
  })
})

describe('a connection to the API server that drops', () => {
  let proxy: Server
  const sockets = new Set<Socket>()
  /** A way to the API server that can be cut. */
  const cuttable = async () => {
    const { hostname, port } = new URL(space.client.server)
    proxy = createServer((inner) => {
      const outer = connect(Number(port || 443), hostname)
      for (const socket of [inner, outer]) {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => sockets.delete(socket))
      }
      inner.pipe(outer).pipe(inner)
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const client = openClient(space.settings)
    const server = `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const clusters = client.config.clusters.map((cluster) => ({
      ...cluster,
      server,
      tlsServerName: cluster.tlsServerName ?? (/^[\d.]+$/.test(hostname) ? '' : hostname),
    }))
    client.config.clusters = clusters.map(({ tlsServerName, ...cluster }) => (tlsServerName === '' ? cluster : { ...cluster, tlsServerName }))
    return { ...client, server }
  }
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  afterAll(() => {
    cut()
    proxy.close()
  })

  it('leaves the outcome of a command unknown', async () => {
    const client = await cuttable()
    const running = execIn(client, 'probe-0', 'tools', ['sleep', '20'], soon())
    setTimeout(cut, 1500)
    await expect(running).rejects.toMatchObject({ code: 'outcome-unknown', exit: 'unknown', message: expect.stringContaining('was not seen') })
    proxy.close()
  })

  it('breaks a tunnel with an error that says nothing about the pod', async () => {
    const { dial: over, close } = kubernetesDial(await cuttable())
    const socket = over('probe-0', 7)
    socket.write('x')
    await once(socket, 'data', { signal: soon() })
    const broken = failure(socket)
    cut()
    expect(await broken).toMatchObject({ code: 'ETUNNEL' })
    close()
  })
})

describe('exec', () => {
  const run = (argv: readonly string[], signal = soon()) => execIn(space.client, 'probe-0', 'tools', argv, signal)

  it('returns what was printed, and the exit code', async () => {
    expect(await run(['sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' })
    expect(await run(['true'])).toEqual({ code: 0, stdout: '', stderr: '' })
    expect((await run(['no-such-command'])).code).toBe(127)
    expect((await run(['sh', '-c', 'yes | head -c 3000000'])).stdout.length).toBe(3_000_000)
  })

  it('keeps Kafka’s own environment from a tool', async () => {
    const { stdout } = await run(['sh', '-c', 'env'])
    expect(stdout).toContain('KAFKA_HEAP_OPTS=-Xmx256M')
    expect(stdout).not.toMatch(/JMX_PORT|KAFKA_OPTS|KAFKA_JMX_OPTS/)
  })

  it('ends with the reason of its signal, and names what cannot be run at all', async () => {
    await expect(run(['sleep', '20'], AbortSignal.timeout(500))).rejects.toMatchObject({ name: 'TimeoutError' })
    await expect(execIn(space.client, 'nobody', 'tools', ['true'], soon())).rejects.toMatchObject({ code: 'not-found' })
    await expect(execIn(space.client, 'probe-0', 'nothing', ['true'], soon())).rejects.toMatchObject({ message: expect.stringContaining('container nothing') })
  })
})
