// The login of a connection that kdr reads itself: SaslHandshake, then PLAIN (RFC 4616) or SCRAM (RFC 5802) through
// SaslAuthenticate. A server that cannot prove that it knows the password is refused, too.
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { KdrError } from '../../errors.ts'
import { errorWords } from './error-codes.ts'
import type { Sasl } from './kafkajs.ts'
import type { Message } from './message.ts'

interface Handshake {
  readonly error: number
  readonly mechanisms: readonly string[]
}

const SaslHandshake: Message<string, Handshake> = {
  name: 'SaslHandshake',
  key: 17,
  version: 1,
  flexible: false,
  encode: (writer, mechanism) => writer.oldString(mechanism),
  decode: (reader) => ({ error: reader.i16(), mechanisms: reader.oldArray((each) => each.oldString()) }),
}

interface Authenticated {
  readonly error: number
  readonly message: string
  readonly bytes: Buffer
  /** Milliseconds until the broker wants a new login; 0 for never. */
  readonly lifetime: number
}

const SaslAuthenticate: Message<Buffer, Authenticated> = {
  name: 'SaslAuthenticate',
  key: 36,
  version: 1,
  flexible: false,
  encode: (writer, bytes) => writer.i32(bytes.length).raw(bytes),
  decode: (reader) => {
    const error = reader.i16()
    const message = reader.oldString()
    const bytes = Buffer.from(reader.raw(Math.max(0, reader.i32())))
    return { error, message, bytes, lifetime: Number(reader.i64()) }
  },
}

type Ask = <Q, A>(message: Message<Q, A>, question: Q) => Promise<A>

const refused = (endpoint: string, words: string): KdrError =>
  new KdrError(`${endpoint} refused the login: ${words}`, { code: 'authentication-failed', hint: 'Check the user, the password and the SASL mechanism.' })

const exchange = async (endpoint: string, ask: Ask, bytes: Buffer): Promise<Authenticated> => {
  const answer = await ask(SaslAuthenticate, bytes)
  if (answer.error !== 0) throw refused(endpoint, errorWords(answer.error, answer.message))
  return answer
}

const HASHES: Readonly<Record<string, string>> = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' }

/** `r=…,s=…,i=…` */
const attributes = (text: string): ReadonlyMap<string, string> => new Map(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)))

const scram = async (endpoint: string, ask: Ask, { username, password }: Sasl, hash: string): Promise<Authenticated> => {
  const nonce = randomBytes(24).toString('base64url')
  const first = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  const challenge = (await exchange(endpoint, ask, Buffer.from(`n,,${first}`))).bytes.toString()
  const asked = attributes(challenge)
  const [both = '', salt = '', iterations = 0] = [asked.get('r'), asked.get('s'), Number(asked.get('i'))]
  if (!both.startsWith(nonce) || salt === '' || !(iterations >= 4096)) throw refused(endpoint, 'its challenge is not one of SCRAM')
  const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest()
  const length = createHash(hash).digest().length
  const salted = await promisify(pbkdf2)(password.normalize('NFKC'), Buffer.from(salt, 'base64'), iterations, length, hash)
  const clientKey = hmac(salted, 'Client Key')
  const final = `c=biws,r=${both}`
  const signed = `${first},${challenge},${final}`
  const proof = xor(clientKey, hmac(createHash(hash).update(clientKey).digest(), signed))
  const answer = await exchange(endpoint, ask, Buffer.from(`${final},p=${proof.toString('base64')}`))
  const theirs = Buffer.from(attributes(answer.bytes.toString()).get('v') ?? '', 'base64')
  const expected = hmac(hmac(salted, 'Server Key'), signed)
  if (theirs.length !== expected.length || !timingSafeEqual(theirs, expected)) throw refused(endpoint, 'it does not know the password itself')
  return answer
}

/** Resolves to the milliseconds until a new login is wanted, 0 for never. Errors: `authentication-failed`. */
export const login = async (endpoint: string, ask: Ask, sasl: Sasl): Promise<number> => {
  const mechanism = sasl.mechanism.toUpperCase()
  const { error, mechanisms } = await ask(SaslHandshake, mechanism)
  if (error !== 0) throw refused(endpoint, `${errorWords(error)}; it takes ${mechanisms.join(', ')}`)
  const hash = HASHES[mechanism]
  if (hash !== undefined) return (await scram(endpoint, ask, sasl, hash)).lifetime
  return (await exchange(endpoint, ask, Buffer.from(`\0${sasl.username}\0${sasl.password}`))).lifetime
}
