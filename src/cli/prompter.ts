// Asks the operator, on standard error. Enter, n, Ctrl-D and a closed terminal are No; Ctrl-C is an
// interrupt. inquirer is loaded when the first question is asked.

import type { Gate } from '../engine/events.ts'
import type { Answer, Approver, Failure, FailureChoice, FailureDesk } from '../engine/interaction.ts'
import { plural } from '../units.ts'
import type { Interruption } from './interruption.ts'
import { type Style, wrap } from './render/text.ts'
import type { Terminal } from './terminal.ts'

/** Mistyped this often, the answer is No: tired fingers are a reason to stop. */
const ATTEMPTS = 3

type Question =
  | { readonly type: 'confirm'; readonly message: string }
  | { readonly type: 'input'; readonly message: string }
  | {
      readonly type: 'select'
      readonly message: string
      readonly choices: readonly { readonly value: string; readonly name: string }[]
      readonly default: string
    }

export interface PrompterDeps {
  readonly terminal: Terminal
  readonly style: Style
  readonly interruption: Interruption
  /** Ends whatever line is being rewritten. */
  readonly stepAside: () => void
  readonly host: NodeJS.Process
}

/** Fires once at end of input: inquirer itself would wait for ever. */
const endOfInput = (host: NodeJS.Process, tell: () => void): (() => void) => {
  const onKey = (_: string | undefined, key: { readonly ctrl?: boolean; readonly name?: string } | undefined) => {
    if (key?.ctrl === true && key.name === 'd') tell()
  }
  host.stdin.on('keypress', onKey)
  host.stdin.once('end', tell)
  host.stdin.once('close', tell)
  return () => {
    host.stdin.off('keypress', onKey)
    host.stdin.off('end', tell)
    host.stdin.off('close', tell)
  }
}

/** Keys that lie in the terminal's buffer were typed before the question was on the screen. */
const TYPE_AHEAD = 150

/** Throws away what was typed ahead: an answer is one only to a question that was seen. Ctrl-C among it still interrupts. */
const dropTypeAhead = async (host: NodeJS.Process, interrupt: () => void): Promise<void> => {
  const { stdin } = host
  if (stdin.isTTY !== true) return
  const drop = (keys: Buffer | string) => {
    if (keys.includes('\u0003')) interrupt()
  }
  stdin.setRawMode(true)
  stdin.on('data', drop)
  stdin.resume()
  await new Promise((resolve) => setTimeout(resolve, TYPE_AHEAD))
  stdin.off('data', drop)
  stdin.pause()
  stdin.setRawMode(false)
}

/** Colour and symbols as the rest of kdr has them; inquirer's own ignore NO_COLOR on Node 20. */
const themeFor = (style: Style): object => {
  // chalk joins all its arguments, and inquirer gives more than the text.
  const bold = (text: string) => style.bold(text)
  const dim = (text: string) => style.dim(text)
  return {
    prefix: { idle: bold('?'), done: bold('?') },
    icon: { cursor: '>' },
    style: {
      answer: bold,
      message: bold,
      error: (text: string) => style.red(text),
      defaultAnswer: (text: string) => dim(`(${text})`),
      help: dim,
      highlight: bold,
      key: bold,
      disabled: dim,
      description: dim,
    },
  }
}

class Asker {
  readonly #deps: PrompterDeps
  constructor(deps: PrompterDeps) {
    this.#deps = deps
  }

  say(text: string, indent = '      '): void {
    this.#deps.terminal.err(wrap(text, this.#deps.terminal.columns, indent))
  }

