// Backups through the binary: a lab with nothing of ours in it, its corpus, and a store in a folder.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { findLab } from '../../src/lab/labs.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import { type Corpus, openCorpus, type Picture } from './corpus/corpus.ts'
import { type Ran, type Stand, stand } from './harness.ts'

/** What a restore of its own making needs; it deletes nothing and loses nothing. */
export const RESTORE = ['--non-interactive', '--allow', 'change'] as const
/** Stamped by the broker at the source; and topics with offsets that hold no record. */
export const ALLOWED = { stamped: ['corpus.stamped'], mapped: ['corpus.transactions', 'corpus.compacted', 'corpus.open'] } as const

interface Created {
  readonly name: string
  readonly type: string
  readonly status: string
  readonly topics: number
  readonly records: number
  readonly bytes: number
  readonly gaps: readonly unknown[]
  readonly forcedFull: string | null
  readonly incomplete: readonly string[]
}

interface Restored {
  readonly records: number
  readonly topics: number
  readonly offsets: 'preserved' | 'mapped'
  readonly notRestored: readonly { readonly what: string; readonly why: string }[]
}

export interface Backups {
  readonly here: Stand
  readonly corpus: Corpus
  readonly store: string
  /** Addresses of the lab's brokers. */
  up(name: string): Promise<readonly string[]>
  down(name: string): Promise<void>
  look(name: string, prefix?: string): Promise<Picture>
  write(command: string, name: string, ...args: readonly string[]): Promise<void>
  backup(args: readonly string[], options?: Parameters<Stand['kdr']>[1]): Promise<Ran>
  create(cluster: string, ...flags: readonly string[]): Promise<Created>
  /** Of this store, or of another one. */
  names(store?: string): Promise<readonly string[]>
  restore(cluster: string, name: string, what: 'metadata' | 'data' | 'all', ...flags: readonly string[]): Promise<Restored>
  clear(): Promise<void>
}

export const openBackups = async (kafka: LabVersion): Promise<Backups> => {
  const here = stand()
  const corpus = await openCorpus(kafka)
  const store = path.join(here.home, 'store')
  mkdirSync(store)
  const bootstrapOf = (name: string): readonly string[] => findLab(name, path.join(here.home, 'kdr', 'labs'))?.bootstrap ?? []
  const done = async (args: readonly string[]): Promise<unknown> => {
    const ran = await here.kdr([...args, '--output', 'json'])
    expect(ran.code, `kdr ${args.join(' ')}: ${ran.out}${ran.err}`).toBe(0)
    return JSON.parse(ran.out)
  }
  return {
    here,
    corpus,
    store,
    up: async (name) => {
      await done(['lab', 'up', '--name', name, '--kafka', kafka])
      return bootstrapOf(name)
    },
    down: async (name) => {
      await here.kdr(['lab', 'down', '--name', name])
    },
    look: (name, prefix) => corpus.look(bootstrapOf(name), prefix),
    write: async (command, name, ...args) => {
      await corpus.run(command, bootstrapOf(name), ...args)
    },
    backup: (args, options) => here.kdr(['backup', ...args], options),
    create: async (cluster, ...flags) => (await done(['backup', 'create', '--cluster', cluster, '--store', store, ...flags])) as Created,
    names: async (where = store) => {
      const { backups } = (await done(['backup', 'list', '--store', where])) as { readonly backups: readonly { readonly name: string }[] }
      return backups.map(({ name }) => name)
    },
    restore: async (cluster, name, what, ...flags) =>
      (await done(['backup', 'restore', name, what, '--cluster', cluster, '--store', store, ...RESTORE, ...flags])) as Restored,
    clear: async () => {
      corpus.clear()
      await here.clear()
    },
  }
}
