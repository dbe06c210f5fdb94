// kdr lab up: a disposable cluster, ready to be broken.
import { join } from 'node:path'
import type { Exit } from '../../errors.ts'
import { labsHome } from '../clusters.ts'
import { openLabs } from '../compose.ts'
import { type Invocation, optionText } from '../invocation.ts'
import { printLab } from '../render/lab.ts'

export const cacheHome = (env: Invocation['env']): string => join(env['XDG_CACHE_HOME'] || join(env['HOME'] || '/', '.cache'), 'kdr')

const DOCKER_SERVICES = ['schema-registry', 'kafka-connect'] as const

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { env, terminal, interruption } = invocation
  const { labUp, parseLabVersion } = await openLabs()
  const name = optionText(invocation, 'name') ?? 'lab'
  const wanted: readonly unknown[] = Array.isArray(invocation.options['with']) ? invocation.options['with'] : []
  const status = await labUp({
    name,
    platform: optionText(invocation, 'platform') === 'docker' ? 'docker' : 'process',
    kafka: parseLabVersion(optionText(invocation, 'kafka') ?? '4'),
    home: labsHome(env),
    cache: cacheHome(env),
    kafkaHome: env['KAFKA_HOME'] || null,
    progress: (line) => {
      if (!terminal.quiet) terminal.err(line)
    },
    signal: interruption.signal,
    with: DOCKER_SERVICES.filter((service) => wanted.includes(service)),
  })
  printLab(terminal, status)
  if (terminal.format === 'text') terminal.err(`Use it: kdr diagnose --cluster ${name}; kdr lab break kill-broker --name ${name}`)
  return 'ok'
}
