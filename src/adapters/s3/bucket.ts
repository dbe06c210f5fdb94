// One bucket and prefix, and the SDK behind it: loaded when first asked, told to keep quiet, never to wait for
// ever, and to try again what may be tried again.
import { setMaxListeners } from 'node:events'
import type { HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3'
import { type Millis, seconds } from '../../units.ts'
import { checkedName, isObjectName } from '../stores/names.ts'
import { isMissing, noSuchBucket, type Place, s3Error, statusOf } from './errors.ts'

export interface S3Options {
  readonly bucket: string
  /** Without it: the bucket itself. */
  readonly prefix?: string
  /** Default: of the environment or profile, else `us-east-1`. */
  readonly region?: string
  /** Of another server than AWS; default: AWS_ENDPOINT_URL_S3. */
  readonly endpoint?: string
  /** Bucket in the path, not in the host name. Default: where an endpoint is given. */
  readonly pathStyle?: boolean
  readonly storageClass?: string
  readonly sse?: { readonly kind: 'AES256' | 'aws:kms'; readonly keyId?: string }
  /** Every object is kept from deletion for so long. */
  readonly objectLock?: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number }
  /** The longest silence of one request before it is tried again. Default: 10 s, so that five of them end after about a minute. */
  readonly silence?: Millis
}

type Sdk = typeof import('@aws-sdk/client-s3')

export interface Session {
  readonly sdk: Sdk
  readonly client: S3Client
  /** For what a server may think about for minutes. */
  readonly patient: S3Client
  /** Milliseconds that the server's clock is ahead of this machine's. */
  ahead(): number
}

const ATTEMPTS = 5
const CONNECT: Millis = seconds(8)
/** The SDK begins to watch after 3 s more. */
const SILENCE: Millis = seconds(10)
const PATIENCE: Millis = seconds(120)

const clientOf = (sdk: Sdk, options: S3Options, region: string | undefined, silence: Millis): S3Client => {
  const endpoint = options.endpoint ?? process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL']
  return new sdk.S3Client({
    ...(region === undefined ? {} : { region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    forcePathStyle: options.pathStyle ?? endpoint !== undefined,
    followRegionRedirects: true,
    maxAttempts: ATTEMPTS,
    retryMode: 'standard',
    // Archives carry SHA-256 of their own; a ranged answer has no checksum anyway.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT, socketTimeout: silence, throwOnRequestTimeout: true },
  })
}

/** TLS and the part's CRC-32 guard the bytes; hashing them for the signature as well would double the work. */
const leaveUnsigned = (client: S3Client): void =>
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args
      if (typeof request === 'object' && request !== null && 'protocol' in request && request.protocol === 'https:' && 'headers' in request)
        Object.assign(request.headers as object, { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })
      return next(args)
    },
    { step: 'build', name: 'kdrUnsignedPayload', priority: 'low' },
  )

const dateOf = (response: unknown): number => {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return Number.NaN
  return Date.parse(String((response.headers as Record<string, unknown>)['date'] ?? ''))
}

const connect = async (options: S3Options): Promise<Session> => {
  // Exactly this text, before the first client: the SDK would warn of Node 20 on standard error.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'
  const sdk = await import('@aws-sdk/client-s3')
  const first = clientOf(sdk, options, options.region, SILENCE)
  // Other servers mostly need none, and a bucket of AWS says where it lies.
  const region = await first.config.region().catch(() => 'us-east-1')
  first.destroy()
  const clients = [options.silence ?? SILENCE, PATIENCE].map((silence) => clientOf(sdk, options, region, silence))
  let ahead = 0
  for (const client of clients) {
    leaveUnsigned(client)
    client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args)
        const date = dateOf(result.response)
        if (!Number.isNaN(date)) ahead = date - Date.now()
        return result
      },
      { step: 'deserialize', name: 'kdrServerClock' },
    )
  }
  const [client = first, patient = first] = clients
  return { sdk, client, patient, ahead: () => ahead }
}

export class Bucket {
  readonly options: S3Options
  readonly where: string
  readonly #prefix: string
  #session: Promise<Session> | null = null
  #server: string
  /** That there is such a bucket was seen once. */
  #seen = false

  constructor(options: S3Options) {
    const prefix = (options.prefix ?? '').split('/').filter((part) => part !== '')
    this.options = options
    this.#prefix = prefix.map((part) => `${part}/`).join('')
    this.where = `s3://${[options.bucket, ...prefix].join('/')}`
    const endpoint = options.endpoint ?? process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL']
    this.#server = endpoint === undefined ? 'AWS S3' : `S3 at ${endpoint}`
  }

  get place(): Place {
    return { where: this.where, bucket: this.options.bucket, server: this.#server }
  }

  /** Of an object by its name in the store. */
  key(name: string): string {
    return `${this.#prefix}${checkedName(name)}`
  }

  /** Of what begins so; also of the store's own objects, which no name can reach. */
  under(begin: string): string {
    return `${this.#prefix}${begin}`
  }

  /** null: not an object that a store shows. */
  nameOf(key: string): string | null {
    const name = key.slice(this.#prefix.length)
    return key.startsWith(this.#prefix) && isObjectName(name) ? name : null
  }

  async #open(): Promise<Session> {
    this.#session ??= connect(this.options)
    const session = await this.#session
    if (this.options.endpoint === undefined && this.#server === 'AWS S3') this.#server = `AWS S3 in ${await session.client.config.region()}`
    return session
  }

  /** As the SDK throws it, but for the signal's own reason. */
  async raw<T>(signal: AbortSignal, use: (session: Session) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    // Many requests at once hang on one signal, which is no leak.
    setMaxListeners(0, signal)
    try {
      return await use(await this.#open())
    } catch (thrown) {
      signal.throwIfAborted()
      throw thrown
    }
  }

  async run<T>(doing: string, signal: AbortSignal, use: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.raw(signal, use)
    } catch (thrown) {
      if (signal.aborted) throw thrown
      throw s3Error(thrown, this.place, doing)
    }
  }

  /** null: no such object; throws `no-such-store` where there is no such bucket, which the answer alone does not tell. */
  async head(key: string, doing: string, signal: AbortSignal): Promise<HeadObjectCommandOutput | null> {
    const Bucket = this.options.bucket
    return this.run(doing, signal, async ({ sdk, client }) => {
      try {
        return await client.send(new sdk.HeadObjectCommand({ Bucket, Key: key }), { abortSignal: signal })
      } catch (thrown) {
        if (!isMissing(thrown)) throw thrown
      }
      if (this.#seen) return null
      const bucket = await client.send(new sdk.HeadBucketCommand({ Bucket }), { abortSignal: signal }).catch((thrown: unknown) => thrown)
      if (statusOf(bucket) === 404) throw noSuchBucket(this.place, bucket)
      this.#seen = true
      return null
    })
  }

  async close(): Promise<void> {
    const session = await this.#session?.catch(() => null)
    session?.client.destroy()
    session?.patient.destroy()
  }
}
