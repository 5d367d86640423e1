/** The heap, against sorting. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type HeapItem, KeyedHeap } from '../../src/limiter/keyed-heap.ts'

interface Step {
  readonly what: string
  readonly which: number
  readonly key: number
}

/** The heap and the same items in a list. */
class Twins {
  readonly heap = new KeyedHeap<HeapItem>()
  readonly items: HeapItem[] = []
  #order = 0

  perform({ what, which, key }: Step): void {
    const order = ++this.#order
    if (what === 'add') this.#add({ key, order, place: -1 })
    if (what === 'add') return
    const item = what === 'pop' ? this.heap.first : this.items[which % Math.max(1, this.items.length)]
    if (item === undefined) return
    if (what === 'move') {
      item.key = key
      if (which % 2 === 0) item.order = order
      this.heap.moved(item)
    } else {
      this.#remove(item)
    }
  }

  sorted(): HeapItem[] {
    return this.items.toSorted((a, b) => a.key - b.key || a.order - b.order)
  }

  #add(item: HeapItem): void {
    this.items.push(item)
    this.heap.add(item)
  }

  #remove(item: HeapItem): void {
    this.heap.remove(item)
    this.items.splice(this.items.indexOf(item), 1)
    assert.equal(item.place, -1)
  }
}

test('the first is always the least, whatever is added, moved and removed', () => {
  const anyStep = fc.record({
    what: fc.constantFrom('add', 'add', 'move', 'remove', 'pop'),
    which: fc.nat({ max: 1000 }),
    key: fc.nat({ max: 20 }),
  })
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 100, size: 'max' }), (steps) => {
      const twins = new Twins()
      for (const step of steps) {
        twins.perform(step)
        assert.equal(twins.heap.size, twins.items.length)
        assert.equal(twins.heap.first, twins.sorted()[0])
      }
      for (const item of twins.sorted()) {
        assert.equal(twins.heap.first, item)
        twins.heap.remove(item)
      }
    }),
    { numRuns: 500 },
  )
})
