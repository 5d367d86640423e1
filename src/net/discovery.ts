/** Keeps asking the cluster for its brokers: at start, then now and then, and soon again while nobody answers (design.md §7). */
import { DISCOVERY_INTERVAL_MS, DISCOVERY_RETRY_MS } from '../bounds.ts'
import type { Address, AddressBook } from '../cluster/address-book.ts'
import { type QueryOutcome, queryBrokers } from './broker-query.ts'
import type { Upstream } from './upstream.ts'

export interface DiscoveryOptions {
  readonly bootstrap: readonly Address[]
  readonly book: AddressBook
  readonly upstream: Upstream
  /** After each round: what the address that answered (or the last one that did not) said. */
  readonly asked: (address: Address, outcome: QueryOutcome) => void
}

export class Discovery {
  readonly #options: DiscoveryOptions
  #timer: NodeJS.Timeout | undefined
  readonly #stopping = new AbortController()
  #round: Promise<boolean> | undefined

  constructor(options: DiscoveryOptions) {
    this.#options = options
  }

  /** One round: the first address that answers is believed. True if some broker was reached. Never rejects. */
  ask(): Promise<boolean> {
    this.#round ??= this.#ask().finally(() => {
      this.#round = undefined
    })
    return this.#round
  }

  /** Asks at once, and from then on regularly. */
  start(): void {
    void this.ask().then((reached) => this.#next(reached ? DISCOVERY_INTERVAL_MS : DISCOVERY_RETRY_MS))
  }

  /** Asks no more; a question under way is given up. */
  stop(): void {
    this.#stopping.abort()
    clearTimeout(this.#timer)
  }

  #next(afterMs: number): void {
    if (this.#stopping.signal.aborted) return
    this.#timer = setTimeout(() => this.start(), afterMs)
    this.#timer.unref()
  }

  async #ask(): Promise<boolean> {
    const { bootstrap, book, asked } = this.#options
    const known = book.brokers().map((entry) => entry.address)
    let reached = false
    for (const address of [...bootstrap, ...known]) {
      const { signal } = this.#stopping
      if (signal.aborted) break
      const outcome = await queryBrokers(address, signal, this.#options.upstream)
      if (signal.aborted) break
      asked(address, outcome)
      reached ||= outcome.kind !== 'unreachable'
      if (outcome.kind !== 'brokers') continue
      const inOrder = outcome.brokers.toSorted((a, b) => a.nodeId - b.nodeId) // so that ports are the same at every start
      for (const { nodeId, host, port } of inOrder) book.learn(nodeId, host, port)
      return true
    }
    return reached
  }
}
