// Removing what is no longer wanted, as far as the bucket lets us, and what was never finished.
import type { HeadObjectCommandOutput, ListMultipartUploadsCommandOutput, MultipartUpload } from '@aws-sdk/client-s3'
import { KdrError } from '../../errors.ts'
import { formatInstant, type Instant } from '../../units.ts'
import type { Bucket, Session } from './bucket.ts'
import { s3Error, statusOf } from './errors.ts'

interface Kept {
  readonly until: Instant
  readonly why: string
}

/** Through what Object Lock keeps it; null where nothing does, or the principal may not see it. */
const keptOf = ({ ObjectLockMode, ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus }: HeadObjectCommandOutput): Kept | null => {
  if (ObjectLockLegalHoldStatus === 'ON') return { until: Number.POSITIVE_INFINITY, why: 'under legal hold' }
  const until = ObjectLockRetainUntilDate?.getTime() ?? 0
  return ObjectLockMode === undefined || until <= Date.now() ? null : { until, why: `kept until ${formatInstant(until)} (${ObjectLockMode.toLowerCase()})` }
}

/** Some servers leave it out of HEAD where it is the bucket's default. Who may not ask, or whose server knows no such thing, is told by the deletion itself. */
const retentionOf = async (bucket: Bucket, key: string, signal: AbortSignal): Promise<Kept | null> => {
  const what = { Bucket: bucket.options.bucket, Key: key }
  const answer = await bucket
    .raw(signal, ({ sdk, client }) => client.send(new sdk.GetObjectRetentionCommand(what), { abortSignal: signal }))
    .catch((thrown: unknown) => {
      signal.throwIfAborted()
      const status = statusOf(thrown) ?? 0
      if ((status >= 400 && status < 500) || status === 501) return undefined
      throw s3Error(thrown, bucket.place, `see what keeps ${key}`)
    })
  const until = answer?.Retention?.RetainUntilDate?.getTime() ?? 0
  return until <= Date.now() ? null : { until, why: `kept until ${formatInstant(until)} (${answer?.Retention?.Mode?.toLowerCase()})` }
}

const objectLocked = ({ where }: Bucket, name: string, why: string, cause?: unknown): KdrError =>
  new KdrError(`${name} in ${where} cannot be removed: it is ${why} by Object Lock`, {
    code: 'object-locked',
    exit: 'refused',
    hint: 'prune it once that time has passed',
    cause,
  })

/** A versioned bucket would hide a locked object behind a marker and say that it was deleted, so it is looked at before. */
export const removeOne = async (bucket: Bucket, name: string, signal: AbortSignal): Promise<void> => {
  const key = bucket.key(name)
  const head = await bucket.head(key, `remove ${name}`, signal)
  if (head === null) return
  const kept = keptOf(head) ?? (head.VersionId === undefined || head.VersionId === 'null' ? null : await retentionOf(bucket, key, signal))
  if (kept !== null) throw objectLocked(bucket, name, kept.why)
  await bucket.run(`remove ${name}`, signal, async ({ sdk, client }) => {
    try {
      await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket.options.bucket, Key: key }), { abortSignal: signal })
    } catch (thrown) {
      const held = statusOf(thrown) === 403 ? await retentionOf(bucket, key, signal) : null
      throw held === null ? thrown : objectLocked(bucket, name, held.why, thrown)
    }
  })
}

/** All uploads under the prefix that nobody has finished. */
async function* openUploads(bucket: Bucket, signal: AbortSignal): AsyncGenerator<MultipartUpload> {
  let from: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | null = {}
  while (from !== null) {
    const what = { Bucket: bucket.options.bucket, Prefix: bucket.under(''), ...from }
    const page: ListMultipartUploadsCommandOutput = await bucket.run('list unfinished uploads', signal, ({ sdk, patient }) =>
      patient.send(new sdk.ListMultipartUploadsCommand(what), { abortSignal: signal }),
    )
    yield* page.Uploads ?? []
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
    const more: boolean = IsTruncated === true && NextKeyMarker !== undefined
    from = more ? { KeyMarker: NextKeyMarker ?? '', ...(NextUploadIdMarker ? { UploadIdMarker: NextUploadIdMarker } : {}) } : null
  }
}

/** When something was last stored for it: an upload of many hours is old, and not given up. */
const lastTouched = async ({ sdk, client }: Session, what: { Bucket: string; Key: string; UploadId: string }, abortSignal: AbortSignal): Promise<Instant> => {
  let newest = 0
  let from: string | undefined
  do {
    const page = await client.send(new sdk.ListPartsCommand({ ...what, ...(from === undefined ? {} : { PartNumberMarker: from }) }), { abortSignal })
    for (const { LastModified } of page.Parts ?? []) newest = Math.max(newest, LastModified?.getTime() ?? 0)
    from = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
  } while (from !== undefined)
  return newest
}

/** A bucket is shared: uploads of other names, and of stores in folders of this one, are somebody else's. */
const isOurs = (name: string | null, ours: RegExp): boolean => name !== null && !name.includes('/') && ours.test(name)

export const clearUploads = async (
  bucket: Bucket,
  { olderThan, ours }: { readonly olderThan: Instant; readonly ours: RegExp },
  signal: AbortSignal,
): Promise<number> => {
  let cleared = 0
  for await (const { Key, UploadId, Initiated } of openUploads(bucket, signal)) {
    if (Key === undefined || UploadId === undefined || !isOurs(bucket.nameOf(Key), ours) || (Initiated?.getTime() ?? olderThan) >= olderThan) continue
    const what = { Bucket: bucket.options.bucket, Key, UploadId }
    cleared += await bucket.run(`clear an unfinished upload of ${Key}`, signal, async (session) => {
      try {
        if ((await lastTouched(session, what, signal)) >= olderThan) return 0
        await session.client.send(new session.sdk.AbortMultipartUploadCommand(what), { abortSignal: signal })
        return 1
      } catch (thrown) {
        // Finished or cleared by somebody else meanwhile.
        if (thrown instanceof Error && thrown.name === 'NoSuchUpload') return 0
        throw thrown
      }
    })
  }
  return cleared
}
