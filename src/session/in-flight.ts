/**
 * The answers that a connection still owes, in the order in which they must come (protocol-facts B.4): a ring of plain
 * numbers, grown when needed, never past `IN_FLIGHT_MAX`. A local reply (an answer made here) waits its turn in it.
 */
import type { ClientSeries } from './client-book.ts'
import type { CloseReason } from './counters.ts'
import { FrameCharge } from './frame-charge.ts'
import type { JudgedMutation } from './mutation-gate.ts'
import type { SaslStep } from './observe-sasl.ts'

/** Why a connection ends; `detail` is for the log. */
export interface Ending {
  readonly reason: CloseReason
  readonly detail: string
}

/** What is remembered of a request until its answer comes. */
export interface Expected {
  apiKey: number
  version: number
  correlationId: number
  /** When its last byte was forwarded. */
  sentAtMs: number
  /** What it is charged to; empty once the answer has passed. */
  charge: FrameCharge
  /** The topics of the answer are told apart. */
  tellsTopics: boolean
  /** It is followed for lag: a Fetch, an OffsetFetch, or a commit of `group`. */
  isFollowed: boolean
  /** The group that it names as its own. */
  group: string | undefined
  /** And the member that it is of; '' where it does not say. */
  member: string
  /** Of what creates or deletes partitions, where a quota limits that. */
  mutation: JudgedMutation | undefined
  /** Of SaslHandshake and SaslAuthenticate: what it said. */
  saslStep: SaslStep | undefined
  /** The answer itself where we made it: a whole frame. */
  reply: Uint8Array | undefined
  /** The connection ends with that reply, and why. */
  ending: Ending | undefined
  /** Who asked; undefined where we did. */
  client: ClientSeries | undefined
  /** We asked, in a login of our own: the answer is ours. */
  isOwn: boolean
}

function blank(): Expected {
  return {
    apiKey: 0,
    version: 0,
    correlationId: 0,
    sentAtMs: 0,
    charge: new FrameCharge(),
    tellsTopics: false,
    isFollowed: false,
    group: undefined,
    member: '',
    mutation: undefined,
    saslStep: undefined,
    reply: undefined,
    ending: undefined,
    client: undefined,
    isOwn: false,
  }
}

/** What stands where no answer has been begun yet; nobody changes it. */
export const NOTHING_EXPECTED: Expected = blank()

export class InFlight {
  #ring: Expected[]
  #head = 0
  #length = 0
  readonly #max: number

  constructor(max: number) {
    this.#max = max
    this.#ring = [blank(), blank(), blank(), blank()]
  }

  get length(): number {
    return this.#length
  }

  get full(): boolean {
    return this.#length >= this.#max
  }

  /** The next slot at the tail, to be filled by the caller; no allocation once the ring has grown to the client's window. */
  push(): Expected {
    if (this.#length === this.#ring.length) this.#grow()
    const slot = this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] as Expected
    this.#length++
    return slot
  }

  /** The slot that was pushed last. */
  last(): Expected {
    return this.#ring[(this.#head + this.#length - 1) & (this.#ring.length - 1)] as Expected
  }

  /** The answer that must come next, undefined when none is owed. */
  peek(): Expected | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head]
  }

  shift(): void {
    const slot = this.#ring[this.#head] as Expected
    slot.charge.clear()
    slot.mutation = undefined
    slot.saslStep = undefined
    slot.reply = undefined
    slot.ending = undefined
    slot.client = undefined
    slot.isFollowed = false
    slot.group = undefined
    slot.isOwn = false
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length--
  }

  #grow(): void {
    const old = this.#ring
    const grown: Expected[] = []
    for (let i = 0; i < old.length; i++) grown.push(old[(this.#head + i) & (old.length - 1)] as Expected)
    for (let i = 0; i < old.length; i++) grown.push(blank())
    this.#ring = grown
    this.#head = 0
  }
}
