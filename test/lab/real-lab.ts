// A real lab for tests: its homes are temporary, its jars come from kdr's ordinary cache so that runs are warm.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { labDown } from '../../src/lab/down.ts'
import { stateFileOf } from '../../src/lab/labs.ts'
import { type LabUpOptions, labUp } from '../../src/lab/up.ts'
import type { LabVersion } from '../../src/model/lab.ts'

export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'kdr')

export interface RealLab {
  readonly name: string
  readonly home: string
  readonly folder: string
  readonly stateFile: string
  readonly options: LabUpOptions
  down(): Promise<void>
}

/** Where a lab would be, without bringing it up. */
export const labPlace = (kafka: LabVersion, more: Partial<LabUpOptions> = {}): RealLab => {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "kdr lab's-")))
  const name = more.name ?? `t${kafka}`
  const options: LabUpOptions = {
    name,
    platform: 'process',
    kafka,
    home,
    cache: CACHE,
    kafkaHome: process.env.KAFKA_HOME ?? null,
    progress: () => {},
    signal: new AbortController().signal,
    ...more,
  }
  const folder = join(home, name)
  const down = async () => {
    await labDown(name, home).catch((thrown) => {
      if (thrown.code !== 'lab-not-found') throw thrown
    })
    rmSync(home, { recursive: true, force: true })
  }
  return { name, home, folder, stateFile: stateFileOf(folder), options, down }
}

export const realLab = async (kafka: LabVersion, more: Partial<LabUpOptions> = {}): Promise<RealLab> => {
  const lab = labPlace(kafka, more)
  await labUp(lab.options)
  return lab
}
