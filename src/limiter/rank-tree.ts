/**
 * Which class is next: strict priority with a guarantee, as fair queueing between each class and all those below it.
 *
 *     bucket ─┬─ high   1−m           Where both sides of a fork have frames waiting, each gets its part;
 *             └─ rest   m ─┬─ normal 1−m           where one has none, the other gets all.
 *                          └─ low    m             m = the quota's `minimum`
 *
 * `high` has all it wants up to 1−m; what it wants above that yields only to those below, who are sure of m together. `low`
 * is in turn sure of m of what those below have, so nothing starves. The tags are those of `share-line.ts`.
 */
import { SHARE_MINIMUM_LEAST, SHARE_TAG_MAX } from '../bounds.ts'

/** HIGH, NORMAL or LOW. */
export type Rank = 0 | 1 | 2
export const HIGH = 0
export const NORMAL = 1
export const LOW = 2

/** Upper: the class whose rank is the fork's index; lower: all below it. */
interface Fork {
  virtual: number
  upperFinish: number
  lowerFinish: number
}

export class RankTree {
  readonly #forks: readonly [Fork, Fork] = [newFork(), newFork()]
  #minimum = SHARE_MINIMUM_LEAST

  /** The part of the lower side of each fork. */
  set minimum(part: number) {
    this.#minimum = Math.min(Math.max(part, SHARE_MINIMUM_LEAST), 1 - SHARE_MINIMUM_LEAST)
  }

  /** The class whose turn it is. Bit r of `waiting` says whether rank r has frames waiting. */
  next(waiting: number): Rank {
    if (this.#isUpperNext(HIGH, waiting)) return HIGH
    return this.#isUpperNext(NORMAL, waiting) ? NORMAL : LOW
  }

  /** A frame of this class has its turn. */
  serve(rank: Rank, cost: number): void {
    for (let level: Rank = HIGH; level <= NORMAL && level <= rank; level++) {
      const fork = this.#forks[level]!
      fork.virtual = startOf(fork, rank === level)
      this.#add(fork, rank === level, fork.virtual, cost)
      setBack(fork)
    }
  }

  /** A frame of this class went before its turn: its side pays, but is never further ahead than `leadMax` units. */
  force(rank: Rank, cost: number, leadMax: number): void {
    for (let level: Rank = HIGH; level <= NORMAL && level <= rank; level++) {
      const fork = this.#forks[level]!
      this.#add(fork, rank === level, startOf(fork, rank === level), cost)
      fork.upperFinish = Math.min(fork.upperFinish, fork.virtual + leadMax)
      fork.lowerFinish = Math.min(fork.lowerFinish, fork.virtual + leadMax)
    }
  }

  /** Corrects what a class was served by: more if positive. */
  settle(rank: Rank, costDifference: number): void {
    for (let level: Rank = HIGH; level <= NORMAL && level <= rank; level++) {
      const fork = this.#forks[level]!
      this.#add(fork, rank === level, rank === level ? fork.upperFinish : fork.lowerFinish, costDifference)
    }
  }

  /** The part of the bucket that this class has while those in `waiting` want some too. */
  partOf(rank: Rank, waiting: number): number {
    let part = 1
    if (rank < LOW && waiting >> (rank + 1) !== 0) part *= 1 - this.#minimum
    if (rank > HIGH && (waiting & 1) !== 0) part *= this.#minimum
    if (rank === LOW && (waiting & 2) !== 0) part *= this.#minimum
    return part
  }

  /** Units of the bucket that others are served before this class has its next turn. */
  unitsBefore(rank: Rank, waiting: number): number {
    let units = 0
    for (let level: Rank = HIGH; level <= NORMAL && level <= rank; level++) {
      const fork = this.#forks[level]!
      const rivals = rank === level ? waiting >> (level + 1) : (waiting >> level) & 1
      if (rivals === 0) continue
      const lead = startOf(fork, rank === level) - fork.virtual
      const isBelowHigh = level > HIGH && (waiting & 1) !== 0
      units = Math.max(units, isBelowHigh ? lead / this.#minimum : lead)
    }
    return units
  }

  /** Whether the upper side of a fork goes before the lower one. */
  #isUpperNext(level: 0 | 1, waiting: number): boolean {
    if (((waiting >> level) & 1) === 0) return false
    const fork = this.#forks[level]
    return waiting >> (level + 1) === 0 || startOf(fork, true) <= startOf(fork, false)
  }

  #add(fork: Fork, isUpper: boolean, start: number, cost: number): void {
    if (isUpper) fork.upperFinish = start + cost / (1 - this.#minimum)
    else fork.lowerFinish = start + cost / this.#minimum
  }
}

function newFork(): Fork {
  return { virtual: 0, upperFinish: 0, lowerFinish: 0 }
}

function startOf(fork: Fork, isUpper: boolean): number {
  return Math.max(fork.virtual, isUpper ? fork.upperFinish : fork.lowerFinish)
}

function setBack(fork: Fork): void {
  const { virtual } = fork
  if (virtual < SHARE_TAG_MAX) return
  fork.virtual = 0
  fork.upperFinish -= virtual
  fork.lowerFinish -= virtual
}
