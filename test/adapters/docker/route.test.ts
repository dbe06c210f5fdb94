// Which address is dialled for an advertised one. Containers are as docker inspect shows them, cut down to what counts.
import { describe, expect, it } from 'vitest'
import type { Container } from '../../../src/adapters/docker/containers.ts'
import { resolveEndpoint } from '../../../src/adapters/docker/endpoint.ts'
import { type Address, routeTo } from '../../../src/adapters/docker/route.ts'

interface Cut {
  readonly status?: string
  readonly ip?: string | null
  readonly ports?: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>>
  readonly aliases?: readonly string[]
  readonly mode?: string
}

const container = (service: string, { status = 'running', ip = '172.18.0.9', ports = {}, aliases = [], mode = 'lab_net' }: Cut = {}): Container =>
  ({
    id: `${service}0123456789ab`,
    name: `lab-${service}-1`,
    service,
    status,
    inspected: {
      Config: { Hostname: service, Domainname: '' },
      HostConfig: { NetworkMode: mode, PortBindings: ports },
      NetworkSettings: {
        Ports: status === 'running' && ip !== null ? ports : {},
        Networks: ip === null ? {} : { lab_net: { IPAddress: status === 'running' ? ip : '', GlobalIPv6Address: '', Aliases: aliases } },
      },
    },
  }) as unknown as Container

const HOST_PORT = { '9092/tcp': [{ HostIp: '127.0.0.1', HostPort: '9093' }] }
const OPEN_PORT = { '9092/tcp': [{ HostIp: '0.0.0.0', HostPort: '9093' }] }
const here = { endpoint: resolveEndpoint({ host: 'unix:///x.sock', context: null }, {}), reachesContainers: true, absent: [] }
const far = { endpoint: resolveEndpoint({ host: 'tcp://far.example:2376', context: null }, {}), reachesContainers: false, absent: [] }
const desktop = { ...here, reachesContainers: false }
const at = (text: string): Address => ({ host: text.slice(0, text.lastIndexOf(':')), port: Number(text.slice(text.lastIndexOf(':') + 1)) })

describe('the engine is on this host', () => {
  const all = [container('kafka-1', { ip: '172.18.0.5' }), container('kafka-2', { ports: HOST_PORT, aliases: ['broker-two'] })]

  it.each(['kafka-2', 'lab-kafka-2-1', 'broker-two', 'KAFKA-2.', 'kafka-20123456789ab'.slice(0, 12), '172.18.0.9'])('knows a container as %s', (name) => {
    expect(routeTo({ host: name, port: 29092 }, all, here)).toEqual(at('172.18.0.9:29092'))
  })

  it('prefers the published port, and takes the container itself for others', () => {
    expect(routeTo(at('kafka-2:9092'), all, here)).toEqual(at('127.0.0.1:9093'))
    expect(routeTo(at('localhost:9093'), all, here)).toEqual(at('127.0.0.1:9093'))
    expect(routeTo(at('kafka-1:29092'), all, here)).toEqual(at('172.18.0.5:29092'))
  })

  it('leaves alone what is no container: another host, or another port of this one', () => {
    expect(routeTo(at('kafka.example:9092'), all, here)).toEqual(at('kafka.example:9092'))
    expect(routeTo(at('127.0.0.1:8081'), all, here)).toEqual(at('127.0.0.1:8081'))
  })

  it('never lets anybody else answer for a container that does not run, or was removed', () => {
    const stopped = [container('kafka-2', { status: 'exited', ports: HOST_PORT })]
    for (const address of ['kafka-2:29092', 'localhost:9093']) expect(routeTo(at(address), stopped, here)).toHaveProperty('refused')
    expect(routeTo(at('kafka-3:29092'), all, { ...here, absent: ['kafka-3'] })).toHaveProperty('refused')
  })

  it('proves nothing by a container that lost its network', () => {
    const cutOff = [container('kafka-2', { ip: null, ports: HOST_PORT })]
    for (const address of ['kafka-2:29092', 'kafka-2:9092', 'localhost:9093']) expect(routeTo(at(address), cutOff, here)).toHaveProperty('unreachable')
  })

  it('takes one that runs for another of its service that does not', () => {
    const twins = [container('kafka', { status: 'exited' }), { ...container('kafka', { ip: '172.18.0.7' }), id: 'feedfeedfeedfeed', name: 'lab-kafka-2' }]
    expect(routeTo(at('kafka:9092'), twins, here)).toEqual(at('172.18.0.7:9092'))
  })

  it('dials a container on the host network there', () => {
    expect(routeTo(at('kafka-1:9092'), [container('kafka-1', { mode: 'host' })], far)).toEqual(at('far.example:9092'))
  })
})

describe("the engine is elsewhere, or its containers' addresses are", () => {
  it('dials what is published for all on the engine’s host, and localhost there too', () => {
    const all = [container('kafka-2', { ports: OPEN_PORT })]
    expect(routeTo(at('kafka-2:9092'), all, far)).toEqual(at('far.example:9093'))
    expect(routeTo(at('localhost:9093'), all, far)).toEqual(at('far.example:9093'))
    expect(routeTo(at('localhost:8081'), all, far)).toEqual(at('far.example:8081'))
    expect(routeTo(at('kafka-2:9092'), all, desktop)).toEqual(at('127.0.0.1:9093'))
  })

  it('proves nothing by a port that is not published, or on the far loopback only', () => {
    expect(routeTo(at('kafka-2:29092'), [container('kafka-2')], far)).toHaveProperty('unreachable')
    expect(routeTo(at('kafka-2:9092'), [container('kafka-2', { ports: HOST_PORT })], far)).toHaveProperty('unreachable')
    expect(routeTo(at('localhost:9093'), [container('kafka-2', { ports: HOST_PORT })], far)).toHaveProperty('unreachable')
    expect(routeTo(at('kafka-2:29092'), [container('kafka-2')], desktop)).toHaveProperty('unreachable')
  })
})
