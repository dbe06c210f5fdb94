// Stops, starts and reconnects containers; and the look right before, whether the container is still the incarnation
// that was looked at.
import { setTimeout as sleep } from 'node:timers/promises'
import { KdrError, wordsOf } from '../../errors.ts'
import type { MemberRef } from '../../ports/platform.ts'
import { formatDuration, type Millis, seconds } from '../../units.ts'
import type { WantedService } from './compose.ts'
import { type Container, inspect, lives, missingNetworks, uidOf } from './containers.ts'
import { type Engine, statusOf } from './engine.ts'
import { isFrozen } from './frozen.ts'

const POLL: Millis = 100
/** From SIGKILL to gone: the kernel only needs longer where a disk hangs. */
const KILL_DEADLINE: Millis = seconds(30)

const changed = (ref: MemberRef, now: string | null): KdrError =>
  new KdrError(`${ref.name} has changed since it was looked at: it was ${ref.uid ?? 'not running'} and is ${now ?? 'not running'}`, {
    code: 'member-changed',
    exit: 'refused',
    hint: 'Look again: kdr diagnose',
  })

/**
 * Another look, right before a change: looking at the rest took its time, and a restart policy may have been faster. A
 * container that is gone by now, and did not run before, is left for the engine to refuse. Throws `member-changed` unless
 * it is as `ref` says; null for one that has no container.
 */
export const still = async (engine: Engine, ref: MemberRef, seen: Container | null, signal: AbortSignal): Promise<Container | null> => {
  const container = seen === null ? null : await inspect(engine, seen.id, signal)
  const now = container === null ? null : uidOf(container)
  if (now !== ref.uid) throw changed(ref, now)
  return container ?? seen
}

/** An answer that says it is so already: 304 to start and stop, 409 to kill. */
const unless = async (already: number, act: Promise<unknown>): Promise<void> => {
  try {
    await act
  } catch (thrown) {
    if (statusOf(thrown) !== already) throw thrown
  }
}

const untilGone = async (engine: Engine, container: Container, signal: AbortSignal): Promise<void> => {
  const uid = uidOf(container)
  for (const end = performance.now() + KILL_DEADLINE; performance.now() < end; await sleep(POLL, undefined, { signal })) {
    const now = await inspect(engine, container.id, signal)
    if (now === null || uidOf(now) !== uid) return
  }
  throw new KdrError(`${container.name} still runs ${formatDuration(KILL_DEADLINE)} after it was made to stop`, {
    code: 'not-stopped',
    hint: `it hangs in the kernel, most likely on its disk: docker inspect ${container.name}`,
  })
}

/**
 * `docker stop`, which counts as a manual stop: no restart policy revives it. A frozen container (docker pause, SIGSTOP)
 * gets SIGKILL at once: Docker would wake it first, and a broker frozen past its session would act for a moment as the
 * leader it no longer is. An aborted signal ends the waiting, not the stop. Throws `not-stopped`.
 */
export const stopContainer = async (engine: Engine, container: Container, grace: Millis, signal: AbortSignal): Promise<void> => {
  const box = engine.docker.getContainer(container.id)
  const what = `stop ${container.name}`
  if (container.status === 'paused' || (await isFrozen(engine, container, signal))) {
    await unless(
      409,
      engine.call(what, signal, (abortSignal) => box.kill({ signal: 'SIGKILL', abortSignal })),
    )
    return untilGone(engine, container, signal)
  }
  if (!lives(container) && container.status !== 'restarting') return
  const t = Math.max(1, Math.ceil(grace / 1000))
  await unless(
    304,
    engine.call(what, signal, (abortSignal) => box.stop({ t, abortSignal })),
  )
  if (lives(container)) await untilGone(engine, container, signal)
}

/** Throws `member-changed` for one that runs, or is about to by its restart policy; `start-failed` with the engine's words. */
export const startContainer = async (engine: Engine, ref: MemberRef, container: Container, signal: AbortSignal): Promise<void> => {
  if (lives(container)) throw changed(ref, uidOf(container))
  const start = engine.call(`start ${container.name}`, signal, (abortSignal) => engine.docker.getContainer(container.id).start({ abortSignal }))
  await unless(304, start).catch((cause: unknown) => {
    signal.throwIfAborted()
    if (statusOf(cause) === null) throw cause
    throw new KdrError(wordsOf(cause), { code: 'start-failed', hint: `docker logs ${container.name}; docker inspect ${container.name}`, cause })
  })
}

/**
 * Connects it to the networks its peers are on, under the names compose gave it: the engine forgets those with the
 * connection. Throws `docker-refused`.
 */
export const reconnectContainer = async (
  engine: Engine,
  container: Container,
  all: readonly Container[],
  wanted: WantedService | undefined,
  signal: AbortSignal,
): Promise<void> => {
  for (const name of missingNetworks(container, all)) {
    const given = wanted?.networks.get(name)
    const aliases = [...new Set([container.service, container.name, ...(given?.aliases ?? [])])]
    const address = given?.address ?? null
    const options = {
      Container: container.id,
      EndpointConfig: { Aliases: aliases, ...(address === null ? {} : { IPAMConfig: { IPv4Address: address } }) },
    }
    // 403: it is connected already.
    await unless(
      403,
      engine.call(`connect ${container.name} to ${name}`, signal, (abortSignal) =>
        engine.docker.getNetwork(name).connect({ ...options, abortSignal } as object),
      ),
    )
  }
}
