/**
 * Finds out what a policy means for one client, and, where there is a running sluice, how its buckets stand. Plain data in,
 * plain data out; `experience.ts` says it in words.
 */
import { API_KEY, type ApiName } from 'kafka-protocol-codec'
import type { GroupAnswer } from '../cluster/group-book.ts'
import { API_NAMES, apiClassOf, EXEMPT_REASONS } from '../policy/api-classes.ts'
import type { ClientBehaviour } from '../policy/client-libraries.ts'
import { type Dimension, isOfConnection, measures } from '../policy/dimensions.ts'
import type { Identity } from '../policy/identity.ts'
import { compileMatch } from '../policy/match.ts'
import { type Applicable, type Explained, type LevelApplicable, PolicySet } from '../policy/policy-set.ts'
import type { QuotaRule } from '../policy/quota-rule.ts'
import type { ClientStatus } from '../sluice.ts'
import { type Asked, askedAbout } from './asked.ts'
import type {
  ExplainedApi,
  ExplainedLimit,
  ExplainedQuota,
  ExplainedState,
  ExplainedWindow,
  Explanation,
  Question,
  SeenClient,
} from './explanation.ts'
import { floorOf } from './floor.ts'
import { explainShare, type ShareState } from './share.ts'

/** What an explanation is made of. */
export interface ExplainSources {
  readonly policy: PolicySet
  /** What the policy was compiled from: its schedules. */
  readonly quotas: readonly QuotaRule[]
  readonly behaviourOf: (software: string) => ClientBehaviour
  /** Labels of the workload that the sluice stands beside. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** What a running sluice has seen of the client, where it is a file that is asked about. */
  readonly seen?: SeenClient | undefined
  /** Absent for a file. */
  readonly live?: LiveSources | undefined
  /** By quota: the index of the window of its schedule that is open; absent where that is not known. */
  readonly openWindows?: ReadonlyMap<string, number> | undefined
}

/** What a running sluice knows. */
export interface LiveSources {
  readonly nowMs: number
  readonly clients: readonly ClientStatus[]
  readonly buckets: BucketView
  readonly levels?: LevelView | undefined
  readonly groups?: GroupView | undefined
}

/** Buckets, to look at: `limiter/bucket-table.ts`. */
export interface BucketView {
  /** Undefined where nobody has used the bucket for a while: it is full. */
  peek(quota: string, dimension: string, key: string, nowMs: number): BucketState | undefined
  /** The keys of divided buckets. */
  readonly shares: { entries(slot: number, nowMs: number): Iterable<ShareState> }
}

interface BucketState {
  readonly slot: number
  readonly balance: number
  readonly debtMs: number
  readonly ratePerMs: number
  readonly holders: number
  readonly isOverflow: boolean
}

/** Gauges, to look at: `limiter/level-table.ts`. */
interface LevelView {
  peek(quota: string, dimension: string, key: string): { readonly count: number; readonly waiting: number } | undefined
}

/** Who is in which group, as far as it was learnt from what passed: `cluster/group-book.ts`. */
export interface GroupView {
  groupOf(clientId: string, principal: string, nowMs: number): GroupAnswer
}

const DATA_APIS: readonly ApiName[] = ['Produce', 'Fetch']

/** Answers a question. `question.api` is an API that the codec knows. */
export function explainClient(question: Question, sources: ExplainSources): Explanation {
  const asked = askedAbout(question, sources)
  const behaviour = sources.behaviourOf(asked.identity.software)
  const apis = question.api === undefined ? DATA_APIS : [question.api as ApiName]
  const requests = apis.map((api) => explainApi(api, asked, behaviour, sources))
  const { clientId, principal, group, software, softwareVersion, address } = asked.identity
  return {
    client: { clientId, principal, group, topic: asked.topic, software, softwareVersion, address },
    library: { name: behaviour.library, reason: behaviour.reason },
    group: asked.group,
    seen: asked.seen,
    isRunning: sources.live !== undefined,
    requests,
    connections: question.api === undefined ? connectionLimits(asked.identity, sources) : [],
    elsewhere: question.api === undefined ? elsewhere(asked.identity, requests, sources.quotas) : [],
    notes: asked.notes,
  }
}

function explainApi(api: ApiName, asked: Asked, behaviour: ClientBehaviour, sources: ExplainSources): ExplainedApi {
  const apiKey = API_KEY[api]
  const rules = new Map(sources.quotas.map((rule) => [rule.name, rule]))
  const quotas = sources.policy
    .explain(asked.identity, apiKey, asked.topic)
    .map((explained) => explainQuota(explained, rules.get(explained.quota), { apiKey, asked, behaviour, sources }))
    .filter((quota) => quota !== undefined)
  return {
    api,
    holdMs: behaviour.holdMs(apiKey),
    stampMs: behaviour.stampMs(apiKey),
    ...(EXEMPT_REASONS[api] === undefined ? {} : { exempt: EXEMPT_REASONS[api] }),
    quotas,
  }
}

interface Context {
  readonly apiKey: number
  readonly asked: Asked
  readonly behaviour: ClientBehaviour
  readonly sources: ExplainSources
}