  /** The answer, or null at end of input. Throws the interrupt's reason on Ctrl-C or a signal. */
  async ask<T>(question: Question, signal: AbortSignal): Promise<T | null> {
    const { interruption, style, host, stepAside } = this.#deps
    stepAside()
    signal.throwIfAborted()
    const { createPromptModule } = await import('inquirer')
    await dropTypeAhead(host, () => interruption.raise('SIGINT'))
    signal.throwIfAborted()
    const stop = new AbortController()
    let ended = false
    const forget = endOfInput(host, () => {
      ended = true
      stop.abort()
    })
    const onSignal = () => stop.abort()
    signal.addEventListener('abort', onSignal, { once: true })
    try {
      const prompt = createPromptModule({ input: host.stdin, output: host.stderr, signal: stop.signal })
      const asked = question.type === 'confirm' ? { ...question, default: false } : question
      const { answer } = (await prompt([{ ...asked, name: 'answer', theme: themeFor(style) }] as never)) as { answer: T }
      return answer
    } catch (thrown) {
      signal.throwIfAborted()
      if (ended) return null
      if (!(thrown instanceof Error) || thrown.name !== 'ExitPromptError') throw thrown
      interruption.raise('SIGINT')
      throw interruption.signal.reason
    } finally {
      forget()
      signal.removeEventListener('abort', onSignal)
    }
  }
}

const no = (answer: string): Answer => ({ approved: false, by: 'operator', answer })

const confirm = async (asker: Asker, signal: AbortSignal): Promise<Answer> => {
  const answer = await asker.ask<boolean>({ type: 'confirm', message: 'Do it now?' }, signal)
  return answer === true ? { approved: true, by: 'operator', answer: 'y' } : no(answer === null ? 'end of input' : 'n')
}

const challenge = async (asker: Asker, gate: Gate, signal: AbortSignal): Promise<Answer> => {
  for (let left = ATTEMPTS - 1; left >= 0; left -= 1) {
    const typed = await asker.ask<string>({ type: 'input', message: `Type ${gate.challenge} to do it, Enter to decline:` }, signal)
    const answer = typed?.trim() ?? ''
    if (typed === null) return no('end of input')
    if (answer === gate.challenge) return { approved: true, by: 'operator', answer }
    if (answer === '' || /^no?$/i.test(answer)) return no(answer)
    asker.say(left === 0 ? 'That is not it: taken as No. A second pair of eyes may help.' : `That is not it; ${plural(left, 'attempt')} left.`)
  }
  return no('mistyped')
}

const CHOICES = {
  retry: 'retry: do it again, after judging anew',
  look: 'look again: it may have come right meanwhile',
  skip: 'skip it, with a reason: the result can then only be "recovered, unverified"',
  stop: 'stop here: nothing is undone, the run can be resumed',
} as const

const menu = async (asker: Asker, failure: Failure, signal: AbortSignal): Promise<FailureChoice> => {
  for (;;) {
    const choices = failure.choices.map((value) => ({ value, name: CHOICES[value] }))
    const choice = await asker.ask<Failure['choices'][number]>({ type: 'select', message: `${failure.title}: what now?`, choices, default: 'stop' }, signal)
    if (choice === null) return { choice: 'stop' }
    if (choice !== 'skip') return { choice }
    const typed = await asker.ask<string>({ type: 'input', message: 'Reason, for the record (Enter goes back):' }, signal)
    if (typed === null) return { choice: 'stop' }
    const reason = typed.trim()
    if (reason !== '') return { choice: 'skip', reason }
  }
}

export const prompter = (deps: PrompterDeps): { readonly approver: Approver; readonly desk: FailureDesk } => {
  const asker = new Asker(deps)
  const approver: Approver = {
    ask: async (gate, signal) => {
      deps.stepAside()
      for (const line of gate.text) asker.say(line)
      return gate.ask === 'yes' ? confirm(asker, signal) : challenge(asker, gate, signal)
    },
  }
  return { approver, desk: { by: 'operator', choose: (failure, signal) => menu(asker, failure, signal) } }
}

/** Nobody to ask: a failed step stops the run. */
export const stopDesk: FailureDesk = { by: 'policy', choose: async () => ({ choice: 'stop' }) }
