/**
 * What a running sluice does now, and did in the last quarter of an hour: watches it by a tick a second, and puts the answer
 * of `/api/status` together when it is asked for.
 */
import { API_KEY, KAFKA_VERSION } from 'kafka-protocol-codec'
import { HISTORY_STEP_MS } from '../bounds.ts'
import { formatAddress } from '../cluster/address-book.ts'
import type { ClientObserver } from '../observe/client-observer.ts'
import { DrawObserver } from '../observe/draw-observer.ts'
import { SeriesObserver } from '../observe/series-observer.ts'
import type { PolicyKeeper } from '../policy-keeper.ts'
import type { SessionContext } from '../session/context.ts'
import type { Session } from '../session/session.ts'
import type { ClientStatus, ConfigReport, QuotaStatus, Sluice } from '../sluice.ts'
import { packageVersion } from '../version.ts'
import { type ClientSources, clientNow, openFacts } from './client-now.ts'
import { groupLags } from './group-lag.ts'
import { quotasNow, quotaTotals, seriesKey } from './quota-now.ts'
import type { ClientNow, StatusDocument, StatusHistory } from './status-document.ts'
import { ANY_CLIENT, chosen, type StatusQuery } from './status-query.ts'

/** What it looks at; all of it may change while it runs. */
export interface OverviewSources {
  readonly sluice: Pick<Sluice, 'listen' | 'status' | 'counters'>
  readonly context: ClientSources & Pick<SessionContext, 'levels' | 'series'>
  readonly policies: Pick<PolicyKeeper, 'rules' | 'isObserving'>
  /** Sessions of open connections, and which client each is. */
  readonly sessions: () => readonly Session[]
  readonly keyOf: (session: Session) => string
  readonly configReport?: (() => ConfigReport) | undefined
  readonly nowMs: () => number
}

const TOTALS = 'totals'
const TOTAL_NAMES = ['producedBytes', 'fetchedBytes', 'requests', 'throttleMs'] as const
const MOST_LIMITED_MAX = 5
const CLIENT_SERIES = ['producedBytes', 'fetchedBytes', 'requests', 'throttleMs'] as const

export class Overview {
  readonly #sources: OverviewSources
  readonly #clients: ClientObserver
  readonly #draws: DrawObserver = new DrawObserver()
  readonly #series: SeriesObserver = new SeriesObserver()
  readonly #startedMs: number

  /** @param clients the observer of their rates, which is ticked by its owner */
  constructor(sources: OverviewSources, clients: ClientObserver) {
    this.#sources = sources
    this.#clients = clients
    this.#startedMs = sources.nowMs()
  }

  /** To be called about once a second. */
  sample(nowMs: number): void {
    const { sessions, keyOf, sluice } = this.#sources
    this.#draws.sample(nowMs, sessions(), keyOf)
    const quotas = quotaTotals(sluice.status().quotas, sluice.counters)
    this.#series.sample(nowMs, [{ key: TOTALS, totals: this.#totals() }, ...quotas])
  }

