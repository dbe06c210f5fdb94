import { describe, expect, it } from 'vitest'
import {
  closeRequest,
  connectRequest,
  frameCutter,
  getChildrenRequest,
  getDataRequest,
  Reader,
  readConnectResponse,
  readData,
  readReplyHeader,
  syncRequest,
} from '../../../src/adapters/zookeeper/jute.ts'

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')

describe('requests, byte by byte', () => {
  it('asks for a session that is not read-only', () => {
    expect(connectRequest(10_000).toString('hex')).toBe(
      hex('0000002d 00000000 0000000000000000 00002710 0000000000000000 00000010 00000000000000000000000000000000 00').toString('hex'),
    )
  })

  it('reads data and children without a watch', () => {
    expect(getDataRequest(1, '/a')).toEqual(hex('0000000f 00000001 00000004 00000002 2f61 00'))
    expect(getChildrenRequest(258, '/é')).toEqual(hex('00000010 00000102 0000000c 00000003 2fc3a9 00'))
  })

  it('syncs on the root and closes', () => {
    expect(syncRequest(3)).toEqual(hex('0000000d 00000003 00000009 00000001 2f'))
    expect(closeRequest(4)).toEqual(hex('00000008 00000004 fffffff5'))
  })
})

describe('answers, byte by byte', () => {
  it('reads a session and a refusal', () => {
    expect(readConnectResponse(hex('00000000 00001770 0100000000000001 00000010 00000000000000000000000000000000 00'))).toEqual({
      timeout: 6000,
      session: 0x0100000000000001n,
    })
    expect(readConnectResponse(hex('00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000')).session).toBe(0n)
  })

  it('reads a header with its error', () => {
    expect(readReplyHeader(new Reader(hex('00000007 0000000100000050 ffffff9b')))).toEqual({ xid: 7, zxid: 0x100000050n, error: -101 })
  })

  it('reads data, its creating transaction and its version', () => {
    const body = hex('00000002 6869 0000000100000020 0000000100000021 0000000000000001 0000000000000002 00000003 00000000')
    expect(readData(new Reader(body))).toEqual({ data: Buffer.from('hi'), czxid: 0x100000020n, version: 3 })
    expect(readData(new Reader(hex(`ffffffff ${'0000000000000000'.repeat(4)} 00000000`))).data).toHaveLength(0)
  })

  it('reads children, none of them too', () => {
    expect(new Reader(hex('00000002 00000001 31 00000002 3130')).strings()).toEqual(['1', '10'])
    expect(new Reader(hex('00000000')).strings()).toEqual([])
  })

  it('does not read past its frame', () => {
    expect(() => new Reader(hex('00000005 6869')).buffer()).toThrow(RangeError)
    expect(() => new Reader(hex('0000')).int32()).toThrow(RangeError)
  })
})

describe('frames', () => {
  const stream = Buffer.concat([hex('00000002 6869'), hex('00000000'), hex('00000003 616263')])
  const whole = ['6869', '', '616263']

  it.each([1, 2, 3, 5, 100])('come out whole, however the stream was cut: %i bytes at a time', (size) => {
    const cut = frameCutter()
    const bodies: string[] = []
    for (let at = 0; at < stream.length; at += size) bodies.push(...cut(stream.subarray(at, at + size)).map((body) => body.toString('hex')))
    expect(bodies).toEqual(whole)
  })

  it.each(['ffffffff', '7fffffff', '48545450'])('refuses what no ZooKeeper says: length %s', (length) => {
    expect(() => frameCutter()(hex(length))).toThrow(/no ZooKeeper/)
  })
})
