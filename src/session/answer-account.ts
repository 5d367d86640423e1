/** What an answer costs and brings: its charge is settled, its throttle time decided and stamped, its errors and records counted. */

import { API_KEY } from 'kafka-protocol-codec'
import { isFetch } from '../policy/api-classes.ts'
import type { AnswerAtHand } from './answer-at-hand.ts'
import { waitsByDesign } from './api-kinds.ts'
import { apiSlot } from './counters.ts'
import type { Expected } from './in-flight.ts'
import type { SessionParts } from './session-parts.ts'

export class AnswerAccount {
  readonly #parts: SessionParts
  readonly #answer: AnswerAtHand
  #slot = 0
  #stampMs = 0
  #records = 0

  constructor(parts: SessionParts, answer: AnswerAtHand) {
    this.#parts = parts
    this.#answer = answer
  }

  /** The answer goes: settle its charge, decide the stamp, count it. */
  accept(): void {
    const { expected, frameBytes, nowMs } = this.#answer
    const { counters } = this.#parts.context
    const slot = apiSlot(expected.apiKey)
    this.#slot = slot
    this.#stampMs = 0
    this.#records = 0
    counters.responseBytes[slot] = (counters.responseBytes[slot] as number) + frameBytes
    this.#timed(expected, slot, nowMs - expected.sentAtMs)
    const { charge } = expected
    if (isFetch(expected.apiKey)) {
      this.#parts.estimates.fetchedBytes = frameBytes
      this.#parts.totals.fetchedBytes += frameBytes
      if (!charge.empty) {
        charge.answerBytes(frameBytes, nowMs)
        this.#parts.totals.throttleMs += charge.addedDelayMs
      }
    }
    if (charge.empty) return
    const debtMs = Math.ceil(charge.debtMs(nowMs))
    this.#stampMs = Math.min(debtMs, this.#parts.facts.behaviour.stampMs(expected.apiKey))
  }

  /** What the skim found in the part just seen: stamps the throttle, counts errors and records. */
  noticed(): void {
    const { sink, view, expected, nowMs } = this.#answer
    const { throttleAt, throttleMs, errors } = sink
    const { counters } = this.#parts.context
    this.#records += sink.records
    sink.records = 0
    if (errors.length > 0) {
      this.#failed(errors, expected)
      errors.length = 0
    }
    if (throttleAt < 0) return
    if (throttleMs > 0) {
      counters.brokerThrottleMs[this.#slot] = (counters.brokerThrottleMs[this.#slot] as number) + throttleMs
      if (this.#parts.broker !== undefined) this.#parts.broker.throttleMs += throttleMs
    }
    if (this.#stampMs === 0 || this.#stampMs <= throttleMs) return
    view.setInt32(throttleAt, this.#stampMs)
    expected.charge.countStamped(nowMs)
  }

  /** How long the broker took, for everybody who is told of it. */
  #timed({ apiKey, client }: Expected, slot: number, ms: number): void {
    const bucket = this.#parts.context.counters.brokerLatency.observeMs(slot, ms)
    if (!waitsByDesign(apiKey)) this.#parts.broker?.latency.add(bucket, ms / 1000)
    if (apiKey === API_KEY.Produce) client?.produceLatency.add(bucket, ms / 1000)
    else if (isFetch(apiKey)) client?.fetchLatency.add(bucket, ms / 1000)
  }

  #failed(errors: readonly number[], { client }: Expected): void {
    for (const code of errors) {
      this.#parts.context.counters.countError(this.#slot, code)
      client?.countError(code)
    }
    if (this.#parts.broker !== undefined) this.#parts.broker.errors += errors.length
  }

  /** The answer has passed as far as `at`, for the first time; returns that. */
  passedTo(at: number): number {
    const answer = this.#answer
    answer.bodyLeft = answer.frameBytes - (at - answer.from)
    if (answer.bodyLeft === 0) this.finish()
    return at
  }

  /** It is through. */
  finish(): void {
    const { expected, nowMs } = this.#answer
    if (isFetch(expected.apiKey)) this.#fetched(expected, nowMs)
    else if (expected.group !== undefined) this.#parts.groupWatch.answered(expected, this.#answer.sink, nowMs)
    this.#parts.inFlight.shift()
    this.#parts.age.answerDelivered(nowMs)
  }

  /** A Fetch answer has passed whole: its records are known. */
  #fetched({ apiKey, charge }: Expected, nowMs: number): void {
    const { totals, estimates, context, tracking } = this.#parts
    const { frameBytes, shares } = this.#answer
    context.counters.fetchedRecords += this.#records
    totals.fetchRequests++
    totals.fetchedRecords += this.#records
    estimates.fetchedRecords = this.#records
    totals.largestFetchBytes = Math.max(totals.largestFetchBytes, frameBytes)
    if (this.#records > 0) estimates.bytesPerFetchedRecord = frameBytes / this.#records
    if (charge.empty) return
    charge.actual.fetchedRecords = this.#records
    if (shares !== undefined) {
      shares.finish()
      tracking?.settleFetched(charge, apiKey, nowMs)
    }
    charge.answered(nowMs)
    totals.throttleMs += charge.addedDelayMs
  }
}
