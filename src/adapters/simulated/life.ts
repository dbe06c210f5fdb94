// One life of the kdr process. A kill ends it: from then on nothing that this life does reaches the world,
// while the world itself goes on and a next life can look at it.

/** Thrown by everything that a killed process life still tries. */
export class Killed extends Error {
  override readonly name = 'Killed'
  constructor() {
    super('this process life was killed')
  }
}

export class Life {
  readonly number: number
  /** Disks of members without a pod that this life has looked at, and at which boot: it knows them as long as it lives. */
  readonly looked = new Map<string, { readonly boot: number; readonly replicas: boolean }>()
  #alive = true

  constructor(number: number) {
    this.number = number
  }

  get alive(): boolean {
    return this.#alive
  }

  kill(): void {
    this.#alive = false
  }

  check(): void {
    if (!this.#alive) throw new Killed()
  }
}
