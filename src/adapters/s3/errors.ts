// What S3 and the way to it refused, in words that name bucket and endpoint and say what to do.
import { KdrError, wordsOf } from '../../errors.ts'

export interface Place {
  /** `s3://bucket/prefix` */
  readonly where: string
  readonly bucket: string
  /** `S3 at http://127.0.0.1:8333`, `AWS S3 in eu-west-1` */
  readonly server: string
}

const CREDENTIALS: Readonly<Record<string, string>> = {
  ExpiredToken: 'the session has expired: log in again',
  ExpiredTokenException: 'the session has expired: log in again',
  TokenRefreshRequired: 'the session has expired: log in again',
  InvalidAccessKeyId: 'this access key is not known there: see AWS_ACCESS_KEY_ID or AWS_PROFILE',
  XAdminUserNotFound: 'this access key is not known there: see AWS_ACCESS_KEY_ID or AWS_PROFILE',
  SignatureDoesNotMatch: 'the secret key does not fit the access key: see AWS_SECRET_ACCESS_KEY or AWS_PROFILE',
  InvalidToken: 'the session token does not fit: see AWS_SESSION_TOKEN or AWS_PROFILE',
  RequestTimeTooSkewed: 'the clock of this machine is wrong',
  CredentialsProviderError: 'no credentials were found: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached',
  AccessDenied: 'the policy of this user or of the bucket does not allow it',
  AllAccessDisabled: 'the bucket is closed by its provider',
}

const FULL = new Set(['QuotaExceeded', 'EntityTooLarge', 'XMinioStorageFull', 'InsufficientStorage', 'InvalidMaxSizeForQuota'])
const UNREACHABLE =
  /^(ECONN|ENOTFOUND|EAI_|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPROTO|ERR_TLS|ERR_SSL|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|HPE_|TimeoutError$|aborted$)/

const named = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : '')

export const statusOf = (thrown: unknown): number => {
  if (typeof thrown !== 'object' || thrown === null || !('$metadata' in thrown)) return 0
  const metadata = thrown.$metadata
  return typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata ? Number(metadata.httpStatusCode) || 0 : 0
}

/** Somebody was first: an object is there that should not be, or another than was expected. */
export const isConflict = (thrown: unknown): boolean => statusOf(thrown) === 412 || named(thrown) === 'ConditionalRequestConflict' || statusOf(thrown) === 409

export const isMissing = (thrown: unknown): boolean => (statusOf(thrown) === 404 && named(thrown) !== 'NoSuchBucket') || named(thrown) === 'NoSuchKey'

const networkCode = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : wordsOf(thrown) === 'aborted' ? 'aborted' : named(thrown)

const isCutOff = (thrown: unknown): boolean => UNREACHABLE.test(networkCode(thrown))

export const noSuchBucket = ({ where, bucket, server }: Place, cause?: unknown): KdrError =>
  new KdrError(`no backup store at ${where}: ${server} has no bucket ${bucket}`, {
    code: 'no-such-store',
    exit: 'noSuchStore',
    hint: 'see --store, region and endpoint',
    cause,
  })

export const noSuchObject = ({ where }: Place, name: string): KdrError =>
  new KdrError(`there is no ${name} in ${where}`, { code: 'no-such-object', exit: 'noSuchStore', hint: `kdr backup list --store ${where}` })

export const noConditions = ({ server }: Place, cause?: unknown): KdrError =>
  new KdrError(`${server} does not support conditional writes (If-None-Match), so nothing keeps two kdr from writing over each other`, {
    code: 'store-unfit',
    exit: 'refused',
    hint: 'use a server that has them, such as AWS S3, MinIO, Ceph or SeaweedFS of a recent version, or a directory',
    cause,
  })

const kindOf = (thrown: unknown): { readonly code: string; readonly hint?: string } => {
  const [name, status] = [named(thrown), statusOf(thrown)]
  const credentials = CREDENTIALS[name] ?? (status === 401 || status === 403 ? CREDENTIALS['AccessDenied'] : undefined)
  if (credentials !== undefined) return { code: 'store-denied', hint: credentials }
  if (FULL.has(name) || status === 507) return { code: 'store-full', hint: 'free some space (kdr backup prune), or have the quota raised' }
  if (status === 301 || name === 'AuthorizationHeaderMalformed' || name === 'PermanentRedirect')
    return { code: 'store-failed', hint: 'the bucket lies in another region: set AWS_REGION or the region of the store' }
  if (status === 0 && isCutOff(thrown)) return { code: 'store-unreachable', hint: 'see endpoint, network and TLS; what is under way can be run again' }
  return { code: 'store-failed', ...(status >= 500 ? { hint: 'the server is in trouble; run it again later' } : {}) }
}

/** What was thrown while `doing` (`write orders.tar.gz`); kdr's own errors come back as they are. */
export const s3Error = (thrown: unknown, place: Place, doing: string): unknown => {
  if (thrown instanceof KdrError) return thrown
  if (named(thrown) === 'NoSuchBucket') return noSuchBucket(place, thrown)
  if (statusOf(thrown) === 501) return noConditions(place, thrown)
  const { code, hint } = kindOf(thrown)
  const status = statusOf(thrown)
  const words = [named(thrown), wordsOf(thrown)].filter((each, at, all) => each !== 'Error' && all.indexOf(each) === at).join(': ')
  return new KdrError(`cannot ${doing} in ${place.where}: ${place.server} ${status === 0 ? 'did not answer' : `answered ${status}`} (${words})`, {
    code,
    cause: thrown,
    ...(hint === undefined ? {} : { hint }),
  })
}
