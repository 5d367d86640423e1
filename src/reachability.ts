/** Which addresses of the cluster could be reached the last time, from every attempt: what readiness, failover and status go by. */
import { type Address, type AddressBook, formatAddress } from './cluster/address-book.ts'
import type { BrokerBook } from './cluster/broker-book.ts'
import type { QueryOutcome } from './net/broker-query.ts'
import type { LogLimiter } from './telemetry/log-limiter.ts'

export interface ReachabilityOptions {
  readonly bootstrap: readonly Address[]
  readonly book: Pick<AddressBook, 'brokers'>
  /** The attempts of each broker, for its metrics. */
  readonly attempts: Pick<BrokerBook, 'at'>
  readonly limitedLog: LogLimiter
  /** A broker cannot be reached: it may have moved. */
  readonly lost: () => void
}

export class Reachability {
  readonly #options: ReachabilityOptions
  /** Addresses by how the last attempt to reach them ended. */
  readonly #reached = new Map<string, boolean>()
  /** Those that answered our last question as no broker for us: that one can connect to them says nothing. */
  readonly #wrong = new Set<string>()
  #why = 'the brokers have not answered yet'

  constructor(options: ReachabilityOptions) {
    this.#options = options
  }

  /** A connection for a client was tried. */
  dialled(address: Address, error: Error | undefined): void {
    this.#tried(address, error === undefined)
    if (error === undefined) {
      if (this.#wrong.has(formatAddress(address))) this.#reached.set(formatAddress(address), false)
      return
    }
    const text = formatAddress(address)
    this.#why = `${text}: ${error.message}`
    const message = `broker ${text} cannot be reached: ${error.message}`
    this.#options.limitedLog.log('dial_failed', text, { address: text }, message)
    this.#options.lost()
  }

  /** A question of our own was put. */
  asked(address: Address, outcome: QueryOutcome): void {
    this.#tried(address, outcome.kind !== 'unreachable')
    if (outcome.kind === 'brokers') {
      for (const broker of outcome.brokers) this.#reached.set(formatAddress(broker), true)
      this.#wrong.clear() // the others are not asked while one answers: dialling them has to do
    }
    const text = formatAddress(address)
    if (outcome.kind === 'unreachable' && outcome.isAnswered) this.#wrong.add(text)
    else this.#wrong.delete(text)
    if (outcome.kind !== 'unreachable') return
    this.#why = `${text}: ${outcome.error}`
    const message = `no answer from ${text}: ${outcome.error}`
    this.#options.limitedLog.log('discovery_failed', text, { address: text }, message)
  }

  /** Whether the last attempt succeeded; undefined before the first. */
  of(address: Address): boolean | undefined {
    return this.#reached.get(formatAddress(address))
  }

  /** Bootstrap addresses, those that answered last time first. */
  bootstrap(): readonly Address[] {
    const failed = (address: Address): number => (this.of(address) === false ? 1 : 0)
    return [...this.#options.bootstrap].sort((a, b) => failed(a) - failed(b))
  }

  /** Why clients would find no broker, for an operator; undefined if they would find one. */
  fault(): string | undefined {
    const { bootstrap, book } = this.#options
    const addresses = [...bootstrap, ...book.brokers().map((entry) => entry.address)]
    if (addresses.some((address) => this.of(address) === true)) return undefined
    const isExplained = this.#wrong.size > 0 || this.#why.includes('upstream.')
    return `no broker can be reached (${this.#why})${isExplained ? '' : '; check --upstream'}`
  }

  #tried(address: Address, reached: boolean): void {
    this.#reached.set(formatAddress(address), reached)
    this.#options.attempts.at(address).tried(reached)
  }
}
