// Errors as Confluent's registry answers them: an HTTP status and a code of its own (rest/exceptions/Errors).

export class RestError extends Error {
  override readonly name = 'RestError'
  readonly status: number
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
    this.status = code > 999 ? Math.floor(code / 100) : code
  }
}

export const subjectNotFound = (subject: string) => new RestError(40401, `Subject '${subject}' not found.`)
export const versionNotFound = (version: number | 'latest') => new RestError(40402, `Version ${version} not found.`)
export const schemaNotFound = (id: number | null) => new RestError(40403, id === null ? 'Schema not found' : `Schema ${id} not found`)
export const invalidSchema = (why: string) => new RestError(42201, why)
export const notPermitted = (why: string) => new RestError(42205, why)
