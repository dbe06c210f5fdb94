// Completion scripts, generated from the command tree: what is not in the tree is not completed.
import type { Command, Option } from 'commander'

export interface Values {
  readonly scenarios: readonly string[]
  readonly effects: readonly string[]
  readonly faults: readonly string[]
}

interface Node {
  /** `recover`, `lab up`; empty for kdr itself. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly says: string }[]
  readonly options: readonly Option[]
  /** Words for the first argument. */
  readonly words: readonly string[]
  /** Its first argument is a backup: their names are asked of kdr itself when Tab is pressed. */
  readonly backups: boolean
}

const wordsFor = (command: Command, values: Values): readonly string[] => {
  const [argument] = command.registeredArguments
  if (argument?.name() === 'scenario') return values.scenarios
  if (argument?.name() === 'fault') return values.faults
  // The second argument's words, too: which of them is meant, the shell's line tells.
  const choices = command.registeredArguments.flatMap((each) => each.argChoices ?? [])
  if (argument?.name() === 'backup') return ['latest', ...choices]
  return argument?.name() === 'shell'
    ? ['bash', 'zsh', 'fish']
    : argument?.name() === 'topic'
      ? ['exit-codes', ...(command.parent?.commands ?? []).map((each) => each.name())]
      : []
}

const nodesOf = (command: Command, values: Values, path = ''): readonly Node[] => [
  {
    path,
    commands: command.commands.map((child) => ({ name: child.name(), says: child.description() })),
    options: command.options,
    words: wordsFor(command, values),
    backups: command.registeredArguments[0]?.name() === 'backup',
  },
  ...command.commands.flatMap((child) => nodesOf(child, values, `${path} ${child.name()}`.trim())),
]

/** Words an option takes; `dynamic` are asked of kdr itself when Tab is pressed. */
const optionWords = (option: Option, values: Values): { readonly words: readonly string[]; readonly dynamic: boolean; readonly files: boolean } => {
  const plain = (words: readonly string[]) => ({ words, dynamic: false, files: false })
  if (option.long === '--cluster' || option.long === '--confirm' || option.long === '--name') return { words: [], dynamic: true, files: false }
  if (option.long === '--config' || option.long === '--junit' || option.long === '--store') return { words: [], dynamic: false, files: true }
  return option.long === '--allow' ? plain(values.effects) : plain(option.argChoices ?? [])
}

const CLUSTERS = 'kdr completion clusters 2>/dev/null'
/** `words`: the line so far, which may name a store. */
const backupsBy = (words: string): string => `kdr completion backups -- ${words} 2>/dev/null`
const flagsOf = (options: readonly Option[]): readonly string[] => options.flatMap((option) => [option.short, option.long].filter((flag) => flag !== undefined))
const takesValue = (option: Option): boolean => option.required || option.optional

const shellCases = (nodes: readonly Node[], globals: readonly Option[]): readonly string[] =>
  nodes.map(({ path, commands, options, words, backups }) => {
    const all = [...commands.map(({ name }) => name), ...words, ...flagsOf([...options, ...(path === '' ? [] : globals)]), '--help']
    return `    '${path}') words='${all.join(' ')}'${backups ? `" $(${backupsBy('"$@"')})"` : ''} ;;`
  })

const valueCases = (nodes: readonly Node[], values: Values): readonly string[] => {
  const seen = new Map<string, Option>()
  for (const option of nodes.flatMap((node) => node.options)) if (takesValue(option) && option.long !== undefined) seen.set(option.long, option)
  return [...seen].map(([flag, option]) => {
    const { words, dynamic, files } = optionWords(option, values)
    if (dynamic) return `    ${flag}) words="$(${CLUSTERS})"; values=1 ;;`
    return files ? `    ${flag}) files=1 ;;` : `    ${flag}) words='${words.join(' ')}'; values=1 ;;`
  })
}

