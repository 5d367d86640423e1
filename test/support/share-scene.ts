/**
 * Connections that want to go through one divided bucket, as sessions do it: each has one frame in line at a time, asks when it was
 * told to and a little late as timers are, and has its next frame some time after the last one went. A simulation: the clock
 * is a number, no time passes.
 */
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import type { ShareTerms } from '../../src/limiter/flow-table.ts'
import { KeyedHeap } from '../../src/limiter/keyed-heap.ts'

export interface Crowd {
  readonly share: Partial<ShareTerms> & { readonly key: string }
  readonly connections: number
  /** Size of a connection's next frame. */
  readonly cost: (nowMs: number) => number
  /** From a frame's start to the next frame's arrival; 0: the frames are there already. */
  readonly pauseMs?: number
  readonly fromMs?: number
  readonly untilMs?: number
  /** A frame's cost is known only this long after its start; until then its connection's last one is taken for it. */
  readonly lateMs?: number
}

export interface Outcome {
  /** Units that went, by crowd. */
  readonly units: number[]
  /** How long frames waited, by crowd. */
  readonly waitsMs: number[][]
  readonly asks: number
  readonly frames: number
}

export interface Scene {
  readonly ratePerMs: number
  readonly burstMs: number
  readonly durationMs: number
  /** What is counted in `units` and `waitsMs` starts from here. */
  readonly countFromMs?: number
  /** How late a timer is: between 0 and this. */
  readonly latenessMs?: number
  /** Called before each event: changes the policy, looks at the bucket. */
  readonly watch?: (table: BucketTable, slot: number, nowMs: number) => void
}

interface Connection {
  readonly crowd: number
  readonly flow: number
  ticket: number | undefined
  cost: number
  lastCost: number
  arrivedMs: number
  key: number
  order: number
  place: number
}

/** A part known late: it is settled at `key`. */
interface Late {
  readonly settles: number
  readonly flow: number
  key: number
  order: number
  place: number
}

export function play(scene: Scene, crowds: readonly Crowd[]): Outcome {
  const stage = new Stage(scene, crowds)
  while (stage.step());
  return stage.outcome
}

class Stage {
  readonly outcome: Outcome & { asks: number; frames: number }
  readonly #scene: Scene
  readonly #crowds: readonly Crowd[]
  readonly #table = new BucketTable(10)
  readonly #slot: number
  readonly #events = new KeyedHeap<Connection | Late>()
  #order = 0
  #random = 1

  constructor(scene: Scene, crowds: readonly Crowd[]) {
    this.#scene = scene
    this.#crowds = crowds
    this.outcome = { units: crowds.map(() => 0), waitsMs: crowds.map((): number[] => []), asks: 0, frames: 0 }
    this.#slot = this.#table.acquire('q', 'produceBytes', '', scene.ratePerMs, scene.burstMs, 0)
    for (const [crowd, { share, connections, fromMs = 0 }] of crowds.entries()) {
      for (let i = 0; i < connections; i++) {
        const terms: ShareTerms = { weight: 1, priority: 'normal', minimum: 0.1, ...share }
        const flow = this.#table.acquireShare(this.#slot, terms, 0)
        const unstarted = { ticket: undefined, cost: 0, lastCost: 0, arrivedMs: 0, place: -1 }
        this.#events.add({ crowd, flow, key: fromMs, order: this.#order++, ...unstarted })
      }
    }
  }

  /** What happens next; false at the end. */
  step(): boolean {
    const event = this.#events.first
    if (event === undefined || event.key > this.#scene.durationMs) return false
    const nowMs = event.key
    this.#scene.watch?.(this.#table, this.#slot, nowMs)
    this.#events.remove(event)
    if ('settles' in event) this.#table.shares.settle(event.flow, event.settles, nowMs)
    else if (nowMs < (this.#crowds[event.crowd]!.untilMs ?? Number.POSITIVE_INFINITY)) this.#ask(event, nowMs)
    else if (event.ticket !== undefined) this.#table.shares.cancel(event.ticket, nowMs)
    return true
  }

  #ask(connection: Connection, nowMs: number): void {
    if (connection.ticket === undefined) this.#arrive(connection, nowMs)
    this.outcome.asks++
    const startAtMs = this.#table.shares.startAtMs(connection.ticket!, nowMs)
    if (startAtMs <= nowMs) this.#go(connection, nowMs)
    else connection.key = startAtMs + this.#lateness()
    connection.order = this.#order++
    this.#events.add(connection)
  }

  #arrive(connection: Connection, nowMs: number): void {
    const crowd = this.#crowds[connection.crowd]!
    connection.lastCost = connection.cost
    connection.cost = crowd.cost(nowMs)
    connection.arrivedMs = nowMs
    const known = crowd.lateMs === undefined ? connection.cost : connection.lastCost
    connection.ticket = this.#table.shares.enqueue(connection.flow, known, nowMs)
  }

  #go(connection: Connection, nowMs: number): void {
    const { crowd, flow, cost, lastCost, arrivedMs } = connection
    const { lateMs, pauseMs = 0 } = this.#crowds[crowd]!
    this.#table.shares.start(connection.ticket!, nowMs)
    connection.ticket = undefined
    if (nowMs >= (this.#scene.countFromMs ?? 0)) {
      this.outcome.units[crowd]! += cost
      this.outcome.waitsMs[crowd]!.push(nowMs - arrivedMs)
    }
    this.outcome.frames++
    if (lateMs !== undefined) {
      this.#events.add({ settles: cost - lastCost, flow, key: nowMs + lateMs, order: this.#order++, place: -1 })
    }
    connection.key = nowMs + pauseMs
  }

  #lateness(): number {
    this.#random = (this.#random * 48271) % 2147483647
    return (this.#random / 2147483647) * (this.#scene.latenessMs ?? 1)
  }
}
