// The command tree: names, arguments, options and help, and nothing that takes time to load. What a
// command does is in commands/, imported when it runs.
import { Command, InvalidArgumentError, Option } from 'commander'
import { LAB_SERVICES, LAB_VERSIONS } from '../model/lab.ts'
import { COMMON_FAULTS, FAULTS, SET_FAULTS } from '../ports/faults.ts'
import { backup } from './backup-tree.ts'
import { ALL, type Dispatch, examples, grants, type PlanCommand, split, TEXT_JSON } from './tree-parts.ts'

const services = (value: string, before: readonly string[] | undefined): readonly string[] => {
  const given = split(value, before)
  const odd = given.find((word) => !LAB_SERVICES.some((service) => service === word))
  if (odd !== undefined) throw new InvalidArgumentError(`${odd} is none that a lab has; known: ${LAB_SERVICES.join(', ')}.`)
  return given
}

const brokerId = (value: string): number => {
  const id = Number(value)
  if (!/^\d+$/.test(value) || id > 2_147_483_647) throw new InvalidArgumentError('A broker id is a whole number, as in its meta.properties.')
  return id
}

const interval = (value: string): number => {
  const length = Number(value)
  if (!/^\d+(\.\d+)?$/.test(value) || length < 1 || length > 3600) throw new InvalidArgumentError('Seconds, from 1 to 3600.')
  return length
}

const brokerIds = (value: string): readonly number[] => value.split(',').map(brokerId)

const globals = (program: Command): Command =>
  program
    .option('--cluster <name>', 'cluster of the configuration, or a lab, by name')
    .option('--config <file>', 'configuration file (else $KDR_CONFIG, ./kdr.yaml, $XDG_CONFIG_HOME/kdr/config.yaml)')
    .addOption(new Option('--output <format>', 'results as text, json or ndjson, where a command has it').choices(ALL))
    .option('--no-color', 'no colour')
    .option('-q, --quiet', 'results and questions only, no progress')
    .option('-v, --verbose', 'reasons, commands and causes in full')

const recover = (program: Command): Command =>
  grants(
    program
      .command('recover <scenario>')
      .description('run a recovery: looks, judges, asks, acts, verifies, and keeps the record')
      .option('--broker <id>', 'which broker, where more than one could be meant', brokerId)
      .option('--gone <ids>', 'multi-broker: brokers, by comma, that will not come back; their replicas are moved to others', brokerIds)
      .option('--schemas <file>', 'for schema-registry: the manifest that kdr schemas export wrote')
      .option('--snapshot <paths>', "for zookeeper: a copy of one member's data, a tar.gz or a folder, several by comma; where every disk is empty")
      .option('-n, --dry-run', 'walk to the last step and change nothing'),
  ).addHelpText(
    'after',
    examples(
      'kdr recover single-broker --cluster prod --dry-run',
      'kdr recover single-broker --cluster prod --broker 2',
      'kdr recover multi-broker --cluster prod',
      'kdr recover single-broker --cluster prod --non-interactive --allow restart,change,stop --confirm prod --output ndjson',
    ),
  )

const drill = (program: Command): Command =>
  program
    .command('drill <scenario>')
    .description('break a disposable cluster, recover it with the same list, score it')
    .option('--simulated', 'in a simulated cluster: seconds, nothing installed')
    .addOption(
      new Option('--platform <platform>', 'where to run it; kubernetes: on the cluster that --cluster names, marked disposable').choices([
        'process',
        'docker',
        'kubernetes',
        'simulated',
      ]),
    )
    .addOption(new Option('--kafka <version>', 'Kafka of the lab').choices(LAB_VERSIONS))
    .addOption(new Option('--fault <name>', 'what to break, of what leads to this scenario (default: its usual cause)').choices(FAULTS))
    .addOption(new Option('--allow <effect>', 'for faults whose recovery gives records up').choices(['lose-data']))
    .option('--keep', 'leave the lab up afterwards')
    .option('--seed <number>', 'seed of a simulated drill: the same seed repeats it to the byte')
    .addHelpText(
      'after',
      examples(
        'kdr drill single-broker',
        'kdr drill multi-broker --simulated',
        'kdr drill single-broker --kafka 3.9 --fault hang-broker --keep',
        'kdr drill single-broker --platform docker --kafka 3.5 --fault remove-broker',
        'kdr drill single-broker --platform kubernetes --cluster staging',
      ),
    )

