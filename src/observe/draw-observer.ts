/**
 * Who draws how much from which bucket, and what delay it meets there: what makes a client slow, by quota. A tick a second
 * collects what the charges of every session have noted since the last one. Bounded by clients, and by buckets of one client.
 */
import { CLIENTS_WATCHED_MAX, DRAWS_WATCHED_MAX } from '../bounds.ts'
import type { RateDimension } from '../policy/dimensions.ts'
import type { Draw } from '../session/charge-set.ts'
import { RateWindow, WINDOW_MAX_MS } from './rate-window.ts'

/** What one client draws from one bucket. */
export interface DrawRates {
  readonly quota: string
  readonly dimension: RateDimension
  readonly slot: number
  readonly enforced: boolean
  readonly usedPerSecond: number
  /** Milliseconds of delay in a second: told or held, or what it would have been. */
  readonly delayMsPerSecond: number
}

/** A session, as far as it is looked at. */
interface Drawing {
  eachDraw(visit: (draw: Draw) => void): void
}

interface Watched {
  readonly quota: string
  readonly dimension: RateDimension
  readonly slot: number
  enforced: boolean
  usedUnits: number
  delayMs: number
  lastMs: number
  readonly window: RateWindow
}

export class DrawObserver {
  /** By client, then by slot. */
  readonly #clients = new Map<string, Map<number, Watched>>()
  readonly #clientsMax: number
  #lastMs = 0

  constructor(clientsMax: number = CLIENTS_WATCHED_MAX) {
    this.#clientsMax = clientsMax
  }

  /** @param keyOf which client a session is */
  sample<T extends Drawing>(nowMs: number, sessions: Iterable<T>, keyOf: (session: T) => string): void {
    for (const session of sessions) this.#collect(nowMs, session, keyOf(session))
    for (const [key, draws] of this.#clients) {
      for (const [slot, draw] of draws) {
        if (nowMs - draw.lastMs > WINDOW_MAX_MS) draws.delete(slot)
        else draw.window.write(nowMs, [draw.usedUnits, draw.delayMs])
      }
      if (draws.size === 0) this.#clients.delete(key)
    }
    this.#lastMs = nowMs
  }

  /** What one client draws from the buckets that it still holds. */
  draws(key: string, nowMs: number): DrawRates[] {
    const draws = [...(this.#clients.get(key)?.values() ?? [])].filter(({ lastMs }) => lastMs === this.#lastMs)
    return draws.map(({ quota, dimension, slot, enforced, window }) => ({
      quota,
      dimension,
      slot,
      enforced,
      usedPerSecond: window.rate(0, nowMs),
      delayMsPerSecond: window.rate(1, nowMs),
    }))
  }

  #collect(nowMs: number, session: Drawing, key: string): void {
    let draws = this.#clients.get(key)
    session.eachDraw((draw) => {
      if (draws === undefined) {
        if (this.#clients.size >= this.#clientsMax) return
        draws = new Map()
        this.#clients.set(key, draws)
      }
      const watched = this.#watchedOf(draws, draw)
      if (watched === undefined) return
      watched.usedUnits += draw.unseenUnits
      watched.delayMs += draw.unseenDelayMs
      watched.enforced = draw.enforced
      watched.lastMs = nowMs
      draw.unseenUnits = 0
      draw.unseenDelayMs = 0
    })
  }

  #watchedOf(draws: Map<number, Watched>, { quota, dimension, slot, enforced }: Draw): Watched | undefined {
    const watched = draws.get(slot)
    // A slot that was given up may be another bucket's now.
    if (watched?.quota === quota && watched.dimension === dimension) return watched
    if (watched === undefined && draws.size >= DRAWS_WATCHED_MAX) return undefined
    const fresh = { quota, dimension, slot, enforced, usedUnits: 0, delayMs: 0, lastMs: 0, window: new RateWindow(2) }
    fresh.window.write(this.#lastMs, [0, 0])
    draws.set(slot, fresh)
    return fresh
  }
}
