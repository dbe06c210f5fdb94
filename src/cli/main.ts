// The edge: argv in, exit code out. Builds the tree, runs one command, prints one error.
import { type Command, CommanderError } from 'commander'
import { EXIT_CODES, KdrError } from '../errors.ts'
import { exitOf, listenForSignals } from './interruption.ts'
import type { Invocation } from './invocation.ts'
import { drained, type Format, type Globals, openTerminal, reportError, type Terminal } from './terminal.ts'
import { buildTree, type Dispatch, pathOf } from './tree.ts'
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

class Outcome {
  exitCode = 0
  terminal: Terminal
  constructor(terminal: Terminal) {
    this.terminal = terminal
  }
}

const eachCommand = (command: Command, change: (command: Command) => void): void => {
  change(command)
  for (const child of command.commands) eachCommand(child, change)
}

/** Runs the command line and exits with its code; never returns while a handle is open. */
export const start = async (argv: readonly string[], host: NodeJS.Process = process): Promise<void> => {
  const outcome = new Outcome(openTerminal({ color: true, quiet: false, verbose: false }, guessFormat(argv, host.env), host))
  const interruption = listenForSignals(host, (text) => outcome.terminal.err(text))
  const dispatch: Dispatch = async (plan, command, args) => {
    const options = command.optsWithGlobals()
    const globals = globalsOf(options)
    outcome.terminal = openTerminal(globals, formatFor(globals, plan.formats, pathOf(command), host.env), host)
    const { run } = await plan.load()
    const invocation: Invocation = {
      args: args.map(textOrWords),
      options,
      globals,
      terminal: outcome.terminal,
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
      writeErr: (text) => outcome.terminal.err(text.trimEnd()),
      writeOut: (text) => void host.stdout.write(text),
    })
  })
  try {
    await program.parseAsync(argv)
  } catch (thrown) {
    outcome.exitCode = settle(thrown, outcome.terminal, interruption.cause(), interruption.acted())
  }
  await drained(host)
  host.exit(outcome.exitCode)
}

const settle = (thrown: unknown, terminal: Terminal, cause: 'SIGINT' | 'SIGTERM' | null, acted: boolean): number => {
  if (thrown instanceof CommanderError) {
    if (thrown.code === 'commander.helpDisplayed' || thrown.code === 'commander.version') return 0
    return thrown.code === 'commander.help' ? EXIT_CODES.usage.code : reportError(terminal, usageError(thrown))
  }
  if (cause === null) return reportError(terminal, thrown)
  terminal.err(cause === 'SIGINT' ? 'kdr: interrupted' : 'kdr: terminated')
  return exitOf(cause, acted)
}

const rootOf = (command: Command): Command => (command.parent === null ? command : rootOf(command.parent))

const textOrWords = (argument: unknown): string | undefined =>
  Array.isArray(argument) ? argument.join(' ') : argument === undefined ? undefined : String(argument)
