// Sidecars as tests need them: whole and consistent, changed where a test says so.
import { FORMAT, type Sidecar } from '../../src/archive/manifest.ts'

export const SHA = 'a'.repeat(64)

/** A full backup of chain `<name>`; what follows from its name follows. */
export const full = (name: string, date: string, change: Partial<Sidecar> = {}): Sidecar => ({
  format: FORMAT,
  name,
  type: 'full',
  status: 'complete',
  date,
  cluster_id: 'c',
  chain: { id: `chain-of-${name}`, sequence: 0, parent: null },
  topics: 1,
  records: 10,
  bytes: 1000,
  parts: [{ name: `${name}.tar.gz`, bytes: 1000 }],
  manifest: { offset: 900, length: 100, bytes: 50, sha256: SHA },
  max_timestamp: -1,
  encrypted: false,
  ...change,
})

export const incremental = (name: string, date: string, parent: Sidecar, change: Partial<Sidecar> = {}): Sidecar =>
  full(name, date, {
    type: 'incremental',
    chain: { id: parent.chain.id, sequence: parent.chain.sequence + 1, parent: { name: parent.name, sha256: parent.manifest.sha256 } },
    ...change,
  })
