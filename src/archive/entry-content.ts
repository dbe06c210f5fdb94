// The content of one entry out of the bytes of its member: nothing of it gets out before its tar header, its
// lengths, its CRC-32 and its SHA-256 were seen to be what the manifest says. Damage, not malice, is seen sooner:
// without the digest, and without inflating.
import { Damage } from './damage.ts'
import { sha256 } from './digest.ts'
import { glanceMember, type MemberOptions, openMember } from './gzip-member.ts'
import { headProblem, tarHead, tarLength } from './tar-head.ts'

export interface Expected {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** In memory of its own, or where `how` says. `mtime` in seconds. Throws Damage. */
export const entryContent = async (member: Buffer, { path, bytes, sha256: wanted }: Expected, mtime: number, how: MemberOptions = {}): Promise<Buffer> => {
  const tar = await openMember(member, tarLength(path, bytes), how)
  const head = tarHead(path, bytes, mtime).length
  const problem = headProblem(tar.subarray(0, head), path, bytes, mtime)
  if (problem !== null) throw new Damage(problem)
  if (tar.subarray(head + bytes).some((byte) => byte !== 0)) throw new Damage('something lies behind its content')
  const content = tar.subarray(head, head + bytes)
  const found = await sha256([content])
  if (found !== wanted) throw new Damage(`its SHA-256 is ${found}, and the manifest says ${wanted}`)
  return content
}

/** That the member is the one of this entry, with no byte of it changed by accident: by its tar header and CRC-32 alone. Throws Damage. */
export const glanceAtEntry = async (member: Buffer, { path, bytes }: Expected, mtime: number): Promise<void> => {
  const head = tarHead(path, bytes, mtime).length
  const front = await glanceMember(member, tarLength(path, bytes), head)
  const problem = headProblem(front.subarray(0, head), path, bytes, mtime)
  if (problem !== null) throw new Damage(problem)
}
