// kdr lab up: a disposable cluster, ready to be broken.
import { join } from 'node:path'
import { type Exit, KdrError } from '../../errors.ts'
import { LAB_SERVICES } from '../../model/lab.ts'
import { labsHome } from '../clusters.ts'
import { openLabs } from '../compose.ts'
import { type Invocation, optionList, optionText } from '../invocation.ts'
import { printLab } from '../render/lab.ts'

export const cacheHome = (env: Invocation['env']): string => join(env['XDG_CACHE_HOME'] || join(env['HOME'] || '/', '.cache'), 'kdr')

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { env, terminal, interruption } = invocation
  const platform = optionText(invocation, 'platform') === 'docker' ? 'docker' : 'process'
  const extra = optionList(invocation, 'with')
  if (extra.includes('kafka-connect') && platform !== 'docker') {
    throw new KdrError('only a lab in Docker has Kafka Connect', {
      code: 'usage',
      exit: 'usage',
      hint: 'Add --platform docker, or leave --with kafka-connect out',
    })
  }
  const { labUp, parseLabVersion } = await openLabs()
  const name = optionText(invocation, 'name') ?? 'lab'
  const status = await labUp({
    name,
    platform,
    kafka: parseLabVersion(optionText(invocation, 'kafka') ?? '4'),
    home: labsHome(env),
    cache: cacheHome(env),
    kafkaHome: env['KAFKA_HOME'] || null,
    progress: (line) => {
      if (!terminal.quiet) terminal.err(line)
    },
    signal: interruption.signal,
    with: LAB_SERVICES.filter((service) => extra.includes(service)),
  })
  printLab(terminal, status)
  if (terminal.format === 'text') terminal.err(`Use it: kdr diagnose --cluster ${name}; kdr lab break kill-broker --name ${name}`)
  return 'ok'
}