/** One function for bash and zsh: finds the command in the words so far, then offers what may follow. */
const posixScript = (nodes: readonly Node[], globals: readonly Option[], values: Values): string => {
  const paths = nodes.map(({ path }) => path).filter((path) => path !== '')
  const taking = [
    ...new Set(
      nodes
        .flatMap((node) => node.options)
        .filter(takesValue)
        .flatMap((option) => flagsOf([option])),
    ),
  ]
  return `_kdr_words() {
  local path='' word skip='' previous="$1"; shift
  words='' values='' files=''
  case "$previous" in
${valueCases(nodes, values).join('\n')}
  esac
  [ -n "$values$files" ] && return
  for word in "$@"; do
    if [ -n "$skip" ]; then skip=''; continue; fi
    case "$word" in
    ${taking.join('|')}) skip=1; continue ;;
    -*) continue ;;
    esac
    case "\${path:+$path }$word" in
    ${paths.map((path) => `'${path}'`).join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${shellCases(nodes, globals).join('\n')}
  esac
}`
}

const bash = (nodes: readonly Node[], globals: readonly Option[], values: Values): string => `# kdr completion for bash: source <(kdr completion bash)
${posixScript(nodes, globals, values)}
_kdr() {
  local words values files current="\${COMP_WORDS[COMP_CWORD]}"
  _kdr_words "\${COMP_WORDS[COMP_CWORD-1]}" "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
  if [ -n "$files" ]; then COMPREPLY=($(compgen -f -- "$current")); else COMPREPLY=($(compgen -W "$words" -- "$current")); fi
}
complete -F _kdr kdr
`

const zsh = (nodes: readonly Node[], globals: readonly Option[], values: Values): string => `#compdef kdr
# kdr completion for zsh: source <(kdr completion zsh)
${posixScript(nodes, globals, values)}
_kdr() {
  local line=("\${(@)words[2,CURRENT-1]}") previous="\${words[CURRENT-1]}"
  () {
    local words values files
    _kdr_words "$@"
    if [[ -n "$files" ]]; then _files; else compadd -- \${=words}; fi
  } "$previous" "\${line[@]}"
}
compdef _kdr kdr
`

const fishQuote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

const fishOption = (option: Option, condition: string, values: Values): string => {
  const { words, dynamic, files } = optionWords(option, values)
  const long = option.long === undefined ? '' : ` -l ${option.long.slice(2)}`
  const short = option.short === undefined ? '' : ` -s ${option.short.slice(1)}`
  const value = !takesValue(option)
    ? ''
    : files
      ? ' -r -F'
      : dynamic
        ? ` -x -a '(${CLUSTERS})'`
        : words.length > 0
          ? ` -x -a ${fishQuote(words.join(' '))}`
          : ' -x'
  return `complete -c kdr${condition}${long}${short}${value} -d ${fishQuote(option.description)}`
}

const fishCondition = (path: string): string => {
  const [first, second] = path.split(' ')
  if (first === undefined || first === '') return ''
  const inside = `__fish_seen_subcommand_from ${first}`
  return ` -n ${fishQuote(second === undefined ? inside : `${inside}; and __fish_seen_subcommand_from ${second}`)}`
}

const fish = (nodes: readonly Node[], values: Values): string => {
  const lines = nodes.flatMap(({ path, commands, options, words, backups }) => {
    const condition = path === '' ? ` -n '__fish_use_subcommand'` : fishCondition(path)
    return [
      ...commands.map(({ name, says }) => `complete -c kdr -f${condition} -a ${name} -d ${fishQuote(says)}`),
      ...words.map((word) => `complete -c kdr -f${condition} -a ${word}`),
      ...(backups ? [`complete -c kdr -f${condition} -a '(${backupsBy('(commandline -opc)')})'`] : []),
      ...options.map((option) => fishOption(option, path === '' ? '' : condition, values)),
    ]
  })
  return ['# kdr completion for fish: kdr completion fish > ~/.config/fish/completions/kdr.fish', 'complete -c kdr -f', ...lines, ''].join('\n')
}

/** null for a shell that is not known. */
export const completionScript = (shell: string, program: Command, values: Values): string | null => {
  const nodes = nodesOf(program, values)
  if (shell === 'bash') return bash(nodes, program.options, values)
  if (shell === 'zsh') return zsh(nodes, program.options, values)
  return shell === 'fish' ? fish(nodes, values) : null
}
