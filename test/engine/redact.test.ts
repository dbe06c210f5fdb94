import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRedactor, REDACTED, redactDeep, secretsOf } from '../../src/engine/redact.ts'

const none = createRedactor([])

describe('known values', () => {
  it('hides a value in every form it is written in', () => {
    const secret = 'p@ss "w"/ö\\x'
    const redact = createRedactor([secret])
    const forms = [
      secret,
      JSON.stringify(secret),
      JSON.stringify(JSON.stringify(secret)),
      encodeURIComponent(secret),
      Buffer.from(`kdr:${secret}`).toString('base64'),
    ]
    for (const form of forms) expect(redact(`before ${form} after`)).toMatch(/^before .*‹redacted›.* after$/)
    for (const form of forms.slice(0, 4)) expect(redact(form)).not.toContain('ss')
  })

  it('hides the longest first and leaves nothing of overlapping values', () => {
    const redact = createRedactor(['abcd', 'abcdefgh', 'fghij'])
    expect(redact('xabcdefghijy')).toBe(`x${REDACTED}y`)
  })

  it('lets nothing registered survive, whatever surrounds it', () => {
    const value = fc.string({ minLength: 4, maxLength: 24 }).filter((text) => text.trim().length >= 4 && !REDACTED.includes(text.trim()) && !/[‹›]/.test(text))
    const piece = fc.string({ maxLength: 12 })
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), fc.array(piece, { minLength: 2, maxLength: 6 }), fc.nat(3), (secrets, pieces, form) => {
        const write = [
          (text: string) => text,
          (text: string) => JSON.stringify(text),
          encodeURIComponent,
          (text: string) => Buffer.from(text).toString('base64'),
        ][form]
        const text = pieces.map((before, at) => before + (write?.(secrets[at % secrets.length] ?? '') ?? '')).join('')
        const out = createRedactor(secrets)(text)
        for (const secret of secrets) {
          // A marker next to other text may spell a value by chance: only what stands between markers counts.
          for (const rest of out.split(REDACTED)) expect(rest).not.toContain(secret)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('leaves text alone that holds none of them', () => {
    const redact = createRedactor(['zzzz-zzzz'])
    fc.assert(fc.property(fc.stringMatching(/^[a-m ]{0,40}$/), (text) => redact(text) === text))
  })
})

describe('patterns', () => {
  const cases: readonly [name: string, text: string, hidden: string, kept: string][] = [
    ['a property', 'ssl.keystore.password=hunter22 next', 'hunter22', 'ssl.keystore.password='],
    ['a JSON field', '{"password":"hunter22","user":"kdr"}', 'hunter22', '"user":"kdr"'],
    ['a JSON field with an escaped quote', '{"password":"hun\\"ter22","user":"kdr"}', 'ter22', '"user":"kdr"'],
    ['YAML', 'password: hunter22', 'hunter22', 'password:'],
    ['JAAS', 'sasl.jaas.config=org.apache.kafka.X required username="kdr" password="hunter22";', 'hunter22', 'sasl.jaas.config='],
    ['JAAS within JSON', JSON.stringify({ 'sasl.jaas.config': 'X required username="kdr" password="hunter22";', next: 1 }), 'hunter22', '"next":1'],
    ['a header', 'Authorization: Basic a2RyOmh1bnRlcjIy', 'a2RyOmh1bnRlcjIy', 'Authorization: Basic'],
    ['a bearer token', 'curl -H "Bearer abcdef0123456789"', 'abcdef0123456789', 'Bearer'],
    ['a URL', 'https://kdr:hunter22@registry:8081/subjects', 'hunter22', '@registry:8081'],
    ['an AWS key id', 'key AKIAIOSFODNN7EXAMPLE used', 'AKIAIOSFODNN7EXAMPLE', 'used'],
    ['an AWS secret', 'aws_secret_access_key = wJalrXUtnFEMIK7MDENG', 'wJalrXUtnFEMIK7MDENG', 'aws_secret_access_key'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIEvQ\nabc\n-----END PRIVATE KEY-----\nafter', 'MIIEvQ', 'after'],
    ['half a private key', 'x -----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBg\n', 'MIIEvQIBADANBg', 'x '],
  ]
  it.each(cases)('%s', (_, text, hidden, kept) => {
    const out = none(text)
    expect(out).not.toContain(hidden)
    expect(out).toContain(REDACTED)
    expect(out).toContain(kept)
  })

  it('keeps JSON readable as JSON', () => {
    const text = JSON.stringify({ password: 'a"b\\c', token: 12345678, nested: { secret: 'x y', text: 'password="q\\"uoted"' }, flag: true, credentials: null })
    expect(() => JSON.parse(none(text)) as unknown).not.toThrow()
  })

  it('leaves references alone', () => {
    expect(none('password: { env: KDR_PASSWORD }')).toBe('password: { env: KDR_PASSWORD }')
  })
})

describe('the environment', () => {
  it('gives away values by the names of their variables', () => {
    const found = secretsOf({
      KDR_PASSWORD: 'one-one',
      GH_TOKEN: 'two-two',
      MY_API_KEY: 'three',
      AWS_SECRET_ACCESS_KEY: 'four-four',
      HOME: '/root',
      X_PASSWD: 'abc',
      USE_TOKEN: 'true',
    })
    expect(found).toEqual(['one-one', 'two-two', 'three', 'four-four'])
  })
})

it('redacts strings of a value and nothing else of it', () => {
  expect(redactDeep({ a: ['hunter22', 1, null, true], hunter22: { b: 'x hunter22' } }, createRedactor(['hunter22']))).toEqual({
    a: [REDACTED, 1, null, true],
    hunter22: { b: `x ${REDACTED}` },
  })
})
