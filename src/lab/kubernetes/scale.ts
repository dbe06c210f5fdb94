// What leaves all the data with one broker and then nobody running: the pods of the others are held where they are
// gone and yet not made anew, by a finalizer, until the set has been scaled to nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { Cluster as Kafka } from '../../adapters/kafka/cluster.ts'
import type { KubeClient } from '../../adapters/kubernetes/client.ts'
import { readPod } from '../../adapters/kubernetes/pod-look.ts'
import { scaleTo } from '../../adapters/kubernetes/workload-writes.ts'
import { KdrError } from '../../errors.ts'
import type { Member, Workload } from '../../model/member.ts'
import type { PlatformReader } from '../../ports/platform.ts'
import { type Millis, minutes, seconds } from '../../units.ts'
import { usage } from '../choice.ts'

const HOLD = 'kdr.dev/held'
const POLL = 300
const PATIENCE: Millis = minutes(2)

interface Ground {
  readonly client: KubeClient
  readonly dial: PlatformReader['dial']
}

const finalizers = async ({ client }: Ground, name: string, change: (now: readonly string[]) => readonly string[], signal: AbortSignal): Promise<void> => {
  const { core, namespace } = client
  const pod = await readPod(client, name, signal)
  if (pod === null) return
  const body = { metadata: { finalizers: change(pod.metadata?.finalizers ?? []) } }
  await client.call(signal, { verb: 'patch', resource: 'pods', name }, (options) =>
    core.patchNamespacedPod({ name, namespace, body }, setHeaderOptions('Content-Type', PatchStrategy.MergePatch, options)),
  )
}

const hold = (ground: Ground, name: string, signal: AbortSignal) => finalizers(ground, name, (now) => [...now, HOLD], signal)
const release = (ground: Ground, name: string, signal: AbortSignal) => finalizers(ground, name, (now) => now.filter((each) => each !== HOLD), signal)

const remove = ({ client }: Ground, name: string, signal: AbortSignal): Promise<unknown> =>
  client.call(signal, { verb: 'delete', resource: 'pods', name }, (options) =>
    client.core.deleteNamespacedPod({ name, namespace: client.namespace, body: { gracePeriodSeconds: 1 } }, options),
  )

const within = async (what: string, signal: AbortSignal, holds: () => Promise<boolean>): Promise<void> => {
  const end = performance.now() + PATIENCE
  while (!(await holds())) {
    if (performance.now() > end) throw new KdrError(`not within ${PATIENCE / 1000} s: ${what}`, { code: 'not-broken' })
    await sleep(POLL, undefined, { signal })
  }
}

/** It lists nobody but itself, and leads whatever it holds: its ISRs are itself. */
const untilAlone = async ({ dial }: Ground, address: string, id: number, signal: AbortSignal): Promise<void> => {
  const kafka = new Kafka([address], { clientId: 'kdr-lab', tls: null, sasl: null, dial, requestTimeout: seconds(5) })
  try {
    await within(`broker ${id} has the last copy of everything`, signal, async () => {
      const { answer } = await kafka.freshest(null, signal).catch(() => ({ answer: null }))
      if (answer === null || answer.brokers.length !== 1) return false
      return answer.topics.flatMap(({ partitions }) => partitions).every(({ replicas, isr }) => !replicas.includes(id) || isr.join() === String(id))
    })
  } finally {
    kafka.close()
  }
}

/**
 * The others die, `last` takes every leadership and shrinks every ISR to itself, then the set is scaled to nothing. Resolves
 * when no pod of it is left.
 */
export const scaleToZero = async (
  ground: Ground,
  set: Workload,
  { last, others }: { readonly last: { readonly id: number; readonly member: Member }; readonly others: readonly Member[] },
  signal: AbortSignal,
): Promise<void> => {
  const { client } = ground
  const [address] = last.member.addresses
  if (address === undefined) throw usage(`${last.member.name} says no address`, 'nothing-to-break')
  const names = others.map(({ name }) => name)
  try {
    for (const name of names) await hold(ground, name, signal)
    for (const name of names) await remove(ground, name, signal)
    await untilAlone(ground, address, last.id, signal)
    await scaleTo(client, set, 0, signal)
    await remove(ground, last.member.name, signal)
    await within(`${last.member.name} is gone`, signal, async () => (await readPod(client, last.member.name, signal)) === null)
  } finally {
    for (const name of names) await release(ground, name, AbortSignal.timeout(PATIENCE))
  }
  for (const name of names) await within(`${name} is gone`, signal, async () => (await readPod(client, name, signal)) === null)
}
