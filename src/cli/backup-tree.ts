// The group `backup` of the command tree: what a person types to keep a copy, to look at it, to trust it, and to get it back.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ALL, examples, type PlanCommand, repeat } from './tree-parts.ts'

const COMPRESSIONS = ['auto', 'none', 'gzip', 'zstd'] as const
/** Powers of ten as sellers of disks count, of two with an `i`. */
const SIZE = /^(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B?(?:\/s)?$/i
const POWERS = ['', 'k', 'm', 'g', 't']

/** `50MB`, `50MB/s`, `1.5GiB`: bytes. */
const rate = (value: string): number => {
  const [, count, prefix = '', binary] = SIZE.exec(value.trim()) ?? []
  const bytes = Math.floor(Number(count) * (binary ? 1024 : 1000) ** POWERS.indexOf(prefix.toLowerCase()))
  if (count === undefined || bytes < 1024) throw new InvalidArgumentError('Bytes a second, at least 1 KiB: 50MB, 1.5GiB/s.')
  return bytes
}

const wholeNumber =
  (least: number, most: number) =>
  (value: string): number => {
    const count = Number(value)
    if (!/^\d+$/.test(value) || count < least || count > most) throw new InvalidArgumentError(`A whole number from ${least} to ${most}.`)
    return count
  }

const stored = (command: Command): Command => command.option('--store <where>', 'a folder, or s3://bucket/prefix (else backup.store of the configuration)')

const create = (group: Command): Command =>
  stored(group.command('create').description('write a backup: topics, groups, rights, schemas and every record, to the byte'))
    .addOption(new Option('--full', 'everything there is (the default)').conflicts('incremental'))
    .option('--incremental', 'what came since the latest backup of its chain; full where a chain would not be true')
    .option('--topic <glob>', 'only topics like this, as orders.* (repeatable)', repeat)
    .addOption(new Option('--compression <how>', 'of what the producers did not compress').choices(COMPRESSIONS).default('auto'))
    .option('--rate <bytes>', 'read no faster, as 50MB a second', rate)
    .option('--rack <rack>', 'read from followers in this rack, where the brokers allow it')
    .option('--parallel <n>', 'partitions read at once', wholeNumber(1, 64))
    .option('--no-schemas', 'leave the Schema Registry out')
    .addHelpText(
      'after',
      examples(
        'kdr backup create --store /var/kafka-backups',
        'kdr backup create --incremental --cluster prod --output json',
        "kdr backup create --topic 'orders.*' --topic payments --rate 50MB",
        'kdr backup create --store s3://kafka-backups/prod --rack eu-central-1a',
      ),
    )

export const backup = (program: Command, plan: PlanCommand): void => {
  const group = program.command('backup').description('backups that restore: to the byte, in chains, verified')
  plan(create(group), () => import('./commands/backup-create.ts'), ALL)
  plan(
    stored(group.command('list').description('backups of the store, oldest first')).addHelpText(
      'after',
      examples('kdr backup list', 'kdr backup list --store s3://kafka-backups/prod --output json'),
    ),
    () => import('./commands/backup-list.ts'),
  )
}
