// An archive is committed only when kdr's own reader would take it: a backup that is refused when it is needed was
// none, and the time to hear of it is while its records are still there.
import { KdrError, wordsOf } from '../errors.ts'
import { LARGEST_ENTRY, manifestProblems } from './check-manifest.ts'
import type { BackupMetadata, GroupBackup, Manifest } from './manifest.ts'
import { checkedManifest, checkGroup, parseMetadata } from './manifest-schema.ts'
import { parseSidecar } from './sidecar.ts'

const refused = (name: string, why: string, cause?: unknown): KdrError =>
  new KdrError(`${name} was not kept: kdr could not read it again: ${why}`, {
    code: 'archive-unreadable',
    hint: 'back up fewer topics at a time with --topic, or tell who maintains kdr',
    cause,
  })

/** `bytes`: of its text. Throws `archive-unreadable`. */
export const checkManifest = (name: string, manifest: Manifest, bytes: number): void => {
  if (bytes > LARGEST_ENTRY) throw refused(name, `its manifest has ${bytes} bytes, and no more than ${LARGEST_ENTRY} are read`)
  try {
    checkedManifest(manifest, 'its manifest')
  } catch (thrown) {
    throw refused(name, wordsOf(thrown), thrown)
  }
}

/** Of the sidecar as it is to be stored; Throws `archive-unreadable`. */
export const checkSidecarText = (name: string, text: string, manifest: Manifest): void => {
  try {
    const sidecar = parseSidecar(text, 'its sidecar')
    const [problem] = manifestProblems(text, sidecar, manifest, { sidecar: 'its sidecar', manifest: 'its manifest' })
    if (problem !== undefined) throw refused(name, `${problem.where}: ${problem.what}`)
  } catch (thrown) {
    throw thrown instanceof KdrError && thrown.code === 'archive-unreadable' ? thrown : refused(name, wordsOf(thrown), thrown)
  }
}

/** Throws `archive-unreadable`. */
export const checkMetadata = (name: string, metadata: Omit<BackupMetadata, 'groups'>, groups: Iterable<GroupBackup>): void => {
  try {
    const texts = Object.fromEntries(Object.entries({ ...metadata, groups: [] }).map(([key, value]) => [key, JSON.stringify(value)]))
    parseMetadata(texts as Record<keyof BackupMetadata, string>, 'its')
    for (const group of groups) checkGroup(group, `its metadata: group ${group.group}`)
  } catch (thrown) {
    throw refused(name, wordsOf(thrown), thrown)
  }
}
