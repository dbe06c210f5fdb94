// Files the operator names: a run reads them when it needs them, and again when it is resumed.

/** One file of a ZooKeeper's `version-2`. */
export interface CopiedFile {
  readonly name: string
  readonly content: Buffer
}

export interface FileReader {
  /** Throws `file-unreadable`, exit usage. */
  read(path: string): Promise<string>
  /** Lower-case hexadecimal SHA-256. */
  digest(text: string): Promise<string>
  /**
   * Snapshots, logs and epochs of a ZooKeeper's data directory, by name: of folders (the directory, or its `version-2`) and of
   * tars of such (`.tar.gz`, as a run keeps them), all put together since data and logs may be on disks of their own; `sha256`
   * of names and contents. The zeros that end a preallocated log are left out. Throws `file-unreadable`, `bad-snapshot`, exit usage.
   */
  copy(paths: readonly string[]): Promise<{ readonly files: readonly CopiedFile[]; readonly sha256: string }>
}