/** Undefined for a quota of nothing but connections: that is told apart. */
function explainQuota(
  { quota, why, applies, rates, levels }: Explained,
  rule: QuotaRule | undefined,
  { apiKey, asked, behaviour, sources }: Context,
): ExplainedQuota | undefined {
  const all = [...rates, ...levels]
  const own = all.filter(({ dimension }) => !isOfConnection(dimension))
  if (all.length > 0 && own.length === 0) return undefined
  if (rule !== undefined && !applies && limitedBy(rule).every(isOfConnection)) return undefined
  const limits = own.map((applicable) => {
    const limit = explainLimit(applicable, sources)
    return { ...limit, floor: floorOf(limit, apiKey, behaviour, asked.seen) }
  })
  return { quota, applies: limits.length > 0, why, limits, schedule: windowsOf(rule, sources) }
}

function explainLimit(applicable: Applicable | LevelApplicable, { live }: ExplainSources): ExplainedLimit {
  const { quota, dimension, mode, why, key } = applicable
  const common = { quota, dimension, mode, why, key }
  if ('max' in applicable) {
    const gauge = live?.levels?.peek(quota, dimension, key)
    const counted = live?.levels === undefined ? {} : { level: gauge?.count ?? 0, waiting: gauge?.waiting ?? 0 }
    return { ...common, limit: applicable.max, ...counted }
  }
  const { ratePerMs, burstMs } = applicable
  const share = explainShare(applicable, live === undefined ? undefined : sharesOf(applicable, live))
  const parts = share === undefined ? {} : { share }
  const limit = { ...common, limit: ratePerMs * 1000, burst: ratePerMs * burstMs, ...parts }
  return live === undefined ? limit : { ...limit, state: stateOf(applicable, live) }
}

function sharesOf({ quota, dimension, key }: Applicable, { buckets, nowMs }: LiveSources): ShareState[] {
  const bucket = buckets.peek(quota, dimension, key, nowMs)
  return bucket === undefined ? [] : [...buckets.shares.entries(bucket.slot, nowMs)]
}

function stateOf(applicable: Applicable, { buckets, nowMs, clients }: LiveSources): ExplainedState {
  const { quota, dimension, key, ratePerMs, burstMs, rampEndsAtMs } = applicable
  const state = buckets.peek(quota, dimension, key, nowMs)
  if (state === undefined) return { balance: ratePerMs * burstMs, debtMs: 0, connections: 0, isOverflow: false }
  const open = clients.reduce((sum, client) => sum + client.connections, 0)
  const isRamping = rampEndsAtMs > nowMs && state.ratePerMs > ratePerMs
  return {
    balance: state.balance,
    debtMs: state.debtMs,
    // A connection may hold a bucket more than once, for several APIs.
    connections: Math.min(state.holders, open),
    isOverflow: state.isOverflow,
    ...(isRamping ? { ramp: { limit: state.ratePerMs * 1000, leftMs: rampEndsAtMs - nowMs } } : {}),
  }
}

function windowsOf(rule: QuotaRule | undefined, { openWindows }: ExplainSources): ExplainedWindow[] {
  const open = rule === undefined ? undefined : openWindows?.get(rule.name)
  return (rule?.schedule ?? []).map(({ during, timeZone, limit }, i) => ({
    during,
    timeZone,
    limit,
    ...(openWindows === undefined ? {} : { isOpen: open === i }),
  }))
}

function limitedBy({ limit, overrides }: QuotaRule): Dimension[] {
  return [limit, ...overrides.map((override) => override.limit)].flatMap((of) => Object.keys(of) as Dimension[])
}

function connectionLimits(identity: Identity, sources: ExplainSources): ExplainedLimit[] {
  const { rates, levels } = sources.policy.resolveConnection(identity)
  return [...levels, ...rates].map((applicable) => explainLimit(applicable, sources))
}

/** Quotas that apply to other requests of this client and to none of those explained. */
function elsewhere(
  identity: Identity,
  shown: readonly ExplainedApi[],
  quotas: readonly QuotaRule[],
): Explanation['elsewhere'] {
  const told = new Set(shown.flatMap((api) => api.quotas.filter(({ applies }) => applies).map(({ quota }) => quota)))
  // Every API is asked about, so first the many quotas of other clients are left out.
  const policy = new PolicySet(quotas.filter((rule) => !told.has(rule.name) && mayMean(rule, identity)))
  const apis = new Map<string, string[]>()
  for (const api of API_NAMES) {
    const apiKey = API_KEY[api]
    if (apiClassOf(apiKey) === 'exempt' && !measures('joins', apiKey)) continue
    const applicable = [...policy.resolve(identity, apiKey), ...policy.resolveInFlight(identity, apiKey)]
    for (const quota of new Set(applicable.map((one) => one.quota))) {
      const others = apis.get(quota)
      if (others === undefined) apis.set(quota, [api])
      else others.push(api)
    }
  }
  return [...apis].map(([quota, names]) => ({ quota, apis: names }))
}

/** Whether a quota matches this client in all that does not depend on the request. */
function mayMean({ match }: QuotaRule, identity: Identity): boolean {
  return Object.entries(match).every(([field, patterns]) => {
    if (field === 'api' || field === 'topic' || field.startsWith('labels.')) return true
    const value = identity[field as Exclude<keyof Identity, 'labels'>]
    return compileMatch({ [field]: patterns }).matches(() => value)
  })
}
