// The group `backup` of the command tree: what a person types to keep a copy, to look at it, to trust it, and to get it back.
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { ALL, effects, examples, grants, type PlanCommand, repeat } from './tree-parts.ts'

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

const instant = (value: string): number => {
  const at = /^\d{4}-\d{2}-\d{2}(T.*)?$/.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(at)) throw new InvalidArgumentError('A time as 2026-11-23T03:15:00Z.')
  return at
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

const restore = (group: Command): Command =>
  grants(
    stored(group.command('restore').description('bring topics, groups, rights and records of a backup into a cluster'))
      .argument('<backup>', 'its name, its path, or latest')
      .addArgument(new Argument('<what>', 'what of it').choices(['metadata', 'data', 'all']))
      .option('--topic <glob>', 'only topics like this (repeatable)', repeat)
      .option('--topic-prefix <prefix>', 'restore under new names that begin so')
      .option('--to-time <time>', 'only records up to this time, as 2026-11-23T03:15:00Z', instant)
      .addOption(new Option('--existing <policy>', 'topics that are there and not empty').choices(['refuse', 'recreate']).default('refuse'))
      .addOption(new Option('--offsets <how>', 'as they were, wherever that can be exact; or mapped').choices(['auto', 'mapped']).default('auto'))
      .option('--replication-factor <n>', 'instead of what the backup says', wholeNumber(1, 32_767))
      .option('--rate <bytes>', 'write no faster, as 50MB a second', rate)
      .option('--lossy', 'an archive of the old script, as the text that it kept: knowingly')
      .option('--no-groups', 'leave the positions of consumer groups out')
      .option('-n, --dry-run', 'walk to the last step and change nothing'),
  ).addHelpText(
    'after',
    examples(
      'kdr backup restore latest all --dry-run',
      'kdr backup restore full_backup_20261123_031500 metadata --cluster new',
      'kdr backup restore full_backup_20261123_031500 data --cluster new',
      "kdr backup restore latest all --topic 'orders.*' --topic-prefix restored. --to-time 2026-11-23T03:00:00Z",
      'kdr backup restore latest all --cluster new --non-interactive --allow change --output json',
    ),
  )

const prune = (group: Command): Command =>
  stored(group.command('prune').description('delete whole chains that are no longer wanted, and what nobody finished; never the last copy of a topic'))
    .option('--keep-days <n>', 'keep what is not so many days older than the newest (else backup.keep.days)', wholeNumber(0, 36_500))
    .option('--keep-full <n>', 'keep of every topic so many chains, each with its full backup (else backup.keep.full)', wholeNumber(1, 10_000))
    .option('--forget-topic <glob>', 'topics that need no copy any more, as tmp-*; *@former: those whose name another has now (repeatable)', repeat)
    .option('-n, --dry-run', 'the plan, and nothing deleted')
    .option('--non-interactive', 'never ask; only what the flags below grant is done')
    .addOption(new Option('--allow <effects>', 'granted without a question: delete').argParser(effects))
    .option('--confirm <store>', "the store's name, as list prints it, which delete wants besides")
    .addHelpText(
      'after',
      examples(
        'kdr backup prune --keep-days 30 --keep-full 4 --dry-run',
        'kdr backup prune --keep-days 30 --keep-full 4',
        "kdr backup prune --keep-days 30 --forget-topic 'tmp-*'",
        'kdr backup prune --store /var/kafka-backups --keep-days 30 --keep-full 4 --non-interactive --allow delete --confirm /var/kafka-backups',
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
  plan(
    stored(group.command('show').description('what is in a backup: topics, ranges, gaps, groups, its chain'))
      .argument('<backup>', 'its name, its path, or latest')
      .addHelpText('after', examples('kdr backup show latest', 'kdr backup show /var/kafka-backups/full_backup_20261123_031500.tar.gz')),
    () => import('./commands/backup-show.ts'),
  )
  plan(
    stored(group.command('verify').description('read a backup and its chain from the first byte to the last; name whatever is wrong'))
      .argument('<backup>', 'its name, its path, or latest')
      .addOption(new Option('--level <level>', 'file: every digest and link; record: every batch decoded, too').choices(['file', 'record']).default('file'))
      .option('--relist', 'where its sidecar is lost and the archive is whole: write that again, so that it is listed')
      .addHelpText('after', examples('kdr backup verify latest', 'kdr backup verify latest --level record --output json')),
    () => import('./commands/backup-verify.ts'),
  )
  plan(restore(group), () => import('./commands/backup-restore.ts'), ALL)
  plan(prune(group), () => import('./commands/backup-prune.ts'))
}
