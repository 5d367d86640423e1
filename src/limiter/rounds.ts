/**
 * A set that is looked through in rounds, a few items at a time, each time from where the last look ended. A plain `for` over the
 * set would begin at its start, and step over everything that was ever taken from there.
 */
export class Rounds<T> {
  readonly #items = new Set<T>()
  #at: SetIterator<T> = this.#items.values()

  get size(): number {
    return this.#items.size
  }

  add(item: T): void {
    this.#items.add(item)
  }

  delete(item: T): void {
    this.#items.delete(item)
  }

  /** The next item of the round; undefined only if there is none at all. */
  next(): T | undefined {
    const step = this.#at.next()
    if (step.done !== true) return step.value
    this.#at = this.#items.values()
    return this.#at.next().value
  }
}
