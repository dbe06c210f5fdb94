// What each tier of the tests needs of the machine: whether it is there, and how CI brings it up.
import { spawn, spawnSync } from 'node:child_process'
import path from 'node:path'

const here = import.meta.dirname
const runs = (command, args, env = {}) => spawnSync(command, args, { stdio: 'ignore', env: { ...process.env, ...env } }).status === 0

export const kafkaReason = () => {
  // Not Java alone: the corpus of the backups is compiled against the jars of each version.
  if (!runs('javac', ['-version'])) return 'a JDK 17 is not installed'
  return process.env.KAFKA_HOME || runs('mvn', ['-version']) ? null : 'neither Maven nor KAFKA_HOME is there'
}

const hasCompose = (env) =>
  runs('docker', ['compose', 'version'], env) ||
  runs('docker-compose', ['version'], env) ||
  runs({ ...process.env, ...env }.KDR_DOCKER_COMPOSE ?? 'false', ['version'], env)

export const dockerReason = (env) => {
  if (!runs('docker', ['version'], env)) return 'no Docker daemon answers (npm run lab:docker -- up)'
  return hasCompose(env) ? kafkaReason() : 'there is no compose CLI (npm run lab:docker -- up)'
}

const DISPOSABLE = 'kdr.dev/disposable'

/** Null, why not, or what must be left out: nodes can be reached in the lab only. */
export const kubernetesReason = async (env) => {
  const kubeconfig = env.KUBECONFIG ?? process.env.KUBECONFIG
  if (!kubeconfig) return 'KUBECONFIG names no cluster (npm run lab:kubernetes -- up)'
  try {
    const { CoreV1Api, KubeConfig } = await import('@kubernetes/client-node')
    const config = new KubeConfig()
    config.loadFromFile(kubeconfig)
    const { metadata } = await config.makeApiClient(CoreV1Api).readNamespace({ name: 'default' })
    if (metadata?.annotations?.[DISPOSABLE] !== 'true') return `the cluster is not marked disposable (kubectl annotate namespace default ${DISPOSABLE}=true)`
  } catch (thrown) {
    return `the cluster of ${kubeconfig} does not answer: ${String(thrown).split('\n')[0]}`
  }
  if (kubeconfig.includes(path.join('kdr', 'kubernetes'))) return null
  return { exclude: ['**/*.lab.test.ts'], note: 'tests that break nodes are left out: they need the lab (npm run lab:kubernetes -- up)' }
}

/** Last line of its standard output; its errors go to ours. Rejects with its exit code. */
const script = (file, ...args) =>
  new Promise((resolve, reject) => {
    const child = spawn(path.join(here, 'lab', file), args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
    })
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(output.trim()) : reject(new Error(`${file} ${args.join(' ')} ended with ${code}`))))
  })

/** Up, with what its users need in the environment, or why not. */
const lab = (file, envOf) => ({
  up: async () => {
    try {
      return { env: await envOf(await script(file, 'up')) }
    } catch (thrown) {
      return { why: thrown.message }
    }
  },
  down: () => script(file, 'down').catch((thrown) => console.error(thrown.message)),
})

export const dockerLab = lab('docker/daemon', async () => {
  const lines = (await script('docker/daemon', 'env')).matchAll(/^export (\w+)=(.*)$/gm)
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value.replace(/^(["'])(.*)\1$/, '$2')]))
})

export const kubernetesLab = lab('kubernetes/lab', async (output) => ({ KUBECONFIG: output.split('\n').at(-1) }))
