/**
 * Which broker is where, and which local address stands for it (design.md §7). Pure state: `net/` opens the listeners,
 * sessions ask and teach. Real node ids are kept, so a client's own routing, and KIP-1242's check of it, stay true.
 */

/** A host and a port. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Whether that is an address at all: what is none must never reach `connect`, which throws. */
export function isDialable({ host, port }: Address): boolean {
  return host !== '' && !host.includes('\0') && port >= 1 && port <= 65_535
}

/** What is known of one broker. */
export interface BrokerEntry {
  readonly nodeId: number
  /** Where the broker says it listens. */
  address: Address
  /** Where our listener for it is; undefined until it is up. */
  local: Address | undefined
}

/** New, at another address, or named by an answer while it still has no listener. */
export type BrokerChange = 'joined' | 'moved' | 'unserved'

export type BrokerListener = (entry: BrokerEntry, change: BrokerChange) => void

/** Brokers by node id. Bounded: a cluster of more than `brokersMax` brokers is no cluster that we know of. */
export class AddressBook {
  readonly #brokers = new Map<number, BrokerEntry>()
  readonly #brokersMax: number
  #onChange: BrokerListener = () => {}

  constructor(brokersMax: number) {
    this.#brokersMax = brokersMax
  }

  onChange(listener: BrokerListener): void {
    this.#onChange = listener
  }

  /**
   * Takes note of a broker named by an answer. Returns its entry, or undefined when the book is full.
   * A known broker at another address is one that moved: new connections go to the new place.
   */
  learn(nodeId: number, host: string, port: number): BrokerEntry | undefined {
    const known = this.#brokers.get(nodeId)
    if (known === undefined) {
      if (this.#brokers.size >= this.#brokersMax) return undefined
      const entry: BrokerEntry = { nodeId, address: { host, port }, local: undefined }
      this.#brokers.set(nodeId, entry)
      this.#onChange(entry, 'joined')
      return entry
    }
    if (known.address.host !== host || known.address.port !== port) {
      known.address = { host, port }
      this.#onChange(known, 'moved')
    } else if (known.local === undefined) {
      this.#onChange(known, 'unserved')
    }
    return known
  }

  get(nodeId: number): BrokerEntry | undefined {
    return this.#brokers.get(nodeId)
  }

  /** Every broker known so far, by node id. */
  brokers(): readonly BrokerEntry[] {
    return [...this.#brokers.values()].sort((a, b) => a.nodeId - b.nodeId)
  }
}

/** The order in which ports of `[first, last]` are tried for a node: its own place first, then upwards, around. */
export function* portCandidates(nodeId: number, first: number, last: number): Generator<number> {
  const span = last - first + 1
  const own = nodeId >= 0 ? nodeId % span : 0
  for (let i = 0; i < span; i++) yield first + ((own + i) % span)
}
