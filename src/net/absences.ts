/**
 * Brokers that are away: whose host refuses connections. The port that stands for such a broker refuses them, too, until it is back.
 * Being refused is what clients know best of a broker that restarts: they ask who leads and coordinates now, and try again; an accepted
 * connection that then ends they take for something else (decision 50).
 */
import { connect } from 'node:net'
import { ABSENCE_ASK_MAX_MS, ABSENCE_ASK_MIN_MS, DIAL_TIMEOUT_MS } from '../bounds.ts'
import { type Address, type AddressBook, type BrokerEntry, formatAddress } from '../cluster/address-book.ts'
import { deadline } from './deadline.ts'
import type { BrokerListeners } from './listeners.ts'

export interface AbsencesOptions {
  readonly book: Pick<AddressBook, 'brokers'>
  readonly listeners: Pick<BrokerListeners, 'shut' | 'reopen'>
  /** A broker is away, or back: its port is shut, or open. */
  readonly changed: (entry: BrokerEntry, isAway: boolean) => void
  /** It is back, and its port cannot be had. */
  readonly failed: (entry: BrokerEntry, error: Error) => void
}

interface Absence {
  readonly entry: BrokerEntry
  waitMs: number
  /** Ends what it waits for: the next question, or the answer to this one. */
  cancel: () => void
}

/** Who is there and says no, or is known not to be there. A time-out tells nothing: a broker that is slow is not away. */
const REFUSALS: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN'])

export class Absences {
  readonly #options: AbsencesOptions
  /** By node id. */
  readonly #away = new Map<number, Absence>()

  constructor(options: AbsencesOptions) {
    this.#options = options
  }

  /** An address could not be dialled; shuts the ports of its brokers if that means that they are away. */
  notReached(address: Address, error: NodeJS.ErrnoException): void {
    const { code = (error.cause as NodeJS.ErrnoException | undefined)?.code } = error
    if (!REFUSALS.has(code)) return
    const text = formatAddress(address)
    for (const entry of this.#options.book.brokers()) {
      if (entry.local === undefined || this.#away.has(entry.nodeId) || formatAddress(entry.address) !== text) continue
      const absence = { entry, waitMs: ABSENCE_ASK_MIN_MS, cancel: () => {} }
      this.#away.set(entry.nodeId, absence)
      this.#options.listeners.shut(entry)
      this.#options.changed(entry, true)
      this.#askLater(absence)
    }
  }

  /** A broker has another address: whether it is there is for clients to find out. */
  moved(entry: BrokerEntry): void {
    const absence = this.#away.get(entry.nodeId)
    if (absence === undefined) return
    absence.cancel()
    void this.#reopen(absence)
  }

  stop(): void {
    for (const absence of this.#away.values()) absence.cancel()
    this.#away.clear()
  }

  #askLater(absence: Absence): void {
    const timer = setTimeout(() => this.#ask(absence), absence.waitMs)
    timer.unref()
    absence.waitMs = Math.min(absence.waitMs * 2, ABSENCE_ASK_MAX_MS)
    absence.cancel = () => clearTimeout(timer)
  }

  /** Whether a connection comes about, of which nothing more is made. */
  #ask(absence: Absence): void {
    const { host, port } = absence.entry.address
    const socket = connect({ host, port, autoSelectFamily: true })
    let isOver = false
    const over = (): boolean => {
      if (isOver) return false
      isOver = true
      clearTimeout(timeout)
      socket.destroy()
      return true
    }
    const timeout = deadline(DIAL_TIMEOUT_MS, () => over() && this.#askLater(absence))
    socket.on('error', () => over() && this.#askLater(absence))
    socket.on('connect', () => over() && void this.#reopen(absence))
    absence.cancel = over
  }

  async #reopen(absence: Absence): Promise<void> {
    const { entry } = absence
    let isWanted = true
    absence.cancel = () => {
      isWanted = false
    }
    const error = await this.#options.listeners.reopen(entry)
    if (!isWanted) return
    if (error === undefined) {
      this.#away.delete(entry.nodeId)
      this.#options.changed(entry, false)
    } else {
      this.#options.failed(entry, error)
      this.#askLater(absence)
    }
  }
}
