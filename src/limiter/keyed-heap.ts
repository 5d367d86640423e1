/**
 * A binary heap whose items know their place in it, so that any of them can be moved or taken out in O(log n). The least
 * `key` comes first, of equals the least `order`. An item is in one heap at a time.
 */

export interface HeapItem {
  key: number
  order: number
  /** Index in the heap, -1 outside. Only the heap writes it. */
  place: number
}

export class KeyedHeap<T extends HeapItem> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  add(item: T): void {
    this.#items.push(item)
    this.#rise(item, this.#items.length - 1)
  }

  /** To be called after `key` or `order` of an item in the heap has changed. */
  moved(item: T): void {
    this.#rise(item, item.place)
    this.#sink(item, item.place)
  }

  remove(item: T): void {
    const last = this.#items.pop()!
    if (last !== item) {
      this.#put(last, item.place)
      this.moved(last)
    }
    item.place = -1
  }

  #rise(item: T, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const other = this.#items[above]!
      if (!isBefore(item, other)) break
      this.#put(other, place)
      place = above
    }
    this.#put(item, place)
  }

  #sink(item: T, from: number): void {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      if (below >= this.#items.length) break
      if (below + 1 < this.#items.length && isBefore(this.#items[below + 1]!, this.#items[below]!)) below++
      const other = this.#items[below]!
      if (!isBefore(other, item)) break
      this.#put(other, place)
      place = below
    }
    this.#put(item, place)
  }

  #put(item: T, place: number): void {
    this.#items[place] = item
    item.place = place
  }
}

function isBefore(a: HeapItem, b: HeapItem): boolean {
  return a.key < b.key || (a.key === b.key && a.order < b.order)
}
