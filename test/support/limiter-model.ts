/**
 * What the limiter should do, in the slowest and plainest form: a bucket is the list of what happened to it, replayed for every
 * question; a line is a list that is sorted for every turn. Nothing is shared with `src/limiter` but its constants.
 */
import { CLOCK_STEP_BACK_MAX_MS, DEBT_MAX_MS, SHARE_AWAIT_MS } from '../../src/bounds.ts'

/** The clock as buckets see it: it stands still for small steps back and ignores large ones. */
export class ModelClock {
  steadyMs: number = Number.NEGATIVE_INFINITY
  #aheadMs = 0

  see(nowMs: number): void {
    const readMs = nowMs + this.#aheadMs
    if (readMs >= this.steadyMs) this.steadyMs = readMs
    else if (this.steadyMs - readMs > CLOCK_STEP_BACK_MAX_MS) this.#aheadMs = this.steadyMs - nowMs
  }
}

type BucketEvent = { readonly atMs: number } & (
  | { readonly what: 'use'; readonly units: number }
  | { readonly what: 'rate'; readonly ratePerMs: number; readonly burstMs: number }
  | { readonly what: 'cap'; readonly maxMs: number }
)

/** A bucket: units of credit that grow with time up to a burst. Times are steady. */
export class BucketModel {
  readonly #events: BucketEvent[] = []
  #ratePerMs: number

  constructor(ratePerMs: number, burstMs: number, atMs: number) {
    this.#ratePerMs = ratePerMs
    this.setRate(ratePerMs, burstMs, atMs)
  }

  get ratePerMs(): number {
    return this.#ratePerMs
  }

  setRate(ratePerMs: number, burstMs: number, atMs: number): void {
    this.#events.push({ what: 'rate', ratePerMs, burstMs, atMs })
    this.#ratePerMs = ratePerMs
  }

  use(units: number, atMs: number): void {
    this.#events.push({ what: 'use', units, atMs })
  }

  capDebt(maxMs: number, atMs: number): void {
    this.#events.push({ what: 'cap', maxMs, atMs })
  }

