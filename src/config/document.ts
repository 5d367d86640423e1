/** The document that `schema.ts` gives out: every value found to be right and turned into plain numbers, not yet put together. */
import type { Dimension } from '../policy/dimensions.ts'
import type { Match, MatchField, Mode, Priority } from '../policy/quota-rule.ts'
import type { BrokerPorts, HostPort } from './addresses.ts'
import type { ListenTlsDocument, UpstreamSaslDocument, UpstreamTlsDocument } from './security.ts'
import type { TelemetryDocument } from './telemetry.ts'

/** The levels of `log.level`, from the most talkative. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Units a second, or a number at a time, by dimension. */
export type LimitDocument = { readonly [Of in Dimension]?: number | undefined }

/** Bursts are still as written, because what they mean depends on the limit. */
export type BurstDocument = string | number | undefined

export interface QuotaDocument {
  readonly name: string
  readonly limit: LimitDocument
  readonly burst?: BurstDocument
  readonly match?: { readonly fields: Match; readonly not: readonly Match[] } | undefined
  readonly exempt?: readonly Match[] | undefined
  readonly per?: readonly MatchField[] | undefined
  readonly share?: ShareDocument | undefined
  readonly overrides?: readonly OverrideDocument[] | undefined
  readonly mode?: Mode | undefined
  readonly rampIn?: number | undefined
  readonly schedule?: readonly WindowDocument[] | undefined
}

export interface ShareDocument {
  readonly by: readonly MatchField[]
  readonly weight?: number | undefined
  readonly priority?: Priority | undefined
  readonly minimum?: number | undefined
}

export interface OverrideDocument {
  readonly fields: Match
  readonly not: readonly Match[]
  readonly limit?: LimitDocument | undefined
  readonly burst?: BurstDocument
  readonly per?: readonly MatchField[] | undefined
  readonly weight?: number | undefined
  readonly priority?: Priority | undefined
}

export interface WindowDocument {
  readonly during: string
  readonly timeZone?: string | undefined
  readonly limit: LimitDocument
  readonly burst?: BurstDocument
}

/** Whether and how the quotas that the cluster itself keeps are followed. */
export interface FollowKafka {
  readonly intervalMs: number
  readonly mode: Mode
}

/** `quotas` as a list, or as a mapping that follows the cluster's quotas as well. */
export interface QuotasDocument {
  readonly rules: readonly QuotaDocument[]
  readonly followKafka: FollowKafka | undefined
}

/** A document whose every value was found to be right, in plain numbers. */
export interface Document {
  readonly upstream: {
    readonly bootstrap: readonly HostPort[]
    readonly tls?: UpstreamTlsDocument | undefined
    readonly sasl?: UpstreamSaslDocument | undefined
  }
  readonly listen?:
    | {
        readonly host?: string | undefined
        readonly port?: number | undefined
        readonly advertisedHost?: string | undefined
        readonly brokerPorts?: BrokerPorts | undefined
        readonly tls?: ListenTlsDocument | undefined
        readonly sasl?: { readonly usersFile: string } | undefined
      }
    | undefined
  readonly admin?:
    | 'off'
    | false
    | {
        readonly host?: string | undefined
        readonly port?: number | undefined
        readonly tokenFile?: string | undefined
      }
    | undefined
  readonly mode?: Mode | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly labelsFile?: string | undefined
  readonly exempt?: readonly Match[] | undefined
  readonly quotas?: QuotasDocument | undefined
  readonly followKafka?: FollowKafka | undefined
  readonly clients?:
    | readonly {
        readonly software: string
        readonly hold?: number | undefined
        readonly throttle?: number | undefined
      }[]
    | undefined
  readonly log?: { readonly level?: LogLevel | undefined } | undefined
  readonly metrics?:
    | {
        readonly clientsMax?: number | undefined
        readonly groupsMax?: number | undefined
        readonly partitionsMax?: number | undefined
        readonly idle?: number | undefined
      }
    | undefined
  readonly telemetry?: TelemetryDocument | undefined
  readonly limits?:
    | {
        readonly frameBytesMax?: number | undefined
        readonly connectionsMax?: number | undefined
        readonly bucketsMax?: number | undefined
      }
    | undefined
}
