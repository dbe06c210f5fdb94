// "Did you mean": the nearest of the known words, or nothing when none is near.

const distance = (a: string, b: string): number => {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min((before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, swap))
    }
    before = row
  }
  return before[b.length] ?? 0
}

/** The nearest word within a third of its length (at least 2 edits), or one that starts with it. */
export const suggest = (word: string, among: readonly string[]): string | undefined => {
  const typed = word.toLowerCase()
  const scored = among
    .map((candidate) => ({ candidate, off: candidate.toLowerCase().startsWith(typed) && typed.length > 1 ? 0.5 : distance(typed, candidate.toLowerCase()) }))
    .filter(({ candidate, off }) => off <= Math.max(2, Math.floor(candidate.length / 3)) && off < candidate.length)
  return scored.sort((a, b) => a.off - b.off)[0]?.candidate
}

/** ` (did you mean x?)`, or nothing. */
export const didYouMean = (word: string, among: readonly string[]): string => {
  const near = suggest(word, among)
  return near === undefined ? '' : ` (did you mean ${near}?)`
}
