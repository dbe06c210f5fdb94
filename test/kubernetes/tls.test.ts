// Brokers that speak TLS and want a SCRAM login, reached through the tunnel: the certificate is verified against
// the advertised name, whatever was dialled, and nothing passes that it should not.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import { kubernetesDial } from '../../src/adapters/kubernetes/dial.ts'
import { type Stand, stand } from '../real/harness.ts'
import { openSpace, type Space, serviceOf, soon, until } from './space.ts'

const NAMESPACE = 'kdr-tls'
const DOMAIN = `kafka-headless.${NAMESPACE}.svc.cluster.local`
const ADVERTISED = [0, 1, 2].map((pod) => `kafka-${pod}.${DOMAIN}:9092`)
const PASSWORD = randomBytes(12).toString('hex')

let space: Space
let here: Stand
let pki: string
let dialling: ReturnType<typeof kubernetesDial>

const pem = (name: string): string => readFileSync(path.join(pki, name), 'utf8')
const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { cwd: pki, stdio: 'pipe' })

/** An authority that signed the brokers' certificate, and one that did not. */
const certificates = (): void => {
  for (const name of ['ca', 'other'])
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`)
  const names = [`*.${DOMAIN}`, `kafka-service.${NAMESPACE}.svc.cluster.local`].map((name) => `DNS:${name}`).join(',')
  writeFileSync(path.join(pki, 'san'), `subjectAltName=${names}\n`)
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=kafka', '-keyout', 'broker.key', '-out', 'broker.csr')
  openssl('x509', '-req', '-in', 'broker.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'san', '-out', 'broker.pem')
}

/** Three nodes, each broker and controller. The user is there from the first format on: without one, brokers could not log in to each other. */
const SCRIPT = `
until getent hosts "$HOSTNAME.${DOMAIN}" > /dev/null; do sleep 1; done
cat > /tmp/server.properties <<END
process.roles=broker,controller
node.id=$((\${HOSTNAME##*-} + 1))
controller.quorum.voters=1@kafka-0.${DOMAIN}:9093,2@kafka-1.${DOMAIN}:9093,3@kafka-2.${DOMAIN}:9093
listeners=SASL_SSL://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093
advertised.listeners=SASL_SSL://$HOSTNAME.${DOMAIN}:9092
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="kdr" password="$PASSWORD";
ssl.keystore.type=PEM
ssl.keystore.location=/secret/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=/secret/ca.pem
log.dirs=/var/lib/kafka/data
offsets.topic.replication.factor=3
offsets.topic.num.partitions=5
log.cleaner.dedupe.buffer.size=4194304
END
kafka-storage format --ignore-formatted --cluster-id AZLgTb-wRhqDUQ2rV5yJxw --config /tmp/server.properties --add-scram "SCRAM-SHA-512=[name=kdr,password=$PASSWORD]"
exec kafka-server-start /tmp/server.properties
`

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'kafka', namespace: NAMESPACE },
  spec: {
    serviceName: 'kafka-headless',
    replicas: 3,
    podManagementPolicy: 'Parallel',
    selector: { matchLabels: { app: 'kafka' } },
    template: {
      metadata: { labels: { app: 'kafka' } },
      spec: {
        terminationGracePeriodSeconds: 10,
        enableServiceLinks: false,
        // The lab's volumes are root's, and a host path takes no fsGroup.
        securityContext: { runAsUser: 0 },
        containers: [
          {
            name: 'kafka',
            image: 'kdr.local/kafka:4.3.1',
            command: ['bash', '-c', SCRIPT],
            ports: [
              { name: 'kafka', containerPort: 9092 },
              { name: 'controller', containerPort: 9093 },
            ],
            env: [
              { name: 'KAFKA_PROCESS_ROLES', value: 'broker,controller' },
              { name: 'KAFKA_HEAP_OPTS', value: '-Xmx256M' },
              { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'kafka', key: 'password' } } },
            ],
            readinessProbe: { tcpSocket: { port: 'kafka' }, periodSeconds: 1 },
            volumeMounts: [
              { name: 'secret', mountPath: '/secret' },
              { name: 'data', mountPath: '/var/lib/kafka/data', subPath: 'data' },
            ],
          },
        ],
        volumes: [{ name: 'secret', secret: { secretName: 'kafka' } }],
      },
    },
    volumeClaimTemplates: [
      { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'standard', resources: { requests: { storage: '1Gi' } } } },
    ],
  },
}

const configure = (): void => {
  mkdirSync(path.join(here.home, 'pki'))
  writeFileSync(path.join(here.home, 'pki', 'ca.pem'), pem('ca.pem'))
  writeFileSync(path.join(here.home, 'password'), `${PASSWORD}\n`, { mode: 0o600 })
  writeFileSync(
    path.join(here.home, 'kdr.yaml'),
    `clusters:
  secure:
    platform: { kubernetes: { kubeconfig: ${space.settings.kubeconfig}, namespace: ${NAMESPACE} } }
    kafka:
      tls: { ca: pki/ca.pem }
      sasl: { mechanism: scram-sha-512, username: kdr, password: { file: password } }
`,
  )
}

beforeAll(async () => {
  pki = mkdtempSync(path.join(tmpdir(), 'kdr-pki-'))
  certificates()
  space = await openSpace(NAMESPACE, {})
  here = stand()
  configure()
  dialling = kubernetesDial(space.client)
  const stringData = { 'broker.pem': `${pem('broker.key')}${pem('broker.pem')}`, 'ca.pem': pem('ca.pem'), password: PASSWORD }
  await space.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'kafka', namespace: NAMESPACE }, stringData })
  const ports = [{ port: 9092 }]
  await space.apply(serviceOf(NAMESPACE, 'kafka-headless', { clusterIP: 'None', publishNotReadyAddresses: true, selector: { app: 'kafka' }, ports }))
  await space.apply(serviceOf(NAMESPACE, 'kafka-service', { selector: { app: 'kafka' }, ports }))
  await space.apply(deployment)
  await Promise.all([0, 1, 2].map((pod) => space.ready(`kafka-${pod}`)))
})

afterAll(async () => {
  dialling.close()
  await space.remove()
  await here.clear()
  rmSync(pki, { recursive: true, force: true })
})

const kafka = (bootstrap: readonly string[], ca: string, password = PASSWORD) =>
  openKafka({
    bootstrap,
    clientId: 'kdr-test',
    tls: { ca: pem(ca), cert: null, key: null, rejectUnauthorized: true },
    sasl: { mechanism: 'scram-sha-512', username: 'kdr', password },
    dial: dialling.dial,
    requestTimeout: 5000,
  })

/** What a ping through this client says of the first broker. */
const pinged = async (endpoint: string, ca: string, password = PASSWORD) => {
  const client = kafka([endpoint], ca, password)
  try {
    const [ping] = await client.ping([endpoint], soon())
    return ping
  } finally {
    await client.close()
  }
}

describe('TLS and SCRAM through the tunnel', () => {
  it('logs in to every broker under the name that it advertises', async () => {
    const client = kafka([`kafka-service.${NAMESPACE}.svc.cluster.local:9092`], 'ca.pem')
    const view = await until(
      'three brokers are registered',
      async () => {
        const now = await client.metadata(soon()).catch(() => null)
        return now?.brokers.length === 3 && now
      },
      120_000,
    )
    expect(view.brokers.map(({ endpoint }) => endpoint).sort()).toEqual(ADVERTISED)
    const pings = await client.ping(ADVERTISED, soon())
    expect(pings.map(({ answer, id }) => [answer, id])).toEqual([1, 2, 3].map((id) => ['ready', id]))
    await client.close()
  })

  it('refuses a certificate of another authority', async () => {
    expect(await pinged(ADVERTISED[0] ?? '', 'other.pem')).toMatchObject({
      answer: 'silent',
      detail: expect.stringMatching(/self.signed certificate|unable to verify/i),
    })
  })

  it('refuses a certificate that does not bear the name it was dialled by', async () => {
    expect(await pinged('kafka-0.kafka-headless:9092', 'ca.pem')).toMatchObject({
      answer: 'silent',
      detail: expect.stringContaining("does not match certificate's altnames"),
    })
  })

  it('is refused a login with another password', async () => {
    expect(await pinged(ADVERTISED[0] ?? '', 'ca.pem', 'another')).toMatchObject({ answer: 'ready', detail: expect.stringContaining('refused the login') })
  })

  it('diagnoses from outside, and lets no secret out', async () => {
    const diagnose = () => here.kdr(['diagnose', '--config', path.join(here.home, 'kdr.yaml'), '--cluster', 'secure', '--output', 'json'])
    const ran = await until(
      'kdr finds it healthy',
      async () => {
        const now = await diagnose()
        return now.code === 0 && (JSON.parse(now.out) as { verdict: string }).verdict === 'healthy' && now
      },
      120_000,
    )
    expect(ran.out + ran.err).not.toContain(PASSWORD)
  })
})
