// Memory of a backup and of a restore does not grow with what is in the topics: below 300 MiB at 1 GB and at 8 GB.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Backups, openBackups, RESTORE } from '../real/backups.ts'

const MOST = 300
const GB = 1_000_000

describe.runIf(process.platform === 'linux')('memory', () => {
  const name = 'memory'
  let backups: Backups
  let bootstrap: readonly string[]
  beforeAll(async () => {
    backups = await openBackups('4')
    bootstrap = await backups.up(name)
  })
  afterAll(() => backups?.clear())

  /** Peak in MiB, as the kernel keeps it: asked until the process has ended. */
  const peak = async (args: readonly string[]): Promise<number> => {
    let most = 0
    let timer: ReturnType<typeof setInterval> | undefined
    const started = ({ pid }: { readonly pid?: number | undefined }) => {
      timer = setInterval(() => {
        try {
          most = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? most * 1024) / 1024
        } catch {
          clearInterval(timer)
        }
      }, 50)
    }
    const ran = await backups.backup([...args, '--cluster', name, '--store', backups.store, '--output', 'json'], { started })
    clearInterval(timer)
    expect(ran.code, ran.out + ran.err).toBe(0)
    return most
  }

  it.each([
    ['lz4', 1],
    ['none', 1],
    ['lz4', 8],
  ])('%s, %i GB', async (codec, size) => {
    const topic = `load-${codec}-${size}`
    await backups.corpus.run('load', bootstrap, topic, codec, '6', String(size * GB), '1024')
    expect(await peak(['create', '--topic', topic])).toBeLessThan(MOST)
    expect(await peak(['restore', 'latest', 'all', '--topic-prefix', 'again-', ...RESTORE])).toBeLessThan(MOST)
    await backups.corpus.run('drop', bootstrap, topic)
    await backups.corpus.run('drop', bootstrap, `again-${topic}`)
  })
})
