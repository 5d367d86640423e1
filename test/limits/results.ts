/** Results by name in a JSON file, kept after each of them, so that a long run can be broken off and go on. */
import { readFile, rename, writeFile } from 'node:fs/promises'

export class Results<T> {
  readonly #file: string
  readonly #byName: Map<string, T>
  #written: Promise<void> = Promise.resolve()

  private constructor(file: string, byName: Map<string, T>) {
    this.#file = file
    this.#byName = byName
  }

  static async open<T>(file: string): Promise<Results<T>> {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}'
      throw error
    })
    return new Results(file, new Map(Object.entries(JSON.parse(text) as Record<string, T>)))
  }

  get(name: string): T | undefined {
    return this.#byName.get(name)
  }

  /** One write after the other: cells end at the same time. */
  set(name: string, result: T): Promise<void> {
    this.#byName.set(name, result)
    this.#written = this.#written.then(() => this.#write())
    return this.#written
  }

  async #write(): Promise<void> {
    const sorted = Object.fromEntries([...this.#byName].sort(([a], [b]) => (a < b ? -1 : 1)))
    // A half-written file would lose hours.
    await writeFile(`${this.#file}.new`, `${JSON.stringify(sorted, undefined, 1)}\n`)
    await rename(`${this.#file}.new`, this.#file)
  }
}
