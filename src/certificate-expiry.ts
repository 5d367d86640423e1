/**
 * When certificates run out: warned of 30, 7 and 1 days before, once each, and told by a gauge. Of our own, and its chain, the first one
 * counts; of authorities the last one, because a bundle has old ones that nobody misses.
 */
import { X509Certificate } from 'node:crypto'
import type { Logger } from './telemetry/logger.ts'

/** Whose certificate: `…_ca` are the authorities that verify the other side. */
export type CertificateRole = 'listen' | 'listen_ca' | 'upstream' | 'upstream_ca' | 'token_endpoint_ca'

export interface Expiry {
  readonly role: CertificateRole
  readonly expiresAtMs: number
}

interface Watched extends Expiry {
  readonly file: string
  readonly subject: string
  /** Days that were left when it was last warned of. */
  warnedAtDays: number
}

const WARN_DAYS: readonly number[] = [30, 7, 1, 0]
const DAY_MS = 86_400_000
const LOOK_INTERVAL_MS = 60_000
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/gu

export class CertificateExpiries {
  readonly #logger: Logger
  readonly #watched = new Map<CertificateRole, Watched>()
  #nextLookMs = 0

  constructor(logger: Logger) {
    this.#logger = logger
  }

  get all(): readonly Expiry[] {
    return [...this.#watched.values()]
  }

  /** A file has been taken into use. @param pem its text, found to be right */
  took(role: CertificateRole, file: string | undefined, pem: string | undefined): void {
    if (file === undefined || pem === undefined) return
    const inOrder = (pem.match(CERTIFICATE) ?? [])
      .map((text) => new X509Certificate(text))
      .toSorted((a, b) => a.validToDate.getTime() - b.validToDate.getTime())
    const decisive = role.endsWith('_ca') ? inOrder.at(-1) : inOrder[0]
    if (decisive === undefined) return
    const subject = decisive.subject.replaceAll('\n', ', ')
    const expiresAtMs = decisive.validToDate.getTime()
    this.#watched.set(role, { role, file, subject, expiresAtMs, warnedAtDays: Number.POSITIVE_INFINITY })
    this.#nextLookMs = 0
  }

  /** What the clock brings. @param nowMs since 1970 */
  look(nowMs: number): void {
    if (nowMs < this.#nextLookMs) return
    this.#nextLookMs = nowMs + LOOK_INTERVAL_MS
    for (const watched of this.#watched.values()) this.#warn(watched, nowMs)
  }

  #warn(watched: Watched, nowMs: number): void {
    const { role, file, subject, expiresAtMs, warnedAtDays } = watched
    const daysLeft = (expiresAtMs - nowMs) / DAY_MS
    const reached = WARN_DAYS.filter((days) => daysLeft <= days).at(-1)
    if (reached === undefined || reached >= warnedAtDays) return
    watched.warnedAtDays = reached
    const expiresAt = new Date(expiresAtMs).toISOString()
    const fields = { role, file, subject, expiresAt, daysLeft: Math.floor(daysLeft) }
    const what = `the certificate of ${subject} in ${file}`
    if (daysLeft <= 0) {
      this.#logger.log(
        'certificate_expired',
        fields,
        `${what} has run out at ${expiresAt}: put another one in its place`,
      )
    } else {
      const when = `in ${Math.max(1, Math.floor(daysLeft))} days, at ${expiresAt}`
      this.#logger.log(
        'certificate_expires',
        fields,
        `${what} runs out ${when}: put another one in its place, it is read again`,
      )
    }
  }
}
