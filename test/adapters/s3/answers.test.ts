// Servers that answer S3's protocol by halves: what they leave out is unknown, and never taken for the best.
import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openS3 } from '../../../src/adapters/s3/open-s3.ts'
import type { BackupStore } from '../../../src/ports/backup-store.ts'

const signal = new AbortController().signal
let server: Server
let store: BackupStore
let answer = ''

beforeEach(async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' })
  server = createServer((_, response) => response.writeHead(200, { 'content-type': 'application/xml' }).end(answer))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  store = openS3({ bucket: 'backups', region: 'us-east-1', endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` })
})
afterEach(async () => {
  await store.close()
  server.close()
})

const listing = (truncated: boolean): string =>
  `<?xml version="1.0"?><ListBucketResult><Name>backups</Name><IsTruncated>${truncated}</IsTruncated><Contents><Key>a.tar.gz</Key><Size>5</Size></Contents></ListBucketResult>`

const all = async () => {
  const objects = []
  for await (const object of store.list({}, signal)) objects.push(object)
  return objects
}

it('a listing that breaks off is no listing', async () => {
  answer = listing(true)
  await expect(all()).rejects.toMatchObject({ code: 'store-failed', message: expect.stringContaining('breaks off the list of s3://backups') })
})

it('an object without a date is not old', async () => {
  answer = listing(false)
  const [object] = await all()
  expect(object).toMatchObject({ name: 'a.tar.gz', bytes: 5 })
  expect(Math.abs(Date.now() - (object?.modified ?? 0))).toBeLessThan(60_000)
})
