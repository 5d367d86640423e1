/** The document that `schema.ts` gives out: every value found to be right and turned into plain numbers, not yet put together. */
import type { Dimension } from '../policy/dimensions.ts'
import type { MatchField, Mode } from '../policy/quota-rule.ts'
import type { BrokerPorts, HostPort } from './addresses.ts'

/** The levels of `log.level`, from the most talkative. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Patterns by field. */
type MatchDocument = { readonly [Field in MatchField]?: readonly string[] | undefined }

/** Units a second by dimension. */
export type LimitDocument = { readonly [Of in Dimension]?: number | undefined }

/** A quota; its burst is still as written, because what it means depends on the limit. */
export interface QuotaDocument {
  readonly name: string
  readonly limit: LimitDocument
  readonly burst?: string | number | undefined
  readonly match?: MatchDocument | undefined
  readonly per?: readonly MatchField[] | undefined
  readonly overrides?: readonly OverrideDocument[] | undefined
  readonly mode?: Mode | undefined
}

interface OverrideDocument extends MatchDocument {
  readonly limit: LimitDocument
  readonly burst?: string | number | undefined
}

/** A document whose every value was found to be right, in plain numbers. */
export interface Document {
  readonly upstream: { readonly bootstrap: readonly HostPort[] }
  readonly listen?:
    | {
        readonly host?: string | undefined
        readonly port?: number | undefined
        readonly advertisedHost?: string | undefined
        readonly brokerPorts?: BrokerPorts | undefined
      }
    | undefined
  readonly admin?:
    | 'off'
    | false
    | { readonly host?: string | undefined; readonly port?: number | undefined }
    | undefined
  readonly mode?: Mode | undefined
  readonly quotas?: readonly QuotaDocument[] | undefined
  readonly clients?:
    | readonly {
        readonly software: string
        readonly hold?: number | undefined
        readonly throttle?: number | undefined
      }[]
    | undefined
  readonly log?: { readonly level?: LogLevel | undefined } | undefined
  readonly limits?:
    | {
        readonly frameBytesMax?: number | undefined
        readonly connectionsMax?: number | undefined
        readonly bucketsMax?: number | undefined
      }
    | undefined
}
