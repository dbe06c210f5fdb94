// A drill on a Kubernetes cluster of the configuration: nobody brings one up for it, so it must say of itself
// that it may be broken, before a single record is written to it.
import { KdrError } from '../errors.ts'
import type { World } from './compose.ts'
import { openKubernetesLab, openWorld } from './compose.ts'
import type { DrillGround } from './ground.ts'
import type { Invocation } from './invocation.ts'
import { keepBeside } from './whole-file.ts'

const usage = (message: string, hint: string): KdrError => new KdrError(message, { code: 'usage', exit: 'usage', hint })

const needWrite = ({ write }: World): NonNullable<World['write']> => {
  if (write === null) throw new Error('a drill needs a world with a write half')
  return write
}

/** Throws `not-disposable` (exit refused) before anything is touched, and `usage` where --cluster names none on Kubernetes. */
export const openKubernetesGround = async (invocation: Invocation): Promise<DrillGround> => {
  const { globals, interruption, env } = invocation
  if (globals.cluster === undefined) throw usage('a drill on kubernetes breaks a cluster that is there: --cluster must name it', 'kdr config show')
  const world = await openWorld(invocation, 'write')
  try {
    const { platform } = world.settings
    if (platform.kind !== 'kubernetes')
      throw usage(`${world.name} runs on ${platform.kind}, not on kubernetes`, 'leave --platform out, or name another cluster')
    const faults = await openKubernetesLab({ ...platform, cluster: world.name, env }, interruption.signal)
    return { world, write: needWrite(world), faults, kafka: world.name, store: null, keep: keepBeside(env, world.name), phases: [], close: () => world.close() }
  } catch (thrown) {
    await world.close()
    throw thrown
  }
}