/** What a lab can suffer, by what runs it. */
const faultHelp = (): string => {
  const common = FAULTS.filter((fault) => COMMON_FAULTS.some((each) => each === fault))
  const sets = FAULTS.filter((fault) => SET_FAULTS.some((each) => each === fault))
  const docker = FAULTS.filter((fault) => !common.includes(fault) && !sets.includes(fault))
  return `\nFaults:\n  of processes and in Docker: ${common.join(', ')}\n  in Docker besides: ${docker.join(', ')}\nA simulated cluster and one on Kubernetes are broken by kdr drill; only the latter knows ${sets.join(', ')}.`
}

const lab = (program: Command, plan: PlanCommand): void => {
  const group = program.command('lab').description('disposable clusters, to break and recover')
  const named = (command: Command) => command.option('--name <lab>', 'name of the lab, which is its cluster name too', 'lab')
  const up = named(group.command('up').description('start one; one that is there already is left as it is'))
    .addOption(new Option('--platform <platform>', 'what runs it').choices(['process', 'docker']).default('process'))
    .addOption(new Option('--kafka <version>', 'Kafka version: 3.5 has ZooKeeper, 3.9 and 4 have KRaft').choices(LAB_VERSIONS))
    .addOption(
      new Option('--with <services>', `besides brokers and their quorum, by comma: ${LAB_SERVICES.join(', ')} (Connect in Docker only)`).argParser(services),
    )
    .addHelpText(
      'after',
      examples(
        'kdr lab up',
        'kdr lab up --name old --kafka 3.5',
        'kdr lab up --with schema-registry',
        'kdr lab up --platform docker --name boxes --with schema-registry,kafka-connect',
        'kdr diagnose --cluster lab',
      ),
    )
  plan(up, () => import('./commands/lab-up.ts'))
  plan(
    named(group.command('status').description('what runs in it')).addHelpText('after', examples('kdr lab status --output json')),
    () => import('./commands/lab-status.ts'),
  )
  const breaking = named(group.command('break <fault>').description('break it on purpose, to see what diagnose and recover make of it'))
    .option('--broker <id>', 'which broker', brokerId)
    .addHelpText('after', () => faultHelp())
    .addHelpText('after', examples('kdr lab break kill-broker --broker 2', 'kdr lab break hang-broker', 'kdr lab break disconnect-broker --name boxes'))
  plan(breaking, () => import('./commands/lab-break.ts'))
  plan(
    named(group.command('down').description('stop it and remove everything of it')).addHelpText('after', examples('kdr lab down --name old')),
    () => import('./commands/lab-down.ts'),
  )
}

const runs = (program: Command, plan: PlanCommand): void => {
  const group = program.command('runs').description('what was run, from the journals')
  plan(group.command('list').description('runs, newest first').addHelpText('after', examples('kdr runs list')), () => import('./commands/runs-list.ts'))
  plan(
    group
      .command('show [run]')
      .description('timeline of a run (default: the latest)')
      .addHelpText('after', examples('kdr runs show', 'kdr runs show <run> --output json')),
    () => import('./commands/runs-show.ts'),
    ALL,
  )
  plan(
    grants(group.command('resume [run]').description('go on with a run that stopped part-way (default: the latest unfinished)')).addHelpText(
      'after',
      examples('kdr runs resume', 'kdr runs resume <run> --non-interactive --allow restart'),
    ),
    () => import('./commands/runs-resume.ts'),
    ALL,
  )
}

