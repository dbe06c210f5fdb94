// What is wrong with an archive, first without and then with its place, so that every complaint names the
// archive, the entry and the fault in the same words.
import { KdrError } from '../errors.ts'

/** One thing that is wrong: `where` is an archive, and after a colon an entry of it or a place in it. */
export interface Problem {
  readonly what: string
  readonly where: string
}

/** Thrown inside of the archive layer, where it is known what is wrong but not where. */
export class Damage extends Error {}

/** A problem as an error (exit 21). */
export class CorruptArchive extends KdrError {
  readonly problem: Problem

  constructor(problem: Problem, cause?: unknown) {
    super(`${problem.where}: ${problem.what}`, {
      code: 'archive-corrupt',
      exit: 'corrupt',
      hint: 'kdr backup verify names all that is wrong with it; use another backup',
      ...(cause === undefined ? {} : { cause }),
    })
    this.problem = problem
  }
}

export const corrupt = (problem: Problem, cause?: unknown): CorruptArchive => new CorruptArchive(problem, cause)

/** `Damage` as `archive-corrupt` at its place; every other error as it is. */
export const placed = (thrown: unknown, where: string): unknown => (thrown instanceof Damage ? corrupt({ where, what: thrown.message }) : thrown)
