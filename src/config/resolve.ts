/** From a document that is right to the configuration: defaults filled in, and every quota as the policy takes it. */
import { BUCKETS_MAX, CONNECTIONS_MAX, FRAME_BYTES_MAX } from '../bounds.ts'
import type { Limit, Match, QuotaOverride, QuotaRule, ScheduleWindow, Share } from '../policy/quota-rule.ts'
import { DEFAULT_SERIES } from '../session/series-books.ts'
import { DEFAULT_BURST, parseBurst } from './burst.ts'
import type { Config } from './config.ts'
import { DEFAULT_ADMIN, DEFAULT_LISTEN } from './defaults.ts'
import type {
  Document,
  LimitDocument,
  OverrideDocument,
  QuotaDocument,
  ShareDocument,
  WindowDocument,
} from './document.ts'
import { listenTlsOf, placeFrom, upstreamSaslOf, upstreamTlsOf } from './security.ts'
import { telemetryOf } from './telemetry.ts'

/**
 * @param labelsOfFile what the file of labels says; the document says it better
 * @param directory where paths count from
 */
export function resolve(document: Document, labelsOfFile: Readonly<Record<string, string>>, directory: string): Config {
  const {
    upstream,
    listen = {},
    admin = {},
    mode = 'enforce',
    exempt = [],
    clients = [],
    log = {},
    metrics = {},
    telemetry = {},
    limits = {},
  } = document
  const place = placeFrom(directory)
  return {
    upstream: {
      bootstrap: upstream.bootstrap,
      ...withoutUndefined({ tls: upstreamTlsOf(upstream.tls, place), sasl: upstreamSaslOf(upstream.sasl, place) }),
    },
    listen: {
      host: listen.host ?? DEFAULT_LISTEN.host,
      port: listen.port ?? DEFAULT_LISTEN.port,
      advertisedHost: listen.advertisedHost,
      brokerPorts: listen.brokerPorts ?? DEFAULT_LISTEN.brokerPorts,
      ...withoutUndefined({
        tls: listenTlsOf(listen.tls, place),
        sasl: listen.sasl === undefined ? undefined : { usersFile: place(listen.sasl.usersFile) },
      }),
    },
    admin: admin === 'off' || admin === false ? undefined : adminOf(admin, place),
    mode,
    labels: { ...labelsOfFile, ...document.labels },
    exempt,
    quotas: (document.quotas?.rules ?? []).map((quota) => quotaRule(quota, exempt)),
    followKafka: document.followKafka ?? document.quotas?.followKafka,
    clients: clients.map(({ software, hold, throttle }) => ({ software, holdMs: hold, stampMs: throttle })),
    metrics: metricsOf(metrics),
    telemetry: telemetryOf(telemetry, place),
    log: { level: log.level ?? 'info' },
    limits: {
      frameBytesMax: limits.frameBytesMax ?? FRAME_BYTES_MAX,
      connectionsMax: limits.connectionsMax ?? CONNECTIONS_MAX,
      bucketsMax: limits.bucketsMax ?? BUCKETS_MAX,
    },
  }
}

function adminOf(
  { tokenFile, ...where }: Exclude<NonNullable<Document['admin']>, 'off' | false>,
  place: (path: string) => string,
): Config['admin'] {
  return {
    ...DEFAULT_ADMIN,
    ...withoutUndefined(where),
    ...(tokenFile === undefined ? {} : { tokenFile: place(tokenFile) }),
  }
}

function metricsOf({ idle, ...maxima }: NonNullable<Document['metrics']>): Config['metrics'] {
  return { ...DEFAULT_SERIES, ...withoutUndefined(maxima), ...(idle === undefined ? {} : { idleMs: idle }) }
}

function quotaRule(quota: QuotaDocument, exemptFromAll: readonly Match[]): QuotaRule {
  const { name, limit, burst, match, exempt = [], per = [], overrides = [], share, schedule } = quota
  const except = [...(match?.not ?? []), ...exempt, ...exemptFromAll]
  return {
    name,
    limit: withoutUndefined(limit) as Limit,
    burst: burst === undefined ? DEFAULT_BURST : parseBurst(burst, limit),
    match: match?.fields ?? {},
    ...(except.length === 0 ? {} : { except }),
    per,
    ...(share === undefined ? {} : { share: shareOf(share) }),
    overrides: overrides.map((override) => overrideOf(override, limit)),
    mode: quota.mode ?? 'enforce',
    ...(quota.rampIn === undefined ? {} : { rampInMs: quota.rampIn }),
    ...(schedule === undefined ? {} : { schedule: schedule.map((window) => windowOf(window, limit)) }),
  }
}

function overrideOf(override: OverrideDocument, limit: LimitDocument): QuotaOverride {
  const { fields, not, limit: own = {}, burst, per, weight, priority } = override
  return {
    match: fields,
    ...(not.length === 0 ? {} : { except: not }),
    limit: withoutUndefined(own) as Limit,
    ...(burst === undefined ? {} : { burst: parseBurst(burst, { ...limit, ...own }) }),
    ...withoutUndefined({ per, weight, priority }),
  }
}

function windowOf(
  { during, timeZone = 'UTC', limit: own, burst }: WindowDocument,
  limit: LimitDocument,
): ScheduleWindow {
  return {
    during,
    timeZone,
    limit: withoutUndefined(own) as Limit,
    ...(burst === undefined ? {} : { burst: parseBurst(burst, { ...limit, ...own }) }),
  }
}

const MINIMUM_DEFAULT = 0.1

function shareOf({ by, weight = 1, priority = 'normal', minimum = MINIMUM_DEFAULT }: ShareDocument): Share {
  return { by, weight, priority, minimum }
}

function withoutUndefined<T extends object>(object: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>
  }
}
