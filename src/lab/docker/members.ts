// A Docker lab's members, for its status and its faults: the adapter's own look at them.
import { openDocker } from '../../adapters/docker/open-docker.ts'
import type { Member } from '../../model/member.ts'
import { seconds } from '../../units.ts'
import { readDockerLab } from './lab-file.ts'

const PATIENCE = seconds(60)

/** Throws `state-file-invalid`, and what the engine refuses. */
export const dockerMembers = async (stateFile: string, signal = AbortSignal.timeout(PATIENCE)): Promise<readonly Member[]> => {
  const { name, project, host, context, files } = readDockerLab(stateFile)
  const platform = openDocker({ cluster: name, project, host, context, files, env: process.env })
  try {
    return await platform.members(signal)
  } finally {
    await platform.close()
  }
}
