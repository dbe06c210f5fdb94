// Files the operator names: a run reads them when it needs them, and again when it is resumed.

export interface FileReader {
  /** Throws `file-unreadable`, exit usage. */
  read(path: string): Promise<string>
  /** Lower-case hexadecimal SHA-256. */
  digest(text: string): Promise<string>
}