  debtMs(atMs: number): number {
    return Math.max(0, -this.balance(atMs) / this.#ratePerMs)
  }

  balance(atMs: number): number {
    let credit = Number.POSITIVE_INFINITY
    let [ratePerMs, burstMs, lastMs] = [1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const event of [...this.#events, { what: 'use' as const, units: 0, atMs }]) {
      if (lastMs > Number.NEGATIVE_INFINITY) credit += (event.atMs - lastMs) * ratePerMs
      credit = Math.min(credit, ratePerMs * burstMs)
      lastMs = event.atMs
      if (event.what === 'use') credit -= event.units
      if (event.what === 'cap') credit = Math.max(credit, -event.maxMs * ratePerMs)
      if (event.what === 'rate') [ratePerMs, burstMs] = [event.ratePerMs, event.burstMs]
      credit = Math.min(credit, ratePerMs * burstMs)
    }
    return credit
  }
}

export type ModelState = 'held' | 'waiting' | 'due' | 'gone'

export interface ModelFrame {
  readonly flow: ModelFlow
  readonly cost: number
  state: ModelState
  notBeforeMs: number
  /** When it was held, and when it joined the queue, as numbers that grow. */
  held: number
  joined: number
}

export interface ModelFlow {
  readonly name: string
  weight: number
  rank: number
  finish: number
  /** In the line of its class, and since when it has had its tags there. */
  isIn: boolean
  since: number
  awaitedUntilMs: number
}

/** One divided bucket. */
export class ShareModel {
  readonly clock: ModelClock = new ModelClock()
  readonly bucket: BucketModel
  readonly flows: ModelFlow[] = []
  frames: ModelFrame[] = []
  minimum = 0.5
  readonly #virtual = [0, 0, 0]
  /** high against the rest, normal against low. */
  readonly #forks = [
    { virtual: 0, finish: [0, 0] as [number, number] },
    { virtual: 0, finish: [0, 0] as [number, number] },
  ]
  #steps = 0

  constructor(ratePerMs: number, burstMs: number, nowMs: number) {
    this.clock.see(nowMs)
    this.bucket = new BucketModel(ratePerMs, burstMs, this.clock.steadyMs)
  }

  flow(name: string, weight: number, rank: number): ModelFlow {
    const known = this.flows.find((flow) => flow.name === name)
    if (known === undefined) {
      const nothing = { isIn: false, since: 0, awaitedUntilMs: Number.NEGATIVE_INFINITY }
      const flow = { name, weight, rank, finish: 0, ...nothing }
      this.flows.push(flow)
      return flow
    }
    if (known.weight === weight && known.rank === rank) return known
    known.finish += this.#virtual[rank]! - this.#virtual[known.rank]!
    known.weight = weight
    known.rank = rank
    if (known.isIn) this.#tag(known)
    return known
  }

  enqueue(flow: ModelFlow, cost: number, nowMs: number): ModelFrame {
    this.clock.see(nowMs)
    const times = { notBeforeMs: this.clock.steadyMs, held: ++this.#steps, joined: 0 }
    const frame: ModelFrame = { flow, cost, state: 'held', ...times }
    this.frames.push(frame)
    return frame
  }

  setNotBefore(frame: ModelFrame, atMs: number, nowMs: number): void {
    this.clock.see(nowMs)
    if (frame.state === 'due' || (frame.state === 'waiting' && atMs <= nowMs)) return
    if (frame.state === 'waiting') {
      frame.held = ++this.#steps
      this.#leave(frame, 'held')
    }
    frame.notBeforeMs = this.clock.steadyMs + atMs - nowMs
  }

  ask(nowMs: number): void {
    this.clock.see(nowMs)
    this.#deal()
  }

  start(frame: ModelFrame, nowMs: number): void {
    this.ask(nowMs)
    const { flow, cost } = frame
    if (frame.state === 'due') {
      this.#leave(frame, 'gone')
      if (!this.#has(flow, 'due')) flow.awaitedUntilMs = this.clock.steadyMs
      return
    }
    this.#leave(frame, 'gone')
    const leadMax = DEBT_MAX_MS * this.bucket.ratePerMs
    const virtual = this.#virtual[flow.rank]!
    const rivals = this.flows.filter((other) => other.rank === flow.rank && (other.isIn || other === flow))
    const weights = rivals.reduce((sum, { weight }) => sum + weight, 0)
    this.#setFinish(flow, Math.min(Math.max(virtual, flow.finish) + cost / flow.weight, virtual + leadMax / weights))
    for (const [fork, side, part] of this.#path(flow.rank)) {
      fork.finish[side] = Math.max(fork.virtual, fork.finish[side]) + cost / part
      fork.finish = fork.finish.map((finish) => Math.min(finish, fork.virtual + leadMax)) as [number, number]
    }
    this.bucket.use(cost, this.clock.steadyMs)
  }

  cancel(frame: ModelFrame, nowMs: number): void {
    this.clock.see(nowMs)
    const wasDue = frame.state === 'due'
    this.#leave(frame, 'gone')
    if (!wasDue) return
    if (!this.#has(frame.flow, 'due')) frame.flow.awaitedUntilMs = Number.NEGATIVE_INFINITY
    this.settle(frame.flow, -frame.cost, nowMs)
  }

  settle(flow: ModelFlow, units: number, nowMs: number): void {
    this.clock.see(nowMs)
    this.bucket.use(units, this.clock.steadyMs)
    this.#setFinish(flow, flow.finish + units / flow.weight)
    for (const [fork, side, part] of this.#path(flow.rank)) fork.finish[side] += units / part
  }

  queuedUnits(): number {
    return this.frames.filter(({ state }) => state === 'waiting').reduce((sum, { cost }) => sum + cost, 0)
  }

  #deal(): void {
    const nowMs = this.clock.steadyMs
    const admitted = this.frames.filter((frame) => frame.state === 'held' && frame.notBeforeMs <= nowMs)
    for (const frame of admitted.sort((a, b) => a.notBeforeMs - b.notBeforeMs || a.held - b.held)) {
      const wasWaiting = this.#has(frame.flow, 'waiting')
      frame.state = 'waiting'
      frame.joined = ++this.#steps
      if (!wasWaiting) this.#join(frame.flow)
    }
    while (this.frames.some(({ state }) => state === 'waiting') && this.bucket.balance(nowMs) >= 0) {
      const flows = this.flows.filter((flow) => flow.isIn && flow.rank === this.#rank())
      const heads = flows.flatMap((flow) => this.#head(flow) ?? []).sort((a, b) => bySince(endOf(a) - endOf(b), a, b))
      const [late] = flows
        .filter((flow) => this.#head(flow) === undefined)
        .sort((a, b) => a.finish - b.finish || a.since - b.since)
      const [next] = heads
      const leastStart = Math.min(...heads.map(({ flow }) => flow.finish))
      if (late !== undefined && nowMs > late.awaitedUntilMs) late.isIn = false
      else if (next === undefined || (late !== undefined && late.finish < leastStart)) return
      else this.#serve(next, leastStart)
    }
  }

  #join(flow: ModelFlow): void {
    if (!flow.isIn || this.clock.steadyMs > flow.awaitedUntilMs) {
      flow.finish = Math.max(this.#virtual[flow.rank]!, flow.finish)
    }
    flow.isIn = true
    this.#tag(flow)
  }

  #head(flow: ModelFlow): ModelFrame | undefined {
    return this.frames
      .filter((frame) => frame.flow === flow && frame.state === 'waiting')
      .sort((a, b) => a.joined - b.joined)[0]
  }

  #serve(frame: ModelFrame, leastStart: number): void {
    const { flow, cost } = frame
    frame.state = 'due'
    this.bucket.use(cost, this.clock.steadyMs)
    this.#virtual[flow.rank] = Math.max(this.#virtual[flow.rank]!, leastStart)
    flow.finish += cost / flow.weight
    flow.awaitedUntilMs = this.clock.steadyMs + SHARE_AWAIT_MS
    this.#tag(flow)
    for (const [fork, side, part] of this.#path(flow.rank)) {
      fork.virtual = Math.max(fork.virtual, fork.finish[side])
      fork.finish[side] = fork.virtual + cost / part
    }
  }

  /** The class whose turn it is. */
  #rank(): number {
    const ranks = new Set(this.flows.filter(({ isIn }) => isIn).map(({ rank }) => rank))
    let rank = 2
    for (const upper of [1, 0]) {
      if (!ranks.has(upper)) continue
      const isAlone = ![1, 2].some((lower) => lower > upper && ranks.has(lower))
      const { virtual, finish } = this.#forks[upper]!
      if (isAlone || Math.max(virtual, finish[0]) <= Math.max(virtual, finish[1])) rank = upper
    }
    return rank
  }

  /** The forks above a class, which side of each it is on and what part that side has. */
  #path(rank: number): [{ virtual: number; finish: [number, number] }, 0 | 1, number][] {
    return this.#forks.slice(0, rank + 1).map((fork, level) => {
      const side = rank === level ? 0 : 1
      return [fork, side, side === 0 ? 1 - this.minimum : this.minimum]
    })
  }

  #leave(frame: ModelFrame, state: ModelState): void {
    const { flow } = frame
    const wasHead = this.#head(flow) === frame
    frame.state = state
    if (wasHead && this.#has(flow, 'waiting')) this.#tag(flow)
    else if (wasHead) flow.isIn = false
    if (state === 'gone') this.frames = this.frames.filter((other) => other !== frame)
  }

  #has(flow: ModelFlow, state: ModelState): boolean {
    return this.frames.some((frame) => frame.flow === flow && frame.state === state)
  }

  #setFinish(flow: ModelFlow, finish: number): void {
    flow.finish = finish
    if (flow.isIn) this.#tag(flow)
  }

  #tag(flow: ModelFlow): void {
    flow.since = ++this.#steps
  }
}

/** Where a frame would end, by its flow's weight. */
function endOf({ flow, cost }: ModelFrame): number {
  return flow.finish + cost / flow.weight
}

function bySince(difference: number, a: ModelFrame, b: ModelFrame): number {
  return difference || a.flow.since - b.flow.since
}
