/**
 * Watches the body of a request pass: of a Produce its acks, its batches and, where a quota tells topics apart, the share of each
 * topic; of a Fetch what it asks for, and of a commit its offsets. Other bodies pass unwatched.
 */
import {
  API_KEY,
  apiSchema,
  compileSkim,
  inRange,
  ProtocolError,
  type RequestHead,
  recordsInBatch,
  Skim,
  type SkimPlan,
  type SkimSink,
} from 'kafka-protocol-codec'
import type { ClientSeries } from './client-book.ts'
import type { FrameCharge } from './frame-charge.ts'
import { ProduceMeter } from './produce-meter.ts'
import type { SessionParts } from './session-parts.ts'
import { sharesPlan, type TopicShares, W_SHARE_ACKS, W_SHARE_PARTITION, W_SHARE_RECORDS } from './topic-shares.ts'

const PRODUCE_WANTED = ['acks', 'topicData.partitionData.records'] as const // as W_SHARE_ACKS and W_SHARE_RECORDS

/** By version; compiled at first use. */
const producePlans: SkimPlan[] = []

function producePlan(version: number): SkimPlan {
  const known = producePlans[version]
  if (known !== undefined) return known
  const schema = apiSchema(API_KEY.Produce)
  if (schema === undefined || !inRange(version, schema.request.versions)) {
    throw new ProtocolError('unknown_version', `Produce v${version} was not offered to this client`)
  }
  const plan = compileSkim(schema.request, version, PRODUCE_WANTED)
  producePlans[version] = plan
  return plan
}

export class BodyWatch implements SkimSink {
  /** Whether the request has an answer: a Produce may want none (acks 0). */
  answered = true
  /** Its answer is followed, for the lag of a group. */
  isFollowed = false
  readonly #parts: SessionParts
  /** Over a Produce. */
  readonly #skim: Skim = new Skim()
  readonly #meter: ProduceMeter
  /** What walks through the body that passes, and who is told what it finds; undefined: it passes unwatched. */
  #walk: Skim | undefined
  #told: SkimSink = this
  #records = 0
  /** The shares of a Produce whose topics are told apart. */
  #shares: TopicShares | undefined

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#meter = new ProduceMeter(parts.context)
  }

  /** Whether something of the body is still to be seen. */
  get watching(): boolean {
    return this.#walk !== undefined
  }

  /** The next request begins to pass. */
  reset(): void {
    this.answered = true
    this.isFollowed = false
    this.#walk = undefined
    this.#shares = undefined
  }

  produce(
    { apiVersion, frameBytes }: RequestHead,
    bodyBytes: number,
    tellsTopics: boolean,
    client: ClientSeries,
  ): void {
    this.#walk = this.#skim
    this.#told = this
    this.#records = 0
    this.#meter.begin(client)
    if (!tellsTopics) {
      const plan = client.isIdempotent ? sharesPlan(API_KEY.Produce, apiVersion) : producePlan(apiVersion)
      this.#skim.start(plan, bodyBytes)
      return
    }
    this.#skim.start(sharesPlan(API_KEY.Produce, apiVersion), bodyBytes)
    this.#shares = this.#parts.tracking?.produced
    this.#shares?.begin(frameBytes)
  }

  /** A Fetch or ShareFetch that has been looked at: its rest is walked through by who has begun. */
  fetch(apiKey: number, tellsTopics: boolean): void {
    const { following, tracking } = this.#parts
    const follower = apiKey === API_KEY.Fetch ? following.fetches : undefined
    this.isFollowed = follower !== undefined
    this.#told = tellsTopics && tracking !== undefined ? tracking.positions : (follower ?? this)
    const skim = tellsTopics ? tracking?.fetchSkim : follower?.skim
    if (skim?.done === false) this.#walk = skim
  }

  /** Offsets are committed for a group. */
  commit({ apiKey, apiVersion, bodyOffset }: RequestHead, bodyBytes: number, group = '', nowMs = 0): void {
    const follower = bodyOffset >= 0 && group !== '' ? this.#parts.following.ofCommits() : undefined
    if (follower === undefined || !follower.begin(apiKey, apiVersion, bodyBytes, group, nowMs)) return
    this.isFollowed = true
    this.#walk = follower.skim
    this.#told = follower
  }

  /** Committed offsets are asked for: the answer tells them. */
  fetchOffsets(): void {
    this.isFollowed = this.#parts.following.ofOffsets() !== undefined
  }

  /** Runs over the next part of the body, byte `framePlace` of its frame first; returns up to where that may go. */
  run(bytes: Uint8Array, view: DataView, from: number, end: number, framePlace: number): number {
    const { tracking } = this.#parts
    const walk = this.#walk!
    this.#shares?.chunk(from, framePlace)
    const at = walk.run(bytes, view, from, end, this.#told)
    if (!walk.done) return at
    if (walk === tracking?.fetchSkim) tracking.positions.end()
    this.#walk = undefined
    return end
  }

  /** A Produce went out whole: its records are known. */
  produced({ frameBytes }: RequestHead, charge: FrameCharge, nowMs: number): void {
    const { totals, estimates, context, tracking } = this.#parts
    const records = this.#records
    charge.actual.producedRecords = records
    if (this.#shares !== undefined) {
      this.#shares.finish()
      tracking?.settleProduced(charge, nowMs)
    }
    context.counters.producedRecords += records
    context.counters.requestRecords.observe(records)
    totals.produceRequests++
    totals.producedBytes += frameBytes
    totals.producedRecords += records
    estimates.recordsPerProducedByte = records / frameBytes
    totals.largestProduceBytes = Math.max(totals.largestProduceBytes, frameBytes)
  }

  // SkimSink: what the Produce skim reports.
  value(field: number, value: number): void {
    if (field === W_SHARE_PARTITION) this.#meter.partition = value
    else if (field === W_SHARE_ACKS && value === 0) this.answered = false
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number): void {
    this.#meter.topic(bytes, offset, length)
    this.#shares?.text(field, bytes, offset, length)
  }

  tag(): void {}

  batch(field: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    if (field !== W_SHARE_RECORDS) return
    const records = this.#shares?.records(bytes, offset, sizeBytes) ?? recordsInBatch(bytes, offset, sizeBytes)
    this.#records += records
    this.#meter.batch(bytes, offset, sizeBytes, records)
  }
}
