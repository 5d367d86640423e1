/** A policy on its way over HTTP: the answer of `/api/policy`. JSON has no Infinity, so a lifted limit is told as text. */
import type { ClientOverride } from '../policy/client-libraries.ts'
import type { Mode, QuotaRule } from '../policy/quota-rule.ts'

const UNLIMITED = 'unlimited'

/** The part of a configuration that decides about clients. */
export interface Policy {
  readonly mode: Mode
  readonly quotas: readonly QuotaRule[]
  readonly clients: readonly ClientOverride[]
}

/** Policies with `unlimited` in the place of Infinity. */
export interface PolicyDocument {
  /** As it was written. */
  readonly policy: unknown
  /** As it is now: with windows that are open, and the quotas of the cluster where those are followed. */
  readonly inForce: unknown
  readonly upstream: readonly string[]
}

export function policyDocument(
  {
    mode,
    quotas,
    clients,
    upstream,
  }: Policy & {
    readonly upstream: { readonly bootstrap: readonly { readonly host: string; readonly port: number }[] }
  },
  rules: readonly QuotaRule[],
): PolicyDocument {
  const written = (policy: Policy): unknown => replaced(policy, Number.POSITIVE_INFINITY, UNLIMITED)
  return {
    policy: written({ mode, quotas, clients }),
    inForce: written({ mode, quotas: rules, clients }),
    upstream: upstream.bootstrap.map(({ host, port }) =>
      host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    ),
  }
}

/** One of the policies of a document. */
export function policyOf(written: unknown): Policy {
  return replaced(written, UNLIMITED, Number.POSITIVE_INFINITY) as Policy
}

/** A copy with every limit that is `from` replaced by `to`. Names and patterns of that text stay: only limits are numbers. */
function replaced(value: unknown, from: unknown, to: unknown, isLimit = false): unknown {
  if (isLimit && value === from) return to
  if (Array.isArray(value)) return value.map((item) => replaced(item, from, to))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === 'limit' ? mapped(item as object, (limit) => replaced(limit, from, to, true)) : replaced(item, from, to),
    ]),
  )
}

function mapped(object: object, change: (value: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))
}
