// The chain of a backup by its sidecars alone: which archives it takes to restore it, and which of them are gone.
import type { Sidecar } from '../archive/manifest.ts'

export interface Link {
  readonly name: string
  /** null: there is no such backup in the store. */
  readonly sidecar: Sidecar | null
}

/** The full backup first, `last` last; ends where a parent is missing, which is then the first. */
export const linksOf = (backups: readonly Sidecar[], last: Sidecar): readonly Link[] => {
  const byName = new Map(backups.map((sidecar) => [sidecar.name, sidecar]))
  const links: Link[] = [{ name: last.name, sidecar: last }]
  const seen = new Set([last.name])
  for (let parent = last.chain.parent; parent !== null && !seen.has(parent.name); ) {
    const sidecar: Sidecar | null = byName.get(parent.name) ?? null
    links.unshift({ name: parent.name, sidecar })
    seen.add(parent.name)
    parent = sidecar?.chain.parent ?? null
  }
  return links
}
