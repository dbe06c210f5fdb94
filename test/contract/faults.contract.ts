// What every disposable cluster must let itself be done to, and that it is done to the members it names.
import { beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/ports/faults.ts'
import { minutes } from '../../src/units.ts'
import { brokerMember, codeOf, eventually, heal, type Subject, seen, soon, whole } from './subject.ts'

export const faultsContract = (name: string, setUp: () => Promise<Subject>): void => {
  describe(`${name}: faults`, () => {
    let subject: Subject
    const inject = (fault: Fault, broker?: number) => subject.faults.inject(fault, broker === undefined ? {} : { broker }, soon(subject, 180_000))
    const stateOf = async (id: number) => seen((await brokerMember(subject, id)).state)
    beforeAll(async () => {
      subject = await setUp()
      await heal(subject)
    })

    it('refuses what is not there', async () => {
      expect(await codeOf(inject('kill-broker', 9))).toBe('no-such-broker')
      expect(await codeOf(inject(subject.mode === 'zookeeper' ? 'stop-controllers' : 'stop-zookeeper'))).toBe('no-such-role')
    })

    it('hangs a broker, which a stop still ends', async () => {
      const { name: member } = await brokerMember(subject, 2)
      expect(await inject('hang-broker', 2)).toEqual([member])
      expect(await stateOf(2)).toBe('paused')
      expect(await codeOf(inject('hang-broker', 2))).toBe('nothing-to-break')
      expect(await codeOf(inject('stop-broker', 2))).toBe('nothing-to-break')
      await heal(subject)
      expect(await stateOf(2)).toBe('running')
    })

    it('wipes the disk of a broker, which still says who it is', async () => {
      const { name: member } = await brokerMember(subject, 3)
      expect(await inject('wipe-broker', 3)).toEqual([member])
      const wiped = await brokerMember(subject, 3)
      expect([seen(wiped.state), wiped.volumes[0] && seen(wiped.volumes[0].state)]).toEqual(['stopped', 'blank'])
      expect(wiped.volumes[0] && seen(wiped.volumes[0].clusterId)).toBeNull()
      await heal(subject)
      const back = await brokerMember(subject, 3)
      expect(back.volumes[0] && seen(back.volumes[0].state)).toBe('intact')
    })

    it('stops gracefully', async () => {
      const { name: member } = await brokerMember(subject, 1)
      expect(await inject('stop-broker', 1)).toEqual([member])
      expect(await stateOf(1)).toBe('stopped')
      expect(await codeOf(inject('kill-broker', 1))).toBe('nothing-to-break')
      const log = await subject.ports.platform.logs(member, { tail: 2000, previous: false }, soon(subject))
      expect(log.some((line) => /controlled shutdown/i.test(line))).toBe(true)
      await heal(subject)
    })

    it('takes the highest ids that run when none is named', async () => {
      const names = [(await brokerMember(subject, 3)).name, (await brokerMember(subject, 2)).name]
      expect(await inject('kill-two')).toEqual(names)
      expect([await stateOf(1), await stateOf(2), await stateOf(3)]).toEqual(['running', 'stopped', 'stopped'])
      expect(await codeOf(inject('kill-two'))).toBe('nothing-to-break')
      await heal(subject)
    })

    const ensemble = async () => {
      const role = subject.mode === 'zookeeper' ? 'zookeeper' : 'controller'
      const members = (await subject.ports.platform.members(soon(subject))).filter(({ roles }) => roles.includes(role))
      return members.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    }
    const disksOf = (members: Awaited<ReturnType<typeof ensemble>>) => members.map(({ volumes }) => volumes.map(({ state }) => seen(state)))

    it('shows what the disks of the quorum hold, and copies one', async () => {
      const members = await ensemble()
      expect(disksOf(members).flat()).toEqual(disksOf(members).flat().fill('intact'))
      // A disk never claims to reach further than what the servers say was the last transaction.
      const addresses = members.flatMap((member) => member.addresses.slice(0, 1))
      const words = await subject.ports.coordination?.word('srvr', addresses, soon(subject))
      const zxids = [...(words?.values() ?? [])].flatMap((word) => (word.known ? [BigInt(/^Zxid: (0x[0-9a-f]+)/m.exec(word.value)?.[1] ?? '0')] : []))
      const last = zxids.sort((a, b) => Number(a - b)).at(-1) ?? 0n
      for (const { zxid } of members.flatMap(({ volumes }) => volumes)) expect(zxid === undefined || (zxid <= last && zxid >= 0n)).toBe(true)
      const copies = await subject.ports.platform.data(members[0]?.name ?? '', soon(subject, minutes(2)))
      expect(copies.map(({ path }) => path)).toEqual(members[0]?.volumes.map(({ path }) => path))
      for (const { tar } of copies) {
        let bytes = 0
        for await (const chunk of tar) bytes += chunk.length
        expect(bytes).toBeGreaterThan(0)
      }
      expect(await codeOf(subject.ports.platform.data('nobody', soon(subject)))).toBe('no-such-member')
    })

    it('kills one member of the quorum, and the others serve on', async () => {
      const names = (await ensemble()).map((member) => member.name)
      const killed = await inject(subject.mode === 'zookeeper' ? 'kill-zookeeper' : 'kill-controller')
      expect(killed).toEqual([names.at(-1)])
      expect((await ensemble()).map((member) => seen(member.state))).toEqual(names.map((name) => (name === killed[0] ? 'stopped' : 'running')))
      await heal(subject)
    })

    it('stops the whole quorum', async () => {
      const role = subject.mode === 'zookeeper' ? 'zookeeper' : 'controller'
      const stopped = await inject(subject.mode === 'zookeeper' ? 'stop-zookeeper' : 'stop-controllers')
      const members = await subject.ports.platform.members(soon(subject))
      const quorum = members.filter((member) => member.roles.includes(role))
      expect([...stopped].sort()).toEqual(quorum.map((member) => member.name).sort())
      expect(quorum.map((member) => seen(member.state))).toEqual(quorum.map(() => 'stopped'))
      expect([await stateOf(1), await stateOf(2), await stateOf(3)]).toEqual(['running', 'running', 'running'])
      // A member that does not run shows its disk, and gives it away, all the same.
      expect(disksOf(await ensemble()).flat()).toEqual(
        disksOf(await ensemble())
          .flat()
          .fill('intact'),
      )
      await heal(subject)
    })

    it('empties a majority of the quorum, and says of each disk which it is', async () => {
      if (subject.mode === 'kraft') return
      const all = (await ensemble()).map((member) => member.name)
      expect(await inject('wipe-zookeeper-majority')).toHaveLength(all.length)
      const members = await ensemble()
      expect(members.map((member) => seen(member.state))).toEqual(all.map(() => 'stopped'))
      expect(disksOf(members).map((states) => [...new Set(states)])).toEqual(all.map((_, at) => [at === 0 ? 'intact' : 'blank']))
      // The survivor first, then one empty disk after the other: together they would elect each other.
      for (const name of all) {
        await subject.write.platform.start({ name, uid: null }, soon(subject, minutes(2)))
        await eventually(subject, `${name} has data`, async () => {
          const now = (await ensemble()).find((member) => member.name === name)
          // Its log has a disk of its own in containers, and is empty until the first transaction after what it was sent.
          return now?.state.known === true && now.state.value === 'running' && now.volumes.some(({ state }) => state.known && state.value === 'intact')
        })
      }
      await whole(subject)
    })
  })
}
