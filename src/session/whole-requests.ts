/**
 * Requests that are looked into while they are here whole: ApiVersions, logins, and what creates or deletes partitions under a
 * quota. Each goes on as it is, or is swallowed: then its answer is ours, or something else goes in its place.
 */
import { API_KEY, apiSchema, ProtocolError, type RequestHead } from 'kafka-protocol-codec'
import { INSPECT_BYTES_MAX } from '../bounds.ts'
import { isSasl } from './api-kinds.ts'
import { softwareOf } from './api-versions.ts'
import { ClientRefused } from './foreign-bytes.ts'
import { versionMismatchReply } from './local-reply.ts'
import type { Mutation } from './mutations.ts'
import type { SaslStep } from './observe-sasl.ts'
import type { SessionParts } from './session-parts.ts'

/** Whether requests of this API are short, and looked into whole. */
export function isInspected(apiKey: number): boolean {
  return apiKey === API_KEY.ApiVersions || isSasl(apiKey)
}

/**
 * Whether such a request is here whole, of which there are `hereBytes`.
 * @throws ClientRefused when it never will be: nobody logs in past us by a token too long to be looked at
 */
export function isHereWhole({ apiKey, frameBytes }: RequestHead, hereBytes: number): boolean {
  if (frameBytes <= INSPECT_BYTES_MAX) return hereBytes >= frameBytes
  const api = apiSchema(apiKey)?.name ?? ''
  throw new ClientRefused(
    'client_frame_too_large',
    `${api} of ${frameBytes} bytes: a login or greeting has ${INSPECT_BYTES_MAX} bytes at most; with OAUTHBEARER, fewer claims make a shorter token`,
  )
}

export class WholeRequests {
  readonly #parts: SessionParts
  /** What goes in place of a request that was swallowed. */
  #replacement: Uint8Array | undefined

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** An inspected request: what is to be remembered of one that goes on, or that it was swallowed. */
  take(head: RequestHead, bytes: Uint8Array, frameEnd: number, nowMs: number): SaslStep | undefined | 'swallowed' {
    const { apiKey, apiVersion, bodyOffset } = head
    const { clientLogin, facts, sasl } = this.#parts
    if (apiKey === API_KEY.ApiVersions) {
      if (bodyOffset < 0) return this.#refuseApiVersions(head)
      const software = softwareOf(apiVersion, bytes, bodyOffset, frameEnd)
      if (software !== undefined) facts.sawSoftware(software.name, software.version)
      return undefined
    }
    if (clientLogin.mode !== 'pass') return this.#takeLogin(head, bytes, frameEnd, nowMs)
    return bodyOffset < 0 ? undefined : sasl.sawRequest(apiKey, apiVersion, bytes, bodyOffset, frameEnd)
  }

  /**
   * What creates or deletes partitions, and has been entered in the ring: goes as it is, or without its refused topics, or not at
   * all. Whether it was swallowed.
   */
  judge(mutation: Mutation, nowMs: number): boolean {
    const verdict = this.#parts.mutations.judge(mutation, nowMs)
    if (verdict === undefined) return false
    const { refusedBy, judged } = verdict
    for (const quota of refusedBy) this.#parts.outbox.mutationRefused(quota, mutation.apiKey, judged.split.refusedCount)
    const expected = this.#parts.inFlight.last()
    expected.mutation = verdict.judged
    expected.reply = verdict.reply
    this.#replacement = verdict.replacement
    return verdict.reply !== undefined || verdict.replacement !== undefined
  }

  /** Sends what goes in place of the request that was swallowed last, if anything. */
  sendReplacement(): void {
    const replacement = this.#replacement
    this.#replacement = undefined
    if (replacement !== undefined) this.#parts.outbox.toBroker(replacement, 0, replacement.length)
  }

  /** A token of SaslHandshake v0: a size and bytes, no Kafka header, passed as it is. Returns up to where it was taken. */
  rawToken(bytes: Uint8Array, view: DataView, from: number, to: number): number {
    const end = tokenEnd(view, from, to)
    if (end > from) this.#parts.sasl.sawRawToken(bytes, from + 4, end)
    return end
  }

  /** Such a token where logins are verified here: it goes no further. Returns up to where it was taken. */
  takeRawToken(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    const end = tokenEnd(view, from, to)
    if (end > from) this.#parts.clientLogin.takeRaw(bytes.slice(from + 4, end), nowMs)
    return end
  }

  /**
   * A request while the broker does not let us in: answered where its protocol has a place for that.
   * @throws ClientRefused where it has none
   */
  bar(head: RequestHead, bytes: Uint8Array, frameEnd: number, nowMs: number): void {
    const { apiKey, apiVersion, correlationId, bodyOffset } = head
    const { clientLogin } = this.#parts
    if (isSasl(apiKey)) this.#takeLogin(head, bytes, frameEnd, nowMs)
    else if (apiKey !== API_KEY.ApiVersions) throw new ClientRefused('broker_login_failed', clientLogin.barred ?? '')
    else if (bodyOffset < 0) this.#refuseApiVersions(head)
    else clientLogin.answerVersions(apiVersion, correlationId, nowMs)
  }

  /** Whether a request with a header has come where a raw token might. */
  tokensAreOver(view: DataView, from: number, to: number): boolean {
    if (to - from < 12 || !this.#parts.sasl.looksLikeRequest(view, from)) return false
    this.#parts.sasl.requestCame()
    return true
  }

  /** ApiVersions in a version that we do not know: the answer is ours (error 35 in v0 form). */
  #refuseApiVersions({ apiKey, correlationId }: RequestHead): 'swallowed' {
    const expected = this.#parts.inFlight.push()
    expected.apiKey = apiKey
    expected.version = 0
    expected.correlationId = correlationId
    expected.reply = versionMismatchReply(correlationId)
    return 'swallowed'
  }

  /** A login that does not go to the broker. */
  #takeLogin(head: RequestHead, bytes: Uint8Array, frameEnd: number, nowMs: number): 'swallowed' {
    const { apiKey, apiVersion, correlationId, bodyOffset } = head
    if (bodyOffset < 0) throw new ProtocolError('unknown_version', `SASL v${apiVersion} was not offered to this client`)
    this.#parts.clientLogin.take(apiKey, apiVersion, correlationId, bytes.slice(bodyOffset, frameEnd), nowMs)
    return 'swallowed'
  }
}

/** Where the token at `from` ends; `from` while it is not all there. */
function tokenEnd(view: DataView, from: number, to: number): number {
  if (to - from < 4) return from
  const size = view.getInt32(from)
  if (size < 0 || size > INSPECT_BYTES_MAX) throw new ProtocolError('bad_length', `a SASL token of ${size} bytes`)
  return to - from < 4 + size ? from : from + 4 + size
}
