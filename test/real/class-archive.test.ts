// The archive of what Kafka's JVM loads: made once, used by every node of a lab, and missed by nobody.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { classArchiveOf } from '../../src/lab/class-archive.ts'
import { jarsOf } from '../../src/lab/jars.ts'
import { needJava } from '../../src/lab/java.ts'
import { labStatus } from '../../src/lab/labs.ts'
import { RELEASES } from '../../src/lab/versions.ts'
import { CACHE, realLab } from '../lab/real-lab.ts'

const cache = mkdtempSync(join(tmpdir(), 'kdr-archive-'))
const lines: string[] = []
const telling = { progress: (line: string) => lines.push(line), signal: new AbortController().signal }
const trained = async () => {
  const release = RELEASES['4']
  return { release, java: await needJava(), jars: await jarsOf(release, CACHE, null, telling) }
}
afterAll(() => rmSync(cache, { recursive: true, force: true }))

it('is made once for these jars and this Java, and nothing is left beside it', async () => {
  const first = await classArchiveOf(await trained(), cache, telling)
  expect(lines.filter((line) => line.includes('keeping'))).toHaveLength(1)
  expect(readdirSync(join(cache, 'kafka-classes')).map((name) => join(cache, 'kafka-classes', name))).toEqual([first])
  lines.length = 0
  expect(await classArchiveOf(await trained(), cache, telling)).toBe(first)
  expect(lines).toEqual([])
})

it('is done without, and said so, where it cannot be made', async () => {
  lines.length = 0
  const other = mkdtempSync(join(tmpdir(), 'kdr-archive-'))
  try {
    expect(await classArchiveOf({ ...(await trained()), java: '/bin/false' }, other, telling)).toBeNull()
    expect(lines.at(-1)).toContain('starts stay as slow as they are')
    expect(readdirSync(join(other, 'kafka-classes'))).toEqual([])
  } finally {
    rmSync(other, { recursive: true })
  }
})

it.runIf(process.platform === 'linux')('is what every node of a lab starts from', async () => {
  const lab = await realLab('4')
  try {
    const { members } = await labStatus(lab.name, lab.home)
    const maps = members.map(({ pid }) => readFileSync(`/proc/${pid}/maps`, 'utf8'))
    expect(maps).toHaveLength(6)
    for (const each of maps) expect(each).toContain('.jsa')
    for (const each of maps) expect(each).toContain(join(CACHE, 'kafka-classes'))
  } finally {
    await lab.down()
  }
})
