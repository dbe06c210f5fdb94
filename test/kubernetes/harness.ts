// The runbook's deployment on whatever cluster KUBECONFIG names (the lab's when it names none), the real binary
// outside of it, and the truth read past the tool: with kubectl, from brokers, and in the API server's audit log.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import { openKubernetes } from '../../src/adapters/kubernetes/open-kubernetes.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import { allInSync, type Ran, type Stand, stand, until } from '../real/harness.ts'

const LAB = path.join(import.meta.dirname, '..', 'lab', 'kubernetes')
const CACHE = process.env['KDR_LAB_CACHE'] ?? path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'kdr', 'kubernetes')
export const KUBECONFIG = process.env['KUBECONFIG'] ?? path.join(CACHE, 'state', 'kubeconfig')
const KUBECTL = existsSync(path.join(CACHE, 'bin', 'kubectl')) ? path.join(CACHE, 'bin', 'kubectl') : 'kubectl'
const env = { ...process.env, KUBECONFIG }

export type Kind = 'zookeeper' | 'kraft'

export interface Ground {
  readonly here: Stand
  /** Its name in the configuration, too. */
  readonly namespace: string
  /** Which cluster, for every command. */
  readonly cluster: readonly string[]
  readonly ledger: Ledger
  kubectl(...args: readonly string[]): string
  /** Resolves when that very pod is gone: kubectl's own wait was seen to go on for ever once another of its name was there. */
  deletePod(name: string, ...flags: readonly string[]): Promise<void>
  /** Puts back what is declared, and waits for nothing. */
  declare(): void
  /** The same, and every pod is Ready. */
  deploy(): void
  diagnosis(): Promise<unknown>
  recover(...args: readonly string[]): Promise<Ran>
  /** uid of every pod and claim: equal only if nothing was deleted or made in between. */
  uids(): Readonly<Record<string, string>>
  /** Until every partition has its full ISR, and kdr finds the cluster healthy. */
  healthy(): Promise<void>
  close(): Promise<void>
}

