/**
 * How many at a time: gauges for `connections` and `inFlight`, by quota, dimension and key. Who finds one full waits in line; a
 * place that becomes free is offered to the first in line, and kept for it:
 *
 *     newcomer ──tryEnter──▶ in ──leave──▶          tryEnter says no, so the caller waits
 *        └──wait──▶ in line ──ready()──▶ called ──tryEnter──▶ in
 *                      └───────unwait───────┴──▶ the next one is called
 *
 * As many are called as there are free places, so no wake-up is lost and no herd wakes; a newcomer finds room only where nobody
 * in line has a claim on it. Who is called and cannot come now is passed over and keeps its place in line. A gauge exists while something is counted in it or somebody holds it. When there is no room for
 * another, further keys of a quota share its overflow gauge.
 */
import { LEVELS_MAX } from '../bounds.ts'
import { nameOf, overflowNameOf, partsOf } from './names.ts'

/**
 * Who waits in line. `ready` says that a place is kept for it: it takes it with `tryEnter`, now or soon, or gives it up with
 * `unwait`. It must do one of the two, and not `wait` again inside `ready`: it would be called again at once, for ever. Or it answers
 * false: it cannot come now, and will ask by itself when it can.
 */
export interface Waiter {
  ready(): boolean
}

/** A gauge as people see it. */
export interface LevelView {
  readonly quota: string
  readonly dimension: string
  /** '' of an overflow gauge. */
  readonly key: string
  readonly slot: number
  readonly count: number
  readonly max: number
  readonly waiting: number
  readonly holders: number
  readonly isOverflow: boolean
}

interface Gauge {
  readonly name: string
  readonly isOverflow: boolean
  max: number
  count: number
  holders: number
  /** In line, the first first; true: called, a place is kept for it. */
  line: Map<Waiter, boolean> | undefined
  called: number
  /** `ready` is being called; what that leads to does not call others itself but has the line looked at once more. */
  isCalling: boolean
  lookAgain: boolean
}

export class LevelTable {
  readonly #gaugesMax: number
  readonly #slots = new Map<string, number>()
  readonly #gauges: (Gauge | undefined)[] = []
  readonly #free: number[] = []
  #overflowGauges = 0
  #overflows = 0

  /** @param gaugesMax gauges kept at a time, not counting one overflow gauge for each quota, dimension and maximum. */
  constructor(gaugesMax: number = LEVELS_MAX) {
    this.#gaugesMax = gaugesMax
  }

  /** Gauges that exist, overflow gauges included. */
  get size(): number {
    return this.#slots.size
  }

  /** How many times a key was sent to an overflow gauge because the table was full. */
  get overflows(): number {
    return this.#overflows
  }

