import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { killNode, lookUp, startNode, stopNode } from '../../../src/adapters/process/control.ts'
import { membersOf } from '../../../src/adapters/process/members.ts'
import { openProcess } from '../../../src/adapters/process/open-process.ts'
import { findNode, processTable, runsNode } from '../../../src/adapters/process/process-table.ts'
import { type Fixture, fixture } from './fixture.ts'

const never = new AbortController().signal
const made: Fixture[] = []
const make = (...args: Parameters<typeof fixture>): Fixture => {
  const one = fixture(...args)
  made.push(one)
  return one
}
afterEach(async () => {
  for (const one of made.splice(0)) {
    await killNode(one.node, never)
    one.remove()
  }
})

const start = async ({ node }: Fixture): Promise<string> => {
  await startNode(node, { name: node.name, uid: null }, never)
  return (await lookUp(node))?.uid ?? ''
}
const log = ({ node }: Fixture, name = 'out.log') => readFileSync(join(node.home, name), 'utf8')
const untilLogged = async (one: Fixture, words: string) => {
  for (let tries = 0; !log(one).includes(words); tries += 1) {
    if (tries > 100) throw new Error(`never logged ${words}: ${log(one)}`)
    await sleep(50)
  }
}
const lastExit = async (one: Fixture) => (await membersOf(one.state))[0]?.lastExit

describe('starting', () => {
  it('is seen in the process table when it resolves, under a uid that stays', async () => {
    const one = make()
    const uid = await start(one)
    expect(uid).toMatch(/^\d+@\d+/)
    const [member] = await membersOf(one.state)
    expect(member).toMatchObject({ state: { value: 'running' }, uid: { value: uid } })
    const startedAt = member?.startedAt.known ? member.startedAt.value : null
    expect(Math.abs((startedAt ?? 0) - Date.now())).toBeLessThan(10_000)
    expect((await membersOf(one.state))[0]?.startedAt).toEqual(member?.startedAt)
  })

  it('never starts a second beside one that runs', async () => {
    const one = make()
    const uid = await start(one)
    await expect(startNode(one.node, { name: 'kafka1', uid: null }, never)).rejects.toMatchObject({ code: 'member-changed', exit: 'refused' })
    const running = (await processTable()).filter((row) => runsNode(row, one.node))
    expect(running.map((row) => `${row.pid}@${row.start}`)).toEqual([uid])
  })

  it('refuses when it was looked at while it ran and runs no more', async () => {
    const one = make()
    await expect(startNode(one.node, { name: 'kafka1', uid: '1@1' }, never)).rejects.toMatchObject({ code: 'member-changed' })
    expect(await lookUp(one.node)).toBeNull()
  })

  it('gives it an environment of its own', async () => {
    process.env.KAFKA_OPTS = '-Dof=the-operator'
    try {
      const one = make()
      await start(one)
      await untilLogged(one, 'up willing clean')
    } finally {
      delete process.env.KAFKA_OPTS
    }
  })

  it('says why it ended at once, with its last lines', async () => {
    const one = make('willing', 'fails')
    await expect(startNode(one.node, { name: 'kafka1', uid: null }, never)).rejects.toThrow(
      /kafka1 ended as soon as it was started \(exit 9\)[\s\S]*cannot format/,
    )
    expect(await lookUp(one.node)).toBeNull()
  })

  it('formats a blank disk first, and only a blank one', async () => {
    const one = make('willing', 'ok')
    expect((await membersOf(one.state))[0]).toMatchObject({ id: { value: 7, by: `${one.node.file}, as the data directory is blank` } })
    await start(one)
    const meta = join(one.node.dataDirs[0] ?? '', 'meta.properties')
    expect((await membersOf(one.state))[0]).toMatchObject({
      id: { value: 7, by: meta },
      volumes: [{ state: { value: 'intact' }, clusterId: { value: 'abc' } }],
    })
    await killNode(one.node, never)
    writeFileSync(meta, 'node.id=8\ncluster.id=kept\n')
    await start(one)
    expect(readFileSync(meta, 'utf8')).toContain('kept')
  })

  it('formats over what an interrupted formatter left, never over data', async () => {
    const one = make('willing', 'ok')
    const data = one.node.dataDirs[0] ?? ''
    writeFileSync(join(data, 'bootstrap.checkpoint'), '')
    await start(one)
    expect(readdirSync(data).sort()).toEqual(['bootstrap.checkpoint', 'meta.properties'])
    const other = make('willing', 'ok')
    writeFileSync(join(other.node.dataDirs[0] ?? '', 'orders-0'), '')
    await start(other)
    expect(readdirSync(other.node.dataDirs[0] ?? '')).toEqual(['orders-0'])
  })
})

describe('a start that was left half-way', () => {
  it('is waited for, not repeated: kdr died while the disk was being formatted', async () => {
    const one = make('willing', 'held')
    const abort = new AbortController()
    const first = startNode(one.node, { name: 'kafka1', uid: null }, abort.signal)
    for (let tries = 0; (await lookUp(one.node)) === null && tries < 1000; tries += 1) await sleep(10)
    abort.abort()
    await expect(first).rejects.toThrow()
    expect((await membersOf(one.state))[0]?.state).toMatchObject({ value: 'pending' })
    one.letGo()
    await startNode(one.node, { name: 'kafka1', uid: null }, never)
    expect((await processTable()).filter((row) => runsNode(row, one.node))).toHaveLength(1)
  })
})

