// A service's port as its pods have it.
import { describe, expect, it } from 'vitest'
import { targetPort } from '../../../src/adapters/kubernetes/dial.ts'

const pod = { spec: { containers: [{ name: 'kafka', ports: [{ name: 'client', containerPort: 9092 }] }] } }
const service = (spec: object) => ({ metadata: { name: 'kafka-service' }, spec })

describe('the port behind a service', () => {
  it.each([
    ['as it is, where it maps nothing', { ports: [{ port: 9092 }] }, 9092, 9092],
    ['by number', { ports: [{ port: 80 }, { port: 19092, targetPort: 9092 }] }, 19092, 9092],
    ['by the name of a container’s port', { ports: [{ port: 19092, targetPort: 'client' }] }, 19092, 9092],
    ['of a headless service, which maps none', { clusterIP: 'None', ports: [{ port: 1, targetPort: 2 }] }, 9092, 9092],
  ])('%s', (_, spec, port, target) => {
    expect(targetPort(service(spec), pod, port)).toBe(target)
  })

  it('names the ports that it has when asked for another', () => {
    expect(() => targetPort(service({ ports: [{ port: 9092 }, { port: 9093 }] }), pod, 1)).toThrow('kafka-service has no port 1: it has 9092, 9093')
    expect(() => targetPort(service({ ports: [{ port: 1, targetPort: 'nothing' }] }), pod, 1)).toThrow('which no container of its pods has')
  })
})