  /** The slot of a key's gauge. The caller holds it until `release`. Another maximum changes it for all. */
  acquire(quota: string, dimension: string, key: string, max: number): number {
    if (!(max >= 0)) throw new RangeError(`${max} is no maximum`)
    const name = nameOf(quota, dimension, key)
    const slot = this.#slots.get(name)
    if (slot !== undefined) return this.#hold(slot, max)
    if (this.#slots.size - this.#overflowGauges < this.#gaugesMax) return this.#open(name, false, max)
    this.#overflows++
    const overflowName = overflowNameOf(quota, dimension, max)
    const overflowSlot = this.#slots.get(overflowName)
    return overflowSlot === undefined ? this.#open(overflowName, true, max) : this.#hold(overflowSlot, max)
  }

  /** Lets go of a slot. What is counted in it stays counted until it leaves. */
  release(slot: number): void {
    const gauge = this.#at(slot)
    if (gauge.holders === 0) throw new RangeError(`gauge ${slot} is released more often than it was acquired`)
    gauge.holders--
    this.#forgetIdle(slot, gauge)
  }

  /** Takes a place if there is one for the caller: a called waiter has one, a newcomer, or one that was passed over, what is left. */
  tryEnter(slot: number, waiter?: Waiter): boolean {
    const gauge = this.#at(slot)
    const isCalled = waiter !== undefined && gauge.line?.get(waiter) === true
    if (isCalled) {
      gauge.called--
      gauge.line!.set(waiter, false) // if the place is gone, it is called again when there is one
    }
    if (gauge.count + (isCalled ? 0 : gauge.called) >= gauge.max) return false
    if (waiter !== undefined) gauge.line?.delete(waiter)
    gauge.count++
    return true
  }

  /** Takes a place although there may be none, in line or not: it may not be made to wait longer. */
  enter(slot: number, waiter?: Waiter): void {
    const gauge = this.#at(slot)
    if (waiter !== undefined) removeFrom(gauge, waiter)
    gauge.count++
    callNext(gauge)
  }

  /** Gives a place back. */
  leave(slot: number): void {
    const gauge = this.#at(slot)
    if (gauge.count === 0) throw new RangeError(`gauge ${slot} is left more often than it was entered`)
    gauge.count--
    callNext(gauge)
    this.#forgetIdle(slot, gauge)
  }

  /** Joins the end of the line; who is in line already keeps its place. `ready` may be called before this returns. */
  wait(slot: number, waiter: Waiter): void {
    const gauge = this.#at(slot)
    gauge.line ??= new Map()
    if (gauge.line.has(waiter)) return
    gauge.line.set(waiter, false)
    callNext(gauge)
  }

  /** Leaves the line; a place that was kept for it goes to the next one. Without effect on who is not in line. */
  unwait(slot: number, waiter: Waiter): void {
    const gauge = this.#gauges[slot]
    if (gauge === undefined) return
    removeFrom(gauge, waiter)
    callNext(gauge)
    this.#forgetIdle(slot, gauge)
  }

  /** How many are in, those that were let in over the maximum included. */
  count(slot: number): number {
    return this.#at(slot).count
  }

  max(slot: number): number {
    return this.#at(slot).max
  }

  /** A key's gauge as it is, if it has one of its own. */
  peek(quota: string, dimension: string, key: string): LevelView | undefined {
    const slot = this.#slots.get(nameOf(quota, dimension, key))
    return slot === undefined ? undefined : this.#view(slot)
  }

  /** All gauges, the oldest first. */
  *entries(): Generator<LevelView> {
    for (const slot of this.#slots.values()) yield this.#view(slot)
  }

  #view(slot: number): LevelView {
    const { name, isOverflow, count, max, holders, line } = this.#at(slot)
    return { ...partsOf(name), slot, count, max, waiting: line?.size ?? 0, holders, isOverflow }
  }

  #at(slot: number): Gauge {
    const gauge = this.#gauges[slot]
    if (gauge === undefined) throw new RangeError(`there is no gauge ${slot}`)
    return gauge
  }

  #hold(slot: number, max: number): number {
    const gauge = this.#at(slot)
    gauge.holders++
    gauge.max = max
    callNext(gauge)
    return slot
  }

  #open(name: string, isOverflow: boolean, max: number): number {
    const slot = this.#free.pop() ?? this.#gauges.length
    const nobody = { count: 0, holders: 1, line: undefined, called: 0, isCalling: false, lookAgain: false }
    this.#gauges[slot] = { name, isOverflow, max, ...nobody }
    this.#slots.set(name, slot)
    if (isOverflow) this.#overflowGauges++
    return slot
  }

  #forgetIdle(slot: number, gauge: Gauge): void {
    if (gauge.holders > 0 || gauge.count > 0 || (gauge.line?.size ?? 0) > 0) return
    if (this.#gauges[slot] !== gauge) return // a waiter that was called has done it
    this.#gauges[slot] = undefined
    this.#slots.delete(gauge.name)
    this.#free.push(slot)
    if (gauge.isOverflow) this.#overflowGauges--
  }
}

/** Takes a waiter out of the line, if it is in it. */
function removeFrom(gauge: Gauge, waiter: Waiter): void {
  if (gauge.line?.get(waiter) === true) gauge.called--
  gauge.line?.delete(waiter)
}

/** Calls the first in line for whom there are places. */
function callNext(gauge: Gauge): void {
  const { line } = gauge
  if (line === undefined || line.size === 0) return
  gauge.lookAgain = true
  if (gauge.isCalling) return
  gauge.isCalling = true
  try {
    while (gauge.lookAgain) {
      gauge.lookAgain = false
      callAlong(gauge, line)
    }
  } finally {
    gauge.isCalling = false
  }
}

function callAlong(gauge: Gauge, line: Map<Waiter, boolean>): void {
  for (const [waiter, isCalled] of line) {
    if (gauge.count + gauge.called >= gauge.max) return
    if (isCalled) continue
    line.set(waiter, true)
    gauge.called++
    if (waiter.ready() || line.get(waiter) !== true) continue
    line.set(waiter, false)
    gauge.called--
  }
}
