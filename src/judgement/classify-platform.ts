// Failures that the platform itself names: images, nodes, claims, quotas. What it waits for no restart brings.
import type { Member } from '../model/member.ts'
import { type Failure, failure, type Rule } from './failure.ts'

const IMAGE = /ImagePull|ErrImage|InvalidImage|ImageInspect|no such image|manifest unknown/i
const VOLUME = /FailedMount|FailedAttachVolume|VolumeBinding|PersistentVolumeClaim|unbound/i
const REFUSED = /FailedCreate|forbidden|exceeded quota|denied|not ready/i
const CONFIG = /CreateContainerConfigError|RunContainerError|CreateContainerError/
const UNSCHEDULABLE = /Unschedulable|FailedScheduling|affinity|Insufficient (?:cpu|memory)/i

/** What the platform itself says it waits for. */
export const byPlatform: Rule = ({ member }) => {
  const waiting = member.waiting.known ? member.waiting.value : null
  const trouble = member.nodeTrouble.known && member.nodeTrouble.value !== null ? `: ${member.nodeTrouble.value}` : ''
  const node = member.node.known && member.node.value !== null ? ` (node ${member.node.value}${trouble})` : ''
  const words = waiting === null ? '' : `${waiting.reason}: ${waiting.message}`
  const by = member.waiting.by
  if (waiting?.reason === 'NoNetwork') return failure('network', 'yes', waiting.message, null, by)
  if (waiting?.reason === 'ScaledDown') return failure('scaled-down', 'yes', waiting.message, 'find out who scaled it down: it may happen again', by)
  if (waiting?.reason === 'NotCreated')
    return REFUSED.test(waiting.message)
      ? failure(
          'scheduling',
          'no',
          waiting.message,
          'mend what its controller was refused for (quota, admission, an earlier member): it tries again by itself',
          by,
        )
      : failure('scheduling', 'wait', waiting.message, null, by)
  if (waiting?.reason === 'CrashLoopBackOff' && member.state.known && member.state.value === 'pending')
    return failure('fatal-start-up', 'no', words, 'read the log of the container that the message names: it dies before the broker starts', by)
  if (waiting?.reason === 'Attaching') return failure('volume', 'wait', words, null, by)
  if (waiting !== null && CONFIG.test(waiting.reason))
    return failure('fatal-start-up', 'no', words, 'repair what the message names: a restart asks for the same thing again', by)
  if (waiting !== null && IMAGE.test(words))
    return failure('image', 'no', words, 'repair the image name, tag or pull secret; a restart pulls the same image', by)
  if (waiting !== null && VOLUME.test(words))
    return failure('volume', 'no', words, 'repair the volume or its claim; do not delete the claim, it is the data', by)
  if (waiting !== null && UNSCHEDULABLE.test(words))
    return failure(
      'scheduling',
      'no',
      `${words}${node}`,
      'bring the node back or make room for it; deleting it cannot help while its affinity names a lost node',
      by,
    )
  // Between two tries of its restart policy what it died of still counts.
  if (member.state.known && member.state.value === 'pending' && waiting?.reason !== 'Restarting')
    return failure('scheduling', 'wait', `${member.name} is wanted, but not placed yet${node}${words === '' ? '' : `: ${words}`}`, null, member.state.by)
  return null
}

/** Its node does not report: what ran there may run on, and must not be started a second time. */
export const byNode = ({ name, node, nodeTrouble, state }: Member): Failure | null => {
  if (!nodeTrouble.known || nodeTrouble.value === null) return null
  const where = node.known && node.value !== null ? node.value : 'its node'
  const instead = `bring ${where} back; only when its machine is proven to be off, delete the node: its pods are then placed anew`
  return failure('node', 'no', `${name} is on ${where}: ${nodeTrouble.value}`, instead, state.by)
}