describe('stopping', () => {
  it('asks first, and keeps how it ended', async () => {
    const one = make()
    const uid = await start(one)
    await untilLogged(one, 'up')
    await stopNode(one.node, { name: 'kafka1', uid }, 10_000, never)
    expect(log(one)).toContain('bye')
    expect(await lookUp(one.node)).toBeNull()
    expect(await lastExit(one)).toMatchObject({ known: true, value: { code: 143, signal: 'SIGTERM', oomKilled: false } })
  })

  it('makes it stop after the grace', async () => {
    const one = make('stubborn')
    const uid = await start(one)
    await untilLogged(one, 'up')
    const before = performance.now()
    await stopNode(one.node, { name: 'kafka1', uid }, 600, never)
    expect(performance.now() - before).toBeGreaterThanOrEqual(600)
    expect(await lastExit(one)).toMatchObject({ value: { code: 137, signal: 'SIGKILL' } })
  })

  it('kills a paused one at once, without waking it', async () => {
    const one = make()
    const uid = await start(one)
    await untilLogged(one, 'up')
    process.kill(Number.parseInt(uid, 10), 'SIGSTOP')
    await sleep(100)
    expect((await membersOf(one.state))[0]?.state).toMatchObject({ value: 'paused' })
    await stopNode(one.node, { name: 'kafka1', uid }, 60_000, never)
    expect(log(one)).not.toContain('bye')
    expect(await lastExit(one)).toMatchObject({ value: { signal: 'SIGKILL' } })
  })

  it('refuses another incarnation than the one looked at, and leaves it running', async () => {
    const one = make()
    const uid = await start(one)
    await expect(stopNode(one.node, { name: 'kafka1', uid: '1@1' }, 1000, never)).rejects.toMatchObject({ code: 'member-changed' })
    await expect(stopNode(one.node, { name: 'kafka1', uid: null }, 1000, never)).rejects.toMatchObject({ code: 'member-changed' })
    expect((await lookUp(one.node))?.uid).toBe(uid)
  })

  it('has nothing to do for one that does not run', async () => {
    const one = make()
    await stopNode(one.node, { name: 'kafka1', uid: null }, 1000, never)
    expect(await lastExit(one)).toMatchObject({ known: true, value: null })
  })

  it('gives up waiting when aborted', async () => {
    const one = make('stubborn')
    const uid = await start(one)
    await untilLogged(one, 'up')
    await expect(stopNode(one.node, { name: 'kafka1', uid }, 60_000, AbortSignal.timeout(300))).rejects.toThrow()
    expect((await lookUp(one.node))?.uid).toBe(uid)
  })
})

describe('logs and exits', () => {
  it('begins a log with every start and keeps three', async () => {
    const one = make()
    for (let run = 0; run < 5; run += 1) {
      const uid = await start(one)
      await untilLogged(one, 'up')
      process.kill(Number.parseInt(uid, 10), run === 0 ? 'SIGKILL' : 'SIGTERM')
      for (let tries = 0; (await lookUp(one.node)) !== null && tries < 100; tries += 1) await sleep(20)
    }
    expect(
      readdirSync(one.node.home)
        .filter((name) => name.endsWith('.log'))
        .sort(),
    ).toEqual(['out.1.log', 'out.2.log', 'out.3.log', 'out.log'])
    const platform = openProcess(one.stateFile)
    expect(await platform.logs('kafka1', { tail: 1, previous: false }, never)).toEqual(['bye'])
    expect(await platform.logs('kafka1', { tail: 100, previous: true }, never)).toEqual(['up willing clean', 'bye'])
  })

  it('shows of a running one how the run before ended', async () => {
    const one = make()
    await start(one)
    await killNode(one.node, never)
    await start(one)
    expect(await lastExit(one)).toMatchObject({ known: true, value: { signal: 'SIGKILL' } })
  })

  it('tells an out-of-memory exit from others', async () => {
    const one = make('oom')
    await start(one)
    for (let tries = 0; !existsSync(join(one.node.home, 'exit')) && tries < 100; tries += 1) await sleep(50)
    expect(await lastExit(one)).toMatchObject({ value: { code: 3, signal: null, oomKilled: true } })
  })

  it('does not know how it ended when that was not recorded', async () => {
    const one = make()
    const uid = await start(one)
    await untilLogged(one, 'up')
    const shell = (await processTable()).find((row) => row.args?.[1] === join(one.node.home, 'start.sh'))
    process.kill(shell?.pid ?? 0, 'SIGKILL')
    process.kill(Number.parseInt(uid, 10), 'SIGKILL')
    for (let tries = 0; findNode(await processTable(), one.node) !== null && tries < 100; tries += 1) await sleep(20)
    expect(await lastExit(one)).toMatchObject({ known: false, why: 'its exit was not recorded' })
  })
})