  status(query: StatusQuery, known: ReadonlyMap<string, ClientStatus>): StatusDocument {
    const { sluice, policies, context, nowMs: clock, configReport } = this.#sources
    const nowMs = clock()
    const { quotas, ready, reasons, brokers, connections } = sluice.status()
    const { clients, keys, heldConnections } = this.#clientsNow(known, nowMs)
    const matching = chosen(clients, query)
    const detail = clients.find(({ id }) => id === query.detail)
    const ratesOf = (key: string): readonly number[] | undefined => this.#series.rates(key, nowMs)
    const count = (state: ClientNow['state']): number => clients.filter((client) => client.state === state).length
    return {
      at: new Date().toISOString(),
      version: packageVersion(),
      kafkaProtocol: KAFKA_VERSION,
      uptimeMs: Math.round(nowMs - this.#startedMs),
      listen: formatAddress(sluice.listen),
      ready,
      reasons,
      mode: policies.isObserving ? 'observe' : 'enforce',
      config: { report: configReport?.() ?? null, reloads: { ...sluice.counters.configReloads } },
      brokers,
      connections,
      heldConnections,
      totals: named(TOTAL_NAMES, ratesOf(TOTALS), 0),
      quotas: quotasNow(quotas, clients, {
        rules: policies.rules,
        counters: sluice.counters,
        levels: context.levels,
        ratesOf,
      }),
      clients: matching.slice(query.skip, query.top === undefined ? undefined : query.skip + query.top),
      mostLimited: (['limited', 'observed'] as const)
        .flatMap((state) => chosen(clients, { ...ANY_CLIENT, state }))
        .slice(0, MOST_LIMITED_MAX),
      ...(detail === undefined ? {} : { client: detail }),
      counts: {
        known: clients.length,
        limited: count('limited'),
        observed: count('observed'),
        active: count('active'),
        matching: matching.length,
      },
      ...(query.history ? { history: this.#history(quotas, keys.get(query.detail ?? '')) } : {}),
    }
  }

  /** Every client, and by id the key that it is watched under. */
  #clientsNow(
    known: ReadonlyMap<string, ClientStatus>,
    nowMs: number,
  ): { readonly clients: ClientNow[]; readonly keys: ReadonlyMap<string, string>; readonly heldConnections: number } {
    const { sessions, keyOf, context } = this.#sources
    const open = openFacts(sessions(), keyOf)
    const draws = new Map([...known.keys()].map((key) => [key, this.#draws.draws(key, nowMs)]))
    const bucketPerSecond = new Map<number, number>()
    for (const { slot, usedPerSecond } of [...draws.values()].flat()) {
      bucketPerSecond.set(slot, (bucketPerSecond.get(slot) ?? 0) + usedPerSecond)
    }
    const lags = groupLags(context.series.lags.entries())
    const keys = new Map<string, string>()
    const clients = [...known].map(([key, client]) => {
      const rates = this.#clients.rates(key, nowMs)
      const facts = {
        rates,
        idleMs: this.#clients.idleMs(key, nowMs),
        draws: draws.get(key) ?? [],
        open: open.get(key),
      }
      const now = clientNow(key, client, facts, { bucketPerSecond, lags }, context, nowMs)
      keys.set(now.id, key)
      return now
    })
    const heldConnections = [...open.values()].reduce((sum, { held }) => sum + held, 0)
    return { clients, keys, heldConnections }
  }

  #history(quotas: readonly QuotaStatus[], key: string | undefined): StatusHistory {
    const client = key === undefined ? undefined : this.#clients.history(key)
    return {
      stepMs: HISTORY_STEP_MS,
      totals: named(TOTAL_NAMES, this.#series.history(TOTALS), []),
      quotas: quotas.flatMap(({ name, dimension }) => {
        const [used, throttleMs] = this.#series.history(seriesKey(name, dimension)) ?? []
        return used === undefined || throttleMs === undefined ? [] : [{ name, dimension, used, throttleMs }]
      }),
      ...(client === undefined
        ? {}
        : {
            client: named(
              CLIENT_SERIES,
              CLIENT_SERIES.map((name) => client[name]),
              [],
            ),
          }),
    }
  }

  /** In the order of `TOTAL_NAMES`. */
  #totals(): number[] {
    const { counters } = this.#sources.sluice
    const { quotas } = this.#sources.sluice.status()
    const enforced = new Set(quotas.filter(({ mode }) => mode === 'enforce').map(({ name }) => name))
    const throttleMs = [...counters.quotas()].reduce(
      (sum, [name, counts]) => sum + (enforced.has(name) ? counts.throttleMs : 0),
      0,
    )
    const requests = counters.requests.reduce((sum, count) => sum + count, 0)
    return [counters.requestBytes[API_KEY.Produce]!, counters.responseBytes[API_KEY.Fetch]!, requests, throttleMs]
  }
}

function named<Name extends string, T>(
  names: readonly Name[],
  values: readonly T[] | undefined,
  none: T,
): Record<Name, T> {
  return Object.fromEntries(names.map((name, i) => [name, values?.[i] ?? none])) as Record<Name, T>
}
