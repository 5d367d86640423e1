/** Gauges: whatever comes, waits, goes and is changed, also inside `ready`, no wake-up is lost, no herd wakes, nobody overtakes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LevelTable, type Waiter } from '../../src/limiter/level-table.ts'

/** What a waiter does when it is called. `later` does it when the test says so. */
type Manner = 'busy' | 'take' | 'later' | 'go' | 'takeAndLeave' | 'shrink' | 'grow'

/** Knows what the gauge should: who is in line, in order, who of them is called, and how many are in. */
class Gate {
  readonly table = new LevelTable()
  readonly slot: number
  line: Guest[] = []
  count = 0
  max: number

  constructor(max: number) {
    this.max = max
    this.slot = this.table.acquire('q', 'inFlight', 'k', max)
  }

  get called(): number {
    return this.line.filter((guest) => guest.isCalled).length
  }

  setMax(max: number): void {
    this.max = max
    this.table.release(this.table.acquire('q', 'inFlight', 'k', max))
  }

  /** Whether it got in is what the rules say. */
  tryEnter(guest: Guest | undefined): void {
    const mayEnter = guest?.isCalled === true ? this.count < this.max : this.count + this.called < this.max
    if (mayEnter) this.#takeIn(guest)
    else if (guest !== undefined) guest.isCalled = false
    assert.equal(this.table.tryEnter(this.slot, guest), mayEnter)
  }

  force(guest: Guest | undefined): void {
    this.#takeIn(guest)
    this.table.enter(this.slot, guest)
  }

  leave(): void {
    if (this.count === 0) return
    this.count--
    this.table.leave(this.slot)
  }

  wait(guest: Guest): void {
    if (!this.line.includes(guest)) this.line.push(guest)
    this.table.wait(this.slot, guest)
  }

  unwait(guest: Guest): void {
    guest.isCalled = false
    this.line = this.line.filter((other) => other !== guest)
    this.table.unwait(this.slot, guest)
  }

  check(): void {
    assert.equal(this.table.count(this.slot), this.count)
    assert.equal(this.table.peek('q', 'inFlight', 'k')?.waiting, this.line.length)
    if (this.line.some((guest) => !guest.isCalled && guest.manner !== 'busy')) {
      assert.ok(this.count + this.called >= this.max, `a place is free and ${this.line.length} wait`)
    }
  }

  #takeIn(guest: Guest | undefined): void {
    this.count++
    if (guest === undefined) return
    guest.isCalled = false
    this.line = this.line.filter((other) => other !== guest)
  }
}

class Guest implements Waiter {
  readonly #gate: Gate
  manner: Manner
  isCalled = false

  constructor(gate: Gate, manner: Manner) {
    this.#gate = gate
    this.manner = manner
  }

  ready(): boolean {
    const gate = this.#gate
    assert.ok(gate.line.includes(this), 'called although it is not in line')
    assert.ok(!this.isCalled, 'called twice')
    const ahead = gate.line.slice(0, gate.line.indexOf(this))
    assert.ok(
      ahead.every((guest) => guest.isCalled || guest.manner === 'busy'),
      'called before one that came earlier',
    )
    this.isCalled = this.manner !== 'busy'
    assert.ok(gate.count + gate.called <= gate.max, 'called without a place')
    if (this.manner === 'take' || this.manner === 'takeAndLeave') gate.tryEnter(this)
    if (this.manner === 'takeAndLeave') gate.leave()
    if (this.manner === 'go') gate.unwait(this)
    if (this.manner === 'shrink') gate.setMax(Math.max(0, gate.max - 1))
    if (this.manner === 'grow') gate.setMax(Math.min(5, gate.max + 1))
    return this.manner !== 'busy'
  }
}

test('a gauge and its line', () => {
  const anyStep = fc.record({
    what: fc.constantFrom('enter', 'enter', 'force', 'leave', 'leave', 'wait', 'wait', 'wait', 'take', 'go', 'max'),
    which: fc.nat({ max: 1000 }),
    manner: fc.constantFrom<Manner>('busy', 'take', 'later', 'later', 'go', 'takeAndLeave', 'shrink', 'grow'),
  })
  fc.assert(
    fc.property(fc.nat({ max: 3 }), fc.array(anyStep, { maxLength: 80, size: 'max' }), (max, steps) => {
      const gate = new Gate(max)
      for (const step of steps) {
        perform(gate, step)
        gate.check()
      }
      empty(gate)
      assert.equal(gate.table.size, 0)
    }),
    { numRuns: 3000 },
  )
})

interface Step {
  readonly what: string
  readonly which: number
  readonly manner: Manner
}

function perform(gate: Gate, { what, which, manner }: Step): void {
  const waiting = gate.line[which % Math.max(1, gate.line.length)]
  const isEven = which % 2 === 0
  const actions: Record<string, () => void> = {
    enter: () => gate.tryEnter(isEven ? undefined : new Guest(gate, manner)),
    force: () => gate.force(isEven ? undefined : waiting),
    leave: () => gate.leave(),
    wait: () => gate.wait(isEven && waiting !== undefined ? waiting : new Guest(gate, manner)),
    take: () => waiting !== undefined && gate.tryEnter(waiting),
    go: () => gate.unwait(waiting ?? new Guest(gate, manner)),
    max: () => gate.setMax(which % 5),
  }
  actions[what]!()
}

/** With room for three, and everybody taking a place when it is offered, the line empties. */
function empty(gate: Gate): void {
  for (const guest of gate.line) guest.manner = 'later'
  gate.setMax(3)
  while (gate.line.length > 0) {
    while (gate.count > 2) gate.leave()
    const next = gate.line.find((guest) => guest.isCalled)
    assert.ok(next !== undefined, 'nobody in line is called although there is room')
    gate.tryEnter(next)
    gate.check()
  }
  while (gate.count > 0) gate.leave()
  gate.table.release(gate.slot)
}