const schemas = (program: Command, plan: PlanCommand): void => {
  const group = program.command('schemas').description('schemas of the Schema Registry')
  plan(
    group
      .command('export [file]')
      .description('write every subject, version and id into one file, for kdr recover schema-registry --schemas')
      .option('--overwrite', 'take the place of a file that is there')
      .addHelpText('after', examples('kdr schemas export', 'kdr schemas export schemas.json --cluster prod')),
    () => import('./commands/schemas-export.ts'),
  )
}

const config = (program: Command, plan: PlanCommand): void => {
  const group = program.command('config').description('the configuration file')
  plan(
    group
      .command('init [file]')
      .description('write a commented example; never overwrites')
      .addHelpText('after', examples('kdr config init', 'kdr config init /etc/kdr/config.yaml')),
    () => import('./commands/config-init.ts'),
    ['text'],
  )
  plan(
    group.command('check').description('validate it and resolve every reference in it').addHelpText('after', examples('kdr config check')),
    () => import('./commands/config-check.ts'),
  )
  plan(
    group.command('show').description('what is in effect and where each value comes from, secrets hidden').addHelpText('after', examples('kdr config show')),
    () => import('./commands/config-show.ts'),
  )
}

/** The whole tree. `dispatch` runs a command once its arguments are parsed. */
export const buildTree = (version: string, dispatch: Dispatch): Command => {
  const program = globals(new Command('kdr'))
    .description('Kafka disaster recovery: diagnoses, previews, asks, acts, verifies, and keeps the record.')
    .version(version, '--version', 'print the version')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .addHelpText('after', '\nIn an incident: kdr diagnose, then what it says. More: kdr help <command>, kdr help exit-codes')
  const plan: PlanCommand = (command, load, formats = TEXT_JSON) =>
    command.action((...all: unknown[]) => dispatch({ load, formats }, command, all.slice(0, command.registeredArguments.length)))
  const diagnose = program.command('diagnose').description('which runbook fits, with the evidence for and against, and what not to do')
  diagnose.addOption(
    new Option('--watch [seconds]', 'look again and again (default: every 5 s): in place at a terminal, else a line per change').argParser(interval),
  )
  plan(
    diagnose.addHelpText(
      'after',
      examples(
        'kdr diagnose',
        'kdr diagnose --cluster prod --output json',
        'kdr diagnose --watch',
        'kdr diagnose --watch 30 --output ndjson >> incident.ndjson',
      ),
    ),
    () => import('./commands/diagnose.ts'),
    ALL,
  )
  plan(recover(program), () => import('./commands/recover.ts'), ALL)
  const show = program.command('show <scenario>').description("the runbook page, with this cluster's commands filled in")
  show.option('--offline', 'a printable checklist; touches no cluster').option('--broker <id>', 'fill in this broker', brokerId)
  plan(
    show.addHelpText('after', examples('kdr show single-broker', 'kdr show single-broker --offline > single-broker.md')),
    () => import('./commands/show.ts'),
    ['text'],
  )
  plan(drill(program), () => import('./commands/drill.ts'), ALL)
  runs(program, plan)
  backup(program, plan)
  schemas(program, plan)
  const doctor = program.command('doctor').description('what this machine and the cluster need for a recovery, and how to get it')
  plan(doctor.addHelpText('after', examples('kdr doctor', 'kdr doctor --cluster prod --output json')), () => import('./commands/doctor.ts'))
  config(program, plan)
  lab(program, plan)
  const completion = program.command('completion <shell> [words...]').description('completion script for bash, zsh or fish')
  plan(
    completion.addHelpText('after', examples('source <(kdr completion bash)', 'kdr completion fish > ~/.config/fish/completions/kdr.fish')),
    () => import('./commands/completion.ts'),
    ['text'],
  )
  const help = program.command('help [topic...]').description('help on a command, or on exit-codes')
  plan(help.addHelpText('after', examples('kdr help recover', 'kdr help exit-codes')), () => import('./commands/help.ts'))
  return program
}

/** `recover`, `lab up`: the command's own words, without the program's name. */
export const pathOf = (command: Command): string => {
  const words: string[] = []
  for (let at: Command | null = command; at?.parent; at = at.parent) words.unshift(at.name())
  return words.join(' ')
}
