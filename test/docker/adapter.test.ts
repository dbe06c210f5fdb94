// What the adapter tells of containers and does to them, on a real engine.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDocker } from '../../src/adapters/docker/open-docker.ts'
import { KdrError } from '../../src/errors.ts'
import type { Member } from '../../src/model/member.ts'
import type { PlatformReader, PlatformWriter } from '../../src/ports/platform.ts'
import { minutes, seconds } from '../../src/units.ts'
import { type Shells, shellsUp } from './shells.ts'

const PROJECT = 'kdr-adapter-test'
const soon = () => AbortSignal.timeout(seconds(60))
const seen = <T>(fact: { known: true; value: T } | { known: false; why: string }): T | string => (fact.known ? fact.value : `unknown: ${fact.why}`)
const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'it did not throw',
    (thrown: unknown) => (thrown instanceof KdrError ? thrown.code : String(thrown)),
  )

describe('a project of containers', () => {
  let shells: Shells
  let platform: PlatformReader & PlatformWriter
  const nameOf = (service: string) => `${PROJECT}-${service}-1`
  const member = async (service: string): Promise<Member> => {
    const found = (await platform.members(soon())).find(({ name }) => name === nameOf(service))
    if (found === undefined) throw new Error(`${service} is not listed`)
    return found
  }
  const refOf = async (service: string) => ({ name: nameOf(service), uid: seen((await member(service)).uid) as string | null })
  const logs = (service: string, previous: boolean) => platform.logs(nameOf(service), { tail: 100, previous }, soon())

  beforeAll(async () => {
    shells = await shellsUp(PROJECT)
    platform = openDocker({ cluster: 'shells', project: PROJECT, host: null, context: null, files: [], env: process.env })
  })
  afterAll(async () => {
    await platform?.close()
    await shells?.down()
  })

  it('takes nobody for a broker by its name, and everybody by what it is configured to be', async () => {
    const members = await platform.members(soon())
    expect(Object.fromEntries(members.map(({ name, roles }) => [name.slice(PROJECT.length + 1, -2), roles.join()]))).toEqual({
      blank: 'broker',
      gone: 'broker',
      intact: 'broker',
      'kafka-4': 'service',
      named: 'broker',
      odd: 'broker',
      terminal: 'service',
    })
  })

  it('believes the disk, not the environment', async () => {
    const named = await member('named')
    expect([seen(named.id), named.id.by]).toEqual([7, `/var/lib/kafka/data/meta.properties of ${nameOf('named')}`])
    expect(named.volumes[0]).toMatchObject({ state: { value: 'intact' }, clusterId: { value: 'abc' }, backing: { claim: `${PROJECT}_data`, phase: 'Bound' } })
    expect(named.revives).toBe('crashes')
    const blank = await member('blank')
    expect([seen(blank.id), blank.id.by]).toEqual([2, `KAFKA_BROKER_ID of ${nameOf('blank')}, as no meta.properties was found`])
    expect(blank.revives).toBe('never')
  })

  it.each(['running', 'stopped'])('looks into containers that are %s', async (state) => {
    const names = ['intact', 'blank', 'odd', 'gone']
    if (state === 'stopped') await shells.docker('kill', ...names.map(nameOf))
    const members = await Promise.all(names.map(member))
    expect(members.map((each) => seen(each.state))).toEqual(names.map(() => state))
    expect(members.map(({ volumes: [volume] }) => volume && seen(volume.state))).toEqual([
      'intact',
      'blank',
      'unknown: it holds topic-0 but nothing that says whose it is',
      'gone',
    ])
    const [volume] = members[0]?.volumes ?? []
    expect(volume && seen(volume.usableBytes)).toEqual(state === 'running' ? expect.any(Number) : 'unknown: only a running container can be asked')
    expect(volume?.backing).toBeNull()
  })

  it('reads a terminal’s log too, and keeps one start apart from the next', async () => {
    await expect.poll(() => logs('terminal', false), { timeout: 10_000 }).toEqual(['{}'])
    await shells.docker('restart', '--time', '10', nameOf('terminal'))
    await expect.poll(() => logs('terminal', false), { timeout: 10_000 }).toEqual(['{}'])
    expect((await logs('terminal', true)).slice(-2)).toEqual(['{}', 'stopped'])
  })

  it('sees a crash revived: one restart, how it ended, and its last words', async () => {
    const before = await member('named')
    await platform.exec(await refOf('named'), ['bash', '-c', 'echo last words > /proc/1/fd/1; kill -TERM 1'], soon())
    await expect.poll(async () => seen((await member('named')).restarts), { timeout: 20_000 }).toBe(1)
    await expect.poll(async () => seen((await member('named')).state), { timeout: 20_000 }).toBe('running')
    const after = await member('named')
    expect(seen(after.uid)).not.toBe(seen(before.uid))
    expect(seen(after.lastExit)).toEqual({ code: 0, signal: null, oomKilled: false })
    expect((await logs('named', true)).slice(-2)).toEqual(['last words', 'stopped'])
    await expect.poll(() => logs('named', false), { timeout: 5000 }).toEqual(['begins'])
  })

  it('runs a command with its exit code and both outputs, and without the broker’s JMX port', async () => {
    const ref = await refOf('named')
    const script = 'echo out; echo err >&2; echo "[$KAFKA_HEAP_OPTS$JMX_PORT]"; read -r line || echo "no input"; exit 3'
    expect(await platform.exec(ref, ['bash', '-c', script], soon())).toEqual({ code: 3, stdout: 'out\n[-Xmx256M]\nno input\n', stderr: 'err\n' })
    expect((await platform.exec(ref, ['no-such-program'], soon())).code).toBe(127)
    expect(await codeOf(platform.exec({ ...ref, uid: 'another' }, ['true'], soon()))).toBe('member-changed')
    expect(await codeOf(platform.exec({ name: nameOf('blank'), uid: null }, ['true'], soon()))).toBe('member-not-running')
  })

  it('says that an exec whose end it did not see is unknown', async () => {
    const ref = await refOf('named')
    const running = platform.exec(ref, ['sleep', '60'], soon())
    await sleep(500)
    await shells.docker('kill', nameOf('named'))
    // The engine itself reports 137 for what died with its container; anything but a plain success will do.
    const ended = await running.then(
      ({ code }) => code,
      (thrown: unknown) => (thrown instanceof KdrError ? thrown.code : 'another error'),
    )
    expect([137, 'outcome-unknown']).toContain(ended)
    await platform.start({ name: nameOf('named'), uid: null }, soon())
  })

  it('does not wake a paused container to stop it', async () => {
    await shells.docker('pause', nameOf('named'))
    const paused = await member('named')
    expect(seen(paused.state)).toBe('paused')
    await platform.stop({ name: paused.name, uid: seen(paused.uid) as string }, { grace: minutes(2) }, soon())
    expect(seen((await member('named')).lastExit)).toEqual({ code: 137, signal: 'SIGKILL', oomKilled: false })
    expect(await logs('named', false)).not.toContain('stopped')
    // Stopped on purpose: its policy leaves it alone.
    await sleep(1500)
    expect(seen((await member('named')).state)).toBe('stopped')
    await platform.start({ name: nameOf('named'), uid: null }, soon())
  })

  it('sees that one is cut off, and puts it back under all its names', async () => {
    const network = `${PROJECT}_default`
    await shells.docker('network', 'disconnect', network, nameOf('named'))
    const cutOff = await member('named')
    expect([seen(cutOff.state), seen(cutOff.waiting)]).toMatchObject(['running', { reason: 'NoNetwork' }])
    expect(platform.commands.reconnect(nameOf('named'))).toBe(`docker network connect --alias named --alias ${nameOf('named')} ${network} ${nameOf('named')}`)
    await platform.reconnect(await refOf('named'), soon())
    const back = await member('named')
    expect([seen(back.waiting), seen(back.uid)]).toEqual([null, seen(cutOff.uid)])
    const aliases = JSON.parse(await shells.docker('inspect', '--format', `{{json (index .NetworkSettings.Networks "${network}").Aliases}}`, nameOf('named')))
    expect(aliases).toEqual(expect.arrayContaining(['named', nameOf('named'), 'also-named']))
  })

  it('looks again right before a change, and needs no compose for what has a container', async () => {
    const script = join(shells.folder, 'compose')
    // As a restart policy may do it, while compose reads its files.
    writeFileSync(script, `#!/bin/sh\ndocker restart --time 5 ${nameOf('named')} && echo asked > ${script}.asked\nexit 1\n`, { mode: 0o755 })
    const env = { ...process.env, KDR_DOCKER_COMPOSE: script }
    const slow = openDocker({ cluster: 'shells', project: PROJECT, host: null, context: null, files: [], env })
    await slow.stop(await refOf('named'), { grace: 0 }, soon())
    await slow.start({ name: nameOf('named'), uid: null }, soon())
    expect(existsSync(`${script}.asked`)).toBe(false)
    expect(await codeOf(slow.reconnect(await refOf('named'), soon()))).toBe('member-changed')
    expect(existsSync(`${script}.asked`)).toBe(true)
    await slow.close()
  })

  it('tells what happened, to containers, networks and volumes, and nothing of looking', async () => {
    const since = Date.now() - minutes(10)
    const events = await platform.events(since, soon())
    const of = events.filter(({ member: name }) => name === nameOf('named')).map(({ what }) => what)
    expect(of).toEqual(expect.arrayContaining(['pause', 'die (exit code 137)', `network disconnect ${PROJECT}_default`]))
    expect(events.map(({ what }) => what).filter((what) => /exec|health|archive/.test(what))).toEqual([])
    const before = events.length
    await platform.members(soon())
    expect(await platform.events(since, soon())).toHaveLength(before)
  })

  it('lists a service that lost its container, and its disk, and makes it anew', async () => {
    const { name } = await member('named')
    await shells.docker('rm', '--force', name)
    const removed = await member('named')
    expect([seen(removed.state), seen(removed.uid), removed.roles]).toEqual(['stopped', null, ['broker']])
    expect(removed.volumes).toHaveLength(1)
    expect(['intact', 'unknown: its container is gone: what is on it is seen once it has one again']).toContain(seen(removed.volumes[0]!.state))
    expect(await logs('named', false)).toEqual([])
    expect(await codeOf(platform.stop({ name, uid: 'what it was' }, { grace: 0 }, soon()))).toBe('member-changed')

    await shells.docker('volume', 'rm', `${PROJECT}_data`)
    const lost = await member('named')
    expect([seen(lost.id), lost.id.by]).toEqual([2, `KAFKA_BROKER_ID of ${name}, as its container is gone`])
    expect(lost.volumes[0]).toMatchObject({ state: { value: 'gone' }, backing: { phase: 'Lost', volume: null } })
    expect(platform.commands.start(name)).toBe(`docker compose -p ${PROJECT} up -d --no-deps --no-recreate named`)

    await platform.start({ name, uid: null }, soon())
    await expect.poll(async () => seen((await member('named')).id), { timeout: 10_000 }).toBe(7)
    expect(seen((await member('blank')).state)).toBe('stopped')
  })

  it('says that it cannot know of removed services where there is no compose', async () => {
    const blind = openDocker({ cluster: 'shells', project: PROJECT, host: null, context: null, files: ['/nowhere/compose.yml'], env: process.env })
    const [any] = await blind.members(soon())
    expect(any && seen(any.workload)).toContain('unknown: services without a container would not be seen')
    await blind.close()
    const nobody = openDocker({ cluster: 'x', project: 'no-such-project', host: null, context: null, files: [], env: process.env })
    expect(await codeOf(nobody.members(soon()))).toBe('no-such-project')
    await nobody.close()
  })
})
