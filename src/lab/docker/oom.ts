// Has the kernel kill a broker for its memory, as it does when a limit is too tight: the limit is drawn close to
// what the broker holds, something beside it asks for more, and the largest process of the container dies.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container } from '../../adapters/docker/containers.ts'
import type { Engine } from '../../adapters/docker/engine.ts'
import { KdrError } from '../../errors.ts'

/** Above what the broker holds: too little for a process that grows without end, too much to fail at once. */
const ROOM = 48 << 20
const TRIES = 5
const LOOKS = 50

/** Memory that cannot be dropped: cgroup v1 calls it rss, v2 anon. Bytes. */
const heldBy = async ({ docker, call }: Engine, { id, name }: Container, signal: AbortSignal): Promise<number> => {
  const ask = (abortSignal: AbortSignal) => docker.getContainer(id).stats({ stream: false, abortSignal } as { stream: false })
  const { memory_stats: memory } = await call(`ask for the memory of ${name}`, signal, ask)
  const detail = memory.stats as unknown as Readonly<Record<string, number | undefined>>
  return detail['total_rss'] ?? detail['anon'] ?? detail['rss'] ?? memory.usage
}

interface Limits {
  readonly Memory: number
  readonly MemorySwap: number
  readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount?: number }
}

/** As they were; an engine cannot be told "no limit" again, so that becomes all memory there is. */
const limitsOf = ({ inspected }: Container, total: number): Limits => {
  const { Memory = 0, MemorySwap = 0, RestartPolicy } = inspected.HostConfig
  return {
    Memory: Memory || total,
    MemorySwap: Memory === 0 ? -1 : MemorySwap,
    RestartPolicy: { Name: RestartPolicy?.Name || 'no', MaximumRetryCount: RestartPolicy?.MaximumRetryCount ?? 0 },
  }
}

/** `tail` keeps the one endless line of /dev/zero in memory until there is no more. */
const grow = async ({ docker, call }: Engine, { id, name }: Container, signal: AbortSignal): Promise<void> => {
  const exec = await call(`run something in ${name}`, signal, (abortSignal) =>
    docker.getContainer(id).exec({ Cmd: ['tail', '/dev/zero'], AttachStdout: false, AttachStderr: false, abortSignal }),
  )
  await call(`run something in ${name}`, signal, (abortSignal) => exec.start({ Detach: true, abortSignal } as object))
}

/** Resolves once the engine says that the kernel killed it. Restart policy and limits are put back, and nobody starts it again. Throws `not-killed`. */
export const killByMemory = async (engine: Engine, container: Container, signal: AbortSignal): Promise<void> => {
  const { docker, call } = engine
  const { id, name } = container
  const box = docker.getContainer(id)
  const update = (limits: object, forSignal: AbortSignal) =>
    call(`set the limits of ${name}`, forSignal, (abortSignal) => box.update({ ...limits, abortSignal }))
  const { MemTotal: total } = (await call('ask the engine for its memory', signal, () => docker.info())) as { MemTotal: number }
  const before = limitsOf(container, total)
  const dead = async (): Promise<boolean> => {
    for (let look = 0; look < LOOKS; look += 1) {
      const { State } = await call(`look at ${name}`, signal, (abortSignal) => box.inspect({ abortSignal }))
      if (!State.Running && State.OOMKilled) return true
      if (!State.Running) throw new KdrError(`${name} ended with ${State.ExitCode}, not for its memory`, { code: 'not-killed' })
      await sleep(100, undefined, { signal })
    }
    return false
  }
  try {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const limit = (await heldBy(engine, container, signal)) + ROOM
      await update({ RestartPolicy: { Name: 'no' }, Memory: limit, MemorySwap: limit }, signal)
      await grow(engine, container, signal)
      if (await dead()) return
    }
    throw new KdrError(`${name} outlived ${TRIES} tries to have it killed for its memory`, { code: 'not-killed' })
  } finally {
    await update(before, AbortSignal.timeout(10_000))
  }
}
