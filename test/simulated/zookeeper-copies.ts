// Copies of a simulated ZooKeeper's data, as an operator has them lying about.
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import type { SnapshotFiles } from '../../src/steps/quorum/snapshot.ts'

const never = new AbortController().signal

export const copied = async (simulation: Simulation, path = '/simulated/zk1.tar.gz'): Promise<SnapshotFiles> => {
  const first = simulation.world.members().find(({ role }) => role === 'zookeeper')?.name ?? ''
  const [copy] = await simulation.ports.platform.data(first, never)
  if (copy === undefined) throw new Error('it has no disk')
  const chunks: Uint8Array[] = []
  for await (const chunk of copy.tar) chunks.push(chunk)
  simulation.files.set(path, Buffer.concat(chunks).toString('latin1'))
  return { paths: [path], sha256: (await simulation.ports.files.copy([path])).sha256 }
}
