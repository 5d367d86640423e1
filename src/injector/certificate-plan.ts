/**
 * What is to be done about the certificates that replicas share, given what their Secret has and the time. Nothing here waits or signs.
 *
 *     nothing usable ──▶ create ──▶ keep ──▶ a third of the certificate's life is left ──▶ issue ──▶ keep
 *                                     └────▶ a third of the authority's is left ──▶ stage: the next one is trusted besides it,
 *                                            and signs nothing until every API server has heard of it ──▶ issue ──▶ keep
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { AUTHORITIES_MAX, AUTHORITY_SPREAD_MS, CLOCK_SKEW_MS } from '../bounds.ts'

/** What the Secret has, as PEM. */
export interface SharedCertificates {
  /** Trusted authorities; the first is the newest, and signs. */
  readonly authorities: readonly string[]
  readonly authorityKey: string
  readonly certificate: string
  readonly key: string
}

export interface PlanSettings {
  /** Names that the certificate must have. */
  readonly names: readonly string[]
  readonly authorityLifetimeMs: number
  /** How long a new authority is trusted before it signs. */
  readonly spreadMs?: number
}

/** `create`: all anew. `stage`: a new authority in front. `issue`: a new certificate by the first authority. */
export type Step = 'create' | 'stage' | 'issue' | 'keep'

const RENEW_PART = 1 / 3

/** The next step; after it has been taken, the plan is asked again. */
export function nextStep(shared: SharedCertificates | undefined, nowMs: number, settings: PlanSettings): Step {
  const authority = shared === undefined ? undefined : readCertificate(shared.authorities[0])
  if (shared === undefined || authority === undefined || !isAuthority(authority, shared.authorityKey)) return 'create'
  if (leftOf(authority, nowMs) <= 0) return 'create'
  const certificate = readCertificate(shared.certificate)
  const isUsable = certificate !== undefined && isPair(certificate, shared.key) && hasNames(certificate, settings.names)
  const isTrusted =
    certificate !== undefined && shared.authorities.some((pem) => isIssuer(readCertificate(pem), certificate))
  if (!isUsable || !isTrusted || leftOf(certificate, nowMs) <= 0) return 'issue'
  const isCurrent = isIssuer(authority, certificate)
  const isKnown = nowMs - (beginOf(authority) + CLOCK_SKEW_MS) >= (settings.spreadMs ?? AUTHORITY_SPREAD_MS)
  if (isCurrent && leftOf(authority, nowMs) < lifeOf(authority) * RENEW_PART) return 'stage'
  const isDue = !isCurrent || leftOf(certificate, nowMs) < lifeOf(certificate) * RENEW_PART
  return isDue && (isCurrent || isKnown) ? 'issue' : 'keep'
}

/** Authorities worth trusting: the newest ones that are not over. */
export function trusted(authorities: readonly string[], nowMs: number): readonly string[] {
  const living = authorities.filter((pem) => {
    const certificate = readCertificate(pem)
    return certificate !== undefined && leftOf(certificate, nowMs) > 0
  })
  return living.slice(0, AUTHORITIES_MAX)
}

/** When a certificate ends, in milliseconds since 1970; undefined if it is none. */
export function endOf(pem: string): number | undefined {
  const certificate = readCertificate(pem)
  return certificate === undefined ? undefined : Date.parse(certificate.validTo)
}

/** The certificates of a bundle, each for itself. */
export function splitBundle(text: string): readonly string[] {
  return (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? []).map((pem) => `${pem}\n`)
}

function readCertificate(pem: string | undefined): X509Certificate | undefined {
  try {
    return new X509Certificate(pem ?? '')
  } catch {
    return undefined // whatever somebody wrote into the Secret: it is made anew
  }
}

function isPair(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

function isAuthority(certificate: X509Certificate, key: string): boolean {
  return certificate.ca && isPair(certificate, key)
}

function isIssuer(authority: X509Certificate | undefined, certificate: X509Certificate): boolean {
  return authority !== undefined && certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}

function hasNames(certificate: X509Certificate, names: readonly string[]): boolean {
  const alternatives = (certificate.subjectAltName ?? '').split(', ')
  return names.every((name) => alternatives.includes(`DNS:${name}`))
}

function beginOf({ validFrom }: X509Certificate): number {
  return Date.parse(validFrom)
}

/** As it was meant: it begins earlier, for clocks that are behind. */
function lifeOf({ validFrom, validTo }: X509Certificate): number {
  return Date.parse(validTo) - Date.parse(validFrom) - CLOCK_SKEW_MS
}

function leftOf({ validTo }: X509Certificate, nowMs: number): number {
  return Date.parse(validTo) - nowMs
}
