/**
 * Watches clients: a tick a second turns their cumulative totals into distributions of rates, and a history of a quarter
 * of an hour for the status page. Bounded: at most so many clients, those idle for an hour forgotten; where room is short
 * the one idle longest gives way, but none that is at work, or a crowd of short-lived names would wash all others out.
 */
import { CLIENT_IDLE_MAX_MS, CLIENTS_WATCHED_MAX, WATCHED_AT_WORK_MS } from '../bounds.ts'
import type { ClientStatus } from '../sluice.ts'
import type { Observation } from './observation.ts'
import { HistoryClock } from './rate-history.ts'
import { type ClientHistory, type ClientRates, WatchedClient } from './watched-client.ts'

export class ClientObserver {
  readonly #clientsMax: number
  /** The longest idle first. */
  readonly #watched = new Map<string, WatchedClient>()
  /** The last sample: who is not in it is new, who has the same totals is idle. */
  #before: ReadonlyMap<string, ClientStatus> | undefined
  #startedAtMs = 0
  #lastMs = 0
  #clock: HistoryClock = new HistoryClock(0)
  /** Clients that found no room; of very many not all are remembered. */
  readonly #unwatched = new Set<string>()

  constructor(clientsMax: number = CLIENTS_WATCHED_MAX) {
    this.#clientsMax = clientsMax
  }

  /**
   * Takes the totals of every client as they are now; to be called about once a second.
   * @param clients by a key of each; kept until the next sample
   */
  sample(nowMs: number, clients: ReadonlyMap<string, ClientStatus>): void {
    if (this.#before === undefined) this.#start(nowMs)
    else if (nowMs <= this.#lastMs) return
    else this.#compare(nowMs, clients, this.#before)
    this.#before = clients
    this.#lastMs = nowMs
  }

  observed(nowMs: number): Observation {
    return {
      observedMs: this.#before === undefined ? 0 : nowMs - this.#startedAtMs,
      clients: [...this.#watched.values()].map((watched) => watched.observed(nowMs)),
      unwatched: this.#unwatched.size,
    }
  }

  /** The last quarter of an hour of one client; undefined if it is not watched. */
  history(key: string): ClientHistory | undefined {
    return this.#watched.get(key)?.history(this.#clock.points)
  }

  /** What one client does now; undefined if it is not watched. */
  rates(key: string, nowMs: number): ClientRates | undefined {
    return this.#watched.get(key)?.now(nowMs)
  }

  /** How long ago a client last did something; undefined if it is not watched. */
  idleMs(key: string, nowMs: number): number | undefined {
    const watched = this.#watched.get(key)
    return watched === undefined ? undefined : Math.max(0, nowMs - watched.lastActiveMs)
  }

  #start(nowMs: number): void {
    this.#startedAtMs = nowMs
    this.#clock = new HistoryClock(nowMs)
  }

  #compare(nowMs: number, clients: ReadonlyMap<string, ClientStatus>, before: ReadonlyMap<string, ClientStatus>): void {
    for (const [key, client] of clients) {
      const past = before.get(key)
      const isActive = past === undefined || doneBy(client) !== doneBy(past)
      const watched = this.#watched.get(key)
      if (watched !== undefined) this.#note(key, watched, client, nowMs, isActive)
      else if (isActive) this.#admit(key, client, nowMs, past === undefined)
    }
    for (const [key, watched] of this.#watched) if (!clients.has(key)) watched.absent(nowMs)
    this.#forgetIdle(nowMs)
    this.#clock.tick(nowMs, (at, stepMs) => {
      for (const watched of this.#watched.values()) watched.writePoint(at, stepMs)
    })
  }

  #note(key: string, watched: WatchedClient, client: ClientStatus, nowMs: number, isActive: boolean): void {
    watched.sample(nowMs, client, isActive)
    if (!isActive) return
    this.#watched.delete(key)
    this.#watched.set(key, watched)
  }

  /** Begins to watch a client that did something. One that was there before did most of it at a time that is not known. */
  #admit(key: string, client: ClientStatus, nowMs: number, isNew: boolean): void {
    if (this.#watched.size >= this.#clientsMax && !this.#dropIdlest(nowMs)) {
      if (this.#unwatched.size < this.#clientsMax) this.#unwatched.add(key)
      return
    }
    this.#unwatched.delete(key)
    const watched = new WatchedClient(client, this.#lastMs, isNew)
    watched.sample(nowMs, client, true)
    this.#watched.set(key, watched)
  }

  #dropIdlest(nowMs: number): boolean {
    const [first] = this.#watched
    if (first === undefined || nowMs - first[1].lastActiveMs < WATCHED_AT_WORK_MS) return false
    this.#watched.delete(first[0])
    return true
  }

  #forgetIdle(nowMs: number): void {
    for (const [key, watched] of this.#watched) {
      if (nowMs - watched.lastActiveMs < CLIENT_IDLE_MAX_MS) break
      this.#watched.delete(key)
    }
  }
}

/** A number that changes whenever the client does something. */
function doneBy({ producedBytes, fetchedBytes, requests }: ClientStatus): number {
  return producedBytes + fetchedBytes + requests
}
