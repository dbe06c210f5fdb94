// Hides secrets in any text that leaves kdr: values known to be secret in every form they are written in,
// and patterns that give a secret away by its name. Pure; never the only wall, always the last one.

export const REDACTED = '‹redacted›'

const SHORTEST = 4
/** Words that a secret-looking variable may well hold and that say nothing. */
const SAYS_NOTHING = new Set(['true', 'false', 'null', 'none', 'undefined', 'yes', 'enabled', 'disabled', 'required'])
const SECRET_NAME = /PASSWORD|PASSWD|SECRET|TOKEN|APIKEY|API_KEY|PRIVATE_KEY|CREDENTIAL/i

/** Values of environment variables whose name looks like a secret's. */
export const secretsOf = (environment: Readonly<Record<string, string | undefined>>): readonly string[] =>
  Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && SECRET_NAME.test(name) && value.length >= SHORTEST && !SAYS_NOTHING.has(value.toLowerCase()) ? [value] : [],
  )

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1)

const urlForms = (secret: string): readonly string[] => {
  try {
    const encoded = encodeURIComponent(secret)
    return [encoded, encoded.replaceAll('%20', '+'), encoded.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()), encodeURI(secret)]
  } catch {
    return [] // a lone surrogate has no URL form
  }
}

/** The part of its base64 that is the same whatever stands before and after it, at each of the three alignments. */
const base64Forms = (secret: string): readonly string[] =>
  [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
    const fixed = bytes.toString('base64').slice(Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6))
    return fixed.length < 5 ? [] : [fixed, fixed.replaceAll('+', '-').replaceAll('/', '_')]
  })

const formsOf = (secret: string): readonly string[] => [secret, escaped(secret), escaped(escaped(secret)), ...urlForms(secret), ...base64Forms(secret)]

/** Every stretch of text that a known value covers, overlapping ones joined: no value leaves a recognisable rest. */
const hideKnown = (text: string, forms: readonly string[]): string => {
  const stretches: [number, number][] = []
  for (const form of forms) {
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) stretches.push([at, at + form.length])
  }
  if (stretches.length === 0) return text
  stretches.sort((a, b) => a[0] - b[0])
  let hidden = ''
  let end = 0
  for (const [from, to] of stretches) {
    if (from >= end && (from > end || end === 0)) hidden += text.slice(end, from) + REDACTED
    end = Math.max(end, to)
  }
  return hidden + text.slice(end)
}

/** A quoted value, plain or inside a JSON string, or a bare word that ends before whatever could close a quote around it. */
const VALUE = String.raw`\\"(?:[^"\\]|\\\\.)*\\"|"(?:[^"\\]|\\.)*"|'[^'\n]*'|(?![[{‹])(?:\\(?!["nrt\\])|[^\s"'\\,;&)}\]])+`
const NAME = String.raw`[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|private[-_]?key|access[-_]?key|credentials?)[\w.-]*`

/** A bare value under a quoted key is JSON: it gets the key's quotes, so that the text stays JSON. */
const replaceValue = (key: string, value: string): string => {
  if (/^(true|false|null)$/.test(value)) return key + value
  const quote = /^(\\"|"|')/.exec(value)?.[1] ?? /(\\"|")\s*:\s*$/.exec(key)?.[1] ?? ''
  return `${key}${quote}${REDACTED}${quote}`
}

type Pattern = readonly [pattern: RegExp, replace: (...parts: string[]) => string]

const PATTERNS: readonly Pattern[] = [
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----(?:[\s\S]*?-----END \1-----|(?:\\[nr]|[\sA-Za-z0-9+/=:,-])*)/g, () => REDACTED],
  [
    /(sasl\.jaas\.config\\?"?\s*[=:]\s*)("(?:[^"\\]|\\.)*"|\\"(?:[^"\\]|\\\\.)*\\"|(?:\\"(?:[^"\\]|\\\\.)*\\"|"[^"\n]*"|[^;"\n])*;?)/gi,
    (_, key = '', value = '') => replaceValue(key, value),
  ],
  [/(authorization\\?"?\s*[=:]\s*\\?["']?)((?:[A-Za-z][\w-]*\s+)?)([^\s"'\\,]+)/gi, (_, key = '', scheme = '') => `${key}${scheme}${REDACTED}`],
  [/\b((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/-]{8,}=*/g, (_, scheme = '') => `${scheme}${REDACTED}`],
  [/\b((?:[a-z][a-z0-9+.-]*):\/\/[^\s/:@"']*:)[^\s/@"']+@/gi, (_, before = '') => `${before}${REDACTED}@`],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, () => REDACTED],
  [new RegExp(String.raw`(\b${NAME}\\?["']?\s*[=:]\s*)(${VALUE})`, 'gi'), (_, key = '', value = '') => replaceValue(key, value)],
]

/** Values shorter than 4 characters are not hidden: they would hide half of every line and still be guessed. */
export const createRedactor = (secrets: readonly string[]): ((text: string) => string) => {
  const values = [...new Set(secrets.filter((secret) => secret.length >= SHORTEST).flatMap((secret) => [secret, secret.trim()]))].filter(
    (secret) => secret.length >= SHORTEST,
  )
  const forms = [...new Set(values.flatMap(formsOf))].sort((a, b) => b.length - a.length)
  return (text) => {
    let hidden = hideKnown(text, forms)
    for (const [pattern, replace] of PATTERNS) hidden = hidden.replace(pattern, replace)
    return hidden
  }
}

/** Every string in a plain value, redacted; its shape, numbers and keys stay. */
export const redactDeep = (value: unknown, redact: (text: string) => string): unknown => {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((item) => redactDeep(item, redact))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactDeep(item, redact)]))
}
