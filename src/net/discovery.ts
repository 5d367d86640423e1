/** Keeps asking the cluster for its brokers: at start, then now and then, and soon again while nobody answers (design.md §7). */
import { DISCOVERY_INTERVAL_MS, DISCOVERY_RETRY_MS } from '../bounds.ts'
import type { Address, AddressBook } from '../cluster/address-book.ts'
import { type QueryOutcome, queryBrokers } from './broker-query.ts'

export interface DiscoveryOptions {
  readonly bootstrap: readonly Address[]
  readonly book: AddressBook
  /** After each round: what the address that answered (or the last one that did not) said. */
  readonly asked: (address: Address, outcome: QueryOutcome) => void
}

export class Discovery {
  readonly #options: DiscoveryOptions
  #timer: NodeJS.Timeout | undefined
  #stopped = false
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

  start(): void {
    this.#next(DISCOVERY_INTERVAL_MS)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #next(afterMs: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      void this.ask().then((reached) => this.#next(reached ? DISCOVERY_INTERVAL_MS : DISCOVERY_RETRY_MS))
    }, afterMs)
    this.#timer.unref()
  }

  async #ask(): Promise<boolean> {
    const { bootstrap, book, asked } = this.#options
    const known = book.brokers().map((entry) => entry.address)
    let reached = false
    for (const address of [...bootstrap, ...known]) {
      if (this.#stopped) break
      const outcome = await queryBrokers(address)
      asked(address, outcome)
      reached ||= outcome.kind !== 'unreachable'
      if (outcome.kind !== 'brokers') continue
      for (const { nodeId, host, port } of outcome.brokers) book.learn(nodeId, host, port)
      return true
    }
    return reached
  }
}
