// The edge: argv in, exit code out. Builds the tree, runs one command, prints one error.
import { type Command, CommanderError } from 'commander'
import { EXIT_CODES, KdrError } from '../errors.ts'
import { exitOf, type Interruption, listenForSignals } from './interruption.ts'
import type { Invocation } from './invocation.ts'
import type { Format, Globals, Terminal } from './terminal.ts'
import { buildTree, pathOf } from './tree.ts'
import type { Dispatch } from './tree-parts.ts'
import { VERSION } from './version.ts'

const FORMATS: readonly Format[] = ['text', 'json', 'ndjson']
const isFormat = (word: unknown): word is Format => FORMATS.some((format) => format === word)

const globalsOf = (options: Readonly<Record<string, unknown>>): Globals => ({
  ...(typeof options['cluster'] === 'string' ? { cluster: options['cluster'] } : {}),
  ...(typeof options['config'] === 'string' ? { config: options['config'] } : {}),
  ...(isFormat(options['output']) ? { output: options['output'] } : {}),
  color: options['color'] !== false,
  quiet: options['quiet'] === true,
  verbose: options['verbose'] === true,
})

/** The flag must apply to the command; the environment's wish is taken as far as it applies. */
const formatFor = (globals: Globals, formats: readonly Format[], path: string, environment: NodeJS.ProcessEnv): Format => {
  const [first = 'text'] = formats
  if (globals.output !== undefined) {
    if (formats.includes(globals.output)) return globals.output
    throw new KdrError(`kdr ${path} has no --output ${globals.output}; it has ${formats.join(', ')}`, {
      code: 'usage',
      exit: 'usage',
      hint: `kdr ${path} --help`,
    })
  }
  const wished = environment['KDR_OUTPUT']
  if (wished === undefined || wished === '') return first
  if (!isFormat(wished))
    throw new KdrError(`KDR_OUTPUT is not text, json or ndjson`, { code: 'usage', exit: 'usage', hint: 'unset KDR_OUTPUT or set one of the three' })
  return formats.includes(wished) ? wished : wished === 'ndjson' && formats.includes('json') ? 'json' : first
}

/** Before anything is parsed: how an error in the arguments themselves is to be printed. */
const guessFormat = (argv: readonly string[], environment: NodeJS.ProcessEnv): Format => {
  const at = argv.findIndex((word) => word === '--output' || word.startsWith('--output='))
  const word = at < 0 ? environment['KDR_OUTPUT'] : argv[at]?.includes('=') ? argv[at]?.split('=')[1] : argv[at + 1]
  return isFormat(word) ? word : 'text'
}

/** Commander's complaint as ours: its words, its suggestion, exit 2. */
const usageError = (error: CommanderError): KdrError =>
  new KdrError(error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' '), {
    code: 'usage',
    exit: 'usage',
    hint: 'kdr --help, or --help after the command',
  })

/** The terminal and its redactor are loaded with the first command or error: `--help` needs neither. */
class Outcome {
  exitCode = 0
  terminal: Terminal | null = null

  async open(globals: Globals, format: Format, host: NodeJS.Process): Promise<Terminal> {
    const { openTerminal } = await import('./terminal.ts')
    this.terminal = openTerminal(globals, format, host)
    return this.terminal
  }
}

const eachCommand = (command: Command, change: (command: Command) => void): void => {
  change(command)
  for (const child of command.commands) eachCommand(child, change)
}

/** Runs the command line and exits with its code; never returns while a handle is open. */
export const start = async (argv: readonly string[], host: NodeJS.Process = process): Promise<void> => {
  const outcome = new Outcome()
  const interruption = listenForSignals(host, (text) => (outcome.terminal === null ? void host.stderr.write(`${text}\n`) : outcome.terminal.err(text)))
  const dispatch: Dispatch = async (plan, command, args) => {
    const options = command.optsWithGlobals()
    const globals = globalsOf(options)
    const terminal = await outcome.open(globals, formatFor(globals, plan.formats, pathOf(command), host.env), host)
    const { run } = await plan.load()
    const invocation: Invocation = {
      args: args.map(textOrWords),
      options,
      globals,
      terminal,
      env: host.env,
      interruption,
      program: command.parent === null ? command : rootOf(command),
    }
    outcome.exitCode = EXIT_CODES[await run(invocation)].code
  }
  const program = buildTree(VERSION, dispatch)
  eachCommand(program, (command) => {
    command.exitOverride()
    command.configureOutput({
      outputError: () => {},
      writeErr: (text) => void host.stderr.write(text),
      // A reader that went away (`--help | head`) is not an error of ours.
      writeOut: (text) => void host.stdout.once('error', () => {}).write(text),
    })
  })
  try {
    await program.parseAsync(argv)
  } catch (thrown) {
    if (!isHelp(thrown)) await report(thrown, outcome, interruption, guessFormat(argv, host.env), host)
  }
  // Only help was printed: nothing is open, and Node ends by itself once it is written.
  if (outcome.terminal === null) return
  const { drained } = await import('./terminal.ts')
  await drained(host)
  host.exit(outcome.exitCode)
}

const isHelp = (thrown: unknown): boolean =>
  thrown instanceof CommanderError && (thrown.code === 'commander.helpDisplayed' || thrown.code === 'commander.version')

/** Prints the one error there is, or that it was a signal, and sets the exit code. */
const report = async (thrown: unknown, outcome: Outcome, interruption: Interruption, format: Format, host: NodeJS.Process): Promise<void> => {
  const terminal = outcome.terminal ?? (await outcome.open({ color: true, quiet: false, verbose: false }, format, host))
  const { reportError } = await import('./terminal.ts')
  const cause = interruption.cause()
  if (thrown instanceof CommanderError) {
    outcome.exitCode = thrown.code === 'commander.help' ? EXIT_CODES.usage.code : reportError(terminal, usageError(thrown))
  } else if (cause === null) {
    outcome.exitCode = reportError(terminal, thrown)
  } else {
    terminal.err(cause === 'SIGINT' ? 'kdr: interrupted' : 'kdr: terminated')
    outcome.exitCode = exitOf(cause, interruption.acted())
  }
}

const rootOf = (command: Command): Command => (command.parent === null ? command : rootOf(command.parent))

const textOrWords = (argument: unknown): string | undefined =>
  Array.isArray(argument) ? argument.join(' ') : argument === undefined ? undefined : String(argument)
