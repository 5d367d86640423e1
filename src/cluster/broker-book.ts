/**
 * What is known of each broker from talking to it: connections that came about or did not, resets, its answers' errors, throttle and
 * latency. Kept by node id; an address that no broker is known to have (a bootstrap name, a load balancer) is `bootstrap`.
 */
import { Latencies } from '../histogram.ts'
import { type Address, type AddressBook, formatAddress } from './address-book.ts'

/** The label of addresses that are not known to be a broker's. */
export const BOOTSTRAP = 'bootstrap'

export class BrokerCounts {
  readonly node: string
  connections = 0
  connectFailures = 0
  resets = 0
  errors = 0
  throttleMs = 0
  /** How the last attempt to reach it ended; undefined before the first. */
  isUp: boolean | undefined
  /** Of APIs that do not wait by design. */
  readonly latency: Latencies = new Latencies()

  constructor(node: string) {
    this.node = node
  }

  /** An attempt to reach it has ended. */
  tried(succeeded: boolean): void {
    this.isUp = succeeded
    if (!succeeded) this.connectFailures++
  }
}

export class BrokerBook {
  readonly #addresses: AddressBook
  /** By node; as many as the address book has brokers, and one more. */
  readonly #brokers = new Map<string, BrokerCounts>()

  constructor(addresses: AddressBook) {
    this.#addresses = addresses
  }

  /** The counts of the broker at an address. */
  at(address: Address): BrokerCounts {
    const where = formatAddress(address)
    const entry = this.#addresses.brokers().find((one) => formatAddress(one.address) === where)
    return this.#of(entry === undefined ? BOOTSTRAP : String(entry.nodeId))
  }

  /** Every broker known, met or not. */
  brokers(): readonly BrokerCounts[] {
    for (const { nodeId } of this.#addresses.brokers()) this.#of(String(nodeId))
    return [...this.#brokers.values()]
  }

  #of(node: string): BrokerCounts {
    let counts = this.#brokers.get(node)
    if (counts === undefined) {
      counts = new BrokerCounts(node)
      this.#brokers.set(node, counts)
    }
    return counts
  }
}