/** Runs kubectl to its end; throws with what it said. */
const kubectl = (...args: readonly string[]): string => {
  const { status, stdout, stderr, error } = spawnSync(KUBECTL, args, { env, encoding: 'utf8', timeout: 200_000 })
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${error?.message ?? stderr}`)
  return stdout.trim()
}

/** A command on one of the lab's machines. */
export const onMachine = (machine: string, ...command: readonly string[]): string =>
  execFileSync(path.join(LAB, 'on'), [machine, ...command], { env, encoding: 'utf8' }).trim()

/** One machine of the lab loses its power; `up` brings it back. */
export const cutPower = (machine: string): void => void execFileSync(path.join(LAB, 'down'), [machine], { env })
export const powerUp = (): void => void execFileSync(path.join(LAB, 'up'), { env, stdio: 'ignore' })

/** The brokers' and ZooKeepers' addresses are found out. */
const configure = (home: string, namespace: string): string => {
  const file = path.join(home, 'kdr.yaml')
  writeFileSync(
    file,
    `clusters:
  ${namespace}:
    platform: { kubernetes: { kubeconfig: ${KUBECONFIG}, namespace: ${namespace} } }
    stability: { interval: 5s }
`,
  )
  return file
}

/** As declared, whatever an earlier test did, and every pod Ready. */
export const deploy = (kind: Kind, namespace: string, more: Readonly<Record<string, string>> = {}): void => {
  execFileSync(path.join(LAB, 'deploy'), [kind, namespace], { env: { ...env, ...more }, stdio: 'ignore', timeout: 900_000 })
}

const soon = (length = 30_000): AbortSignal => AbortSignal.timeout(length)

/** What was not seen in time on a busy machine may be seen on the next look, as kdr itself advises. */
const lookAgain = async <T>(look: () => Promise<T>, blind: (seen: T) => boolean): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    const seen = await look()
    if (!blind(seen) || tries === 3) return seen
  }
}

/** Deploys, `services` too, and begins to write: acknowledged records to every broker, until it is closed. */
export const open = async (kind: Kind, services: readonly 'schema-registry'[] = []): Promise<Ground> => {
  const namespace = `kdr-test-${kind}`
  const more = { KDR_LAB_WITH: services.join() }
  deploy(kind, namespace, more)
  const here = stand()
  const cluster = ['--config', configure(here.home, namespace), '--cluster', namespace]
  const platform = openKubernetes({ cluster: namespace, kubeconfig: KUBECONFIG, context: null, namespace, selectors: {}, env: process.env })
  const bootstrap = [0, 1, 2].map((pod) => `kafka-${pod}.kafka-headless.${namespace}.svc.cluster.local:9092`)
  const kafka = openKafka({ bootstrap, clientId: 'kdr-test', tls: null, sasl: null, dial: platform.dial, requestTimeout: 3000 })
  // Ready says that a port is open; on a busy machine a broker that has just started answers later.
  await until('every broker answers', async () => (await kafka.metadata(soon())).brokers.length === 3, 120_000)
  const ledger = await openLedger({ clock: systemClock(), kafka, probe: kafka }, [1, 2, 3], soon(60_000))
  const diagnosis = () =>
    lookAgain(
      () => here.json(['diagnose', ...cluster]) as Promise<{ readonly verdict: string }>,
      ({ verdict }) => verdict === 'unknown',
    )
  const recover = (...args: readonly string[]) => here.kdr(['recover', 'single-broker', ...cluster, ...args])
  return {
    here,
    namespace,
    cluster,
    ledger,
    kubectl: (...args) => kubectl('-n', namespace, ...args),
    deletePod: async (name, ...flags) => {
      const uid = () => kubectl('-n', namespace, 'get', 'pod', name, '--ignore-not-found', '-o', 'jsonpath={.metadata.uid}')
      const before = uid()
      kubectl('-n', namespace, 'delete', 'pod', name, '--wait=false', '--ignore-not-found', ...flags)
      await until(`pod ${name} is gone`, async () => before === '' || uid() !== before, 150_000)
    },
    declare: () => deploy(kind, namespace, { ...more, KDR_LAB_WAIT: '0' }),
    deploy: () => deploy(kind, namespace, more),
    diagnosis,
    recover: (...args) =>
      lookAgain(
        () => recover(...args),
        ({ code, out }) => code === 7 && !out.includes('"step.intent"'),
      ),
    uids: () => {
      const lines = kubectl(
        '-n',
        namespace,
        'get',
        'pods,persistentvolumeclaims',
        '-o',
        'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid}{"\\n"}{end}',
      )
      return Object.fromEntries(
        lines.split('\n').map((line) => {
          const [kind, name, uid] = line.split(' ')
          return [`${kind} ${name}`, uid ?? '']
        }),
      )
    },
    healthy: async () => {
      await until('full ISR', async () => allInSync([...(await kafka.metadata(soon())).partitions.rows()]), 120_000)
      await until('kdr finds it healthy', async () => ((await diagnosis()) as { verdict: string }).verdict === 'healthy', 60_000)
    },
    close: async () => {
      await ledger.stop()
      await ledger.remove(soon()).catch(() => {})
      await kafka.close()
      await platform.close()
      await here.clear()
    },
  }
}

export const GRANTS = ['--non-interactive', '--allow', 'restart,change,stop', '--output', 'ndjson', '--confirm']

interface Request {
  readonly verb: string
  readonly userAgent?: string
  readonly requestURI: string
  readonly objectRef?: { readonly resource: string; readonly namespace?: string; readonly subresource?: string; readonly name?: string }
}

const AUDIT = path.join(CACHE, 'state', 'control-plane', 'audit.log')

/** What kdr asked the API server for in that namespace, or in none, while `work` ran. */
export const audited = async <T>(namespace: string, work: () => Promise<T>): Promise<{ readonly result: T; readonly requests: readonly Request[] }> => {
  const before = statSync(AUDIT).size
  const result = await work()
  const lines = readFileSync(AUDIT).subarray(before).toString().split('\n').filter(Boolean)
  const requests = lines.map((line) => JSON.parse(line) as Request)
  return {
    result,
    requests: requests.filter(({ userAgent, objectRef }) => userAgent?.startsWith('kdr/') && [namespace, undefined].includes(objectRef?.namespace)),
  }
}

/** Requests that would change something. A review of one's own permissions changes nothing, nor does a tunnel. */
export const mutations = (requests: readonly Request[]): readonly Request[] =>
  requests.filter(
    ({ verb, objectRef }) =>
      !['get', 'list', 'watch'].includes(verb) && objectRef?.resource !== 'selfsubjectaccessreviews' && objectRef?.subresource !== 'portforward',
  )
