/**
 * What `explain`, `diff`, `advise`, `top` and the status page ask of a running sluice: puts its parts (policy, buckets, clients,
 * what was observed) together for them, and keeps the observers going.
 */
import type { InsightPages } from './admin/routes.ts'
import { OBSERVE_INTERVAL_MS } from './bounds.ts'
import type { Config } from './config/config.ts'
import { explainClient } from './explain/explainer.ts'
import type { Explanation } from './explain/explanation.ts'
import { type PolicyDocument, policyDocument } from './explain/policy-document.ts'
import { questionOf } from './explain/question.ts'
import { ClientObserver } from './observe/client-observer.ts'
import type { Observation } from './observe/observation.ts'
import type { PolicyKeeper } from './policy-keeper.ts'
import type { SessionContext } from './session/context.ts'
import type { ClientStatus } from './sluice.ts'
import { maskedConfig } from './status/masked-config.ts'
import { Overview, type OverviewSources } from './status/overview.ts'
import type { StatusDocument } from './status/status-document.ts'
import type { StatusQuery } from './status/status-query.ts'

/** What it looks at; all of it may change while it runs. */
export interface InsightSources extends OverviewSources {
  readonly config: () => Config
  readonly context: Pick<SessionContext, 'buckets' | 'levels' | 'groups' | 'series' | 'behaviourOf' | 'labels'>
  readonly policies: Pick<PolicyKeeper, 'policy' | 'rules' | 'openWindows' | 'isObserving'>
  readonly clients: () => ReadonlyMap<string, ClientStatus>
  /** The clock of the data path. */
  readonly nowMs: () => number
}

/** Clients to choose from, for a question that does not say which. */
type KnownClient = Pick<ClientStatus, 'clientId' | 'software' | 'principal' | 'connections'>

export class Insight implements InsightPages {
  readonly #sources: InsightSources
  readonly #observer: ClientObserver = new ClientObserver()
  readonly #overview: Overview
  #timer: NodeJS.Timeout | undefined

  constructor(sources: InsightSources) {
    this.#sources = sources
    this.#overview = new Overview(sources, this.#observer)
  }

  start(): void {
    this.#sample()
    this.#timer = setInterval(() => this.#sample(), OBSERVE_INTERVAL_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** @throws RangeError for a question that makes no sense */
  explain(query: URLSearchParams): Explanation | { readonly clients: readonly KnownClient[] } {
    const { context, policies, nowMs } = this.#sources
    const clients = [...this.#sources.clients().values()]
    const question = questionOf(query)
    if (question === undefined) return { clients: clients.map(knownClient) }
    const { buckets, levels, groups, behaviourOf, labels } = context
    const { policy, rules, openWindows } = policies
    const live = { nowMs: nowMs(), clients, buckets, levels, groups }
    return explainClient(question, { policy, quotas: rules, openWindows, behaviourOf, labels, live })
  }

  policy(): PolicyDocument {
    return policyDocument(this.#sources.config(), this.#sources.policies.rules)
  }

  observed(): Observation {
    return this.#observer.observed(this.#sources.nowMs())
  }

  status(query: StatusQuery): StatusDocument {
    return this.#overview.status(query, this.#sources.clients())
  }

  config(): unknown {
    return maskedConfig(this.#sources.config())
  }

  #sample(): void {
    const nowMs = this.#sources.nowMs()
    this.#observer.sample(nowMs, this.#sources.clients())
    this.#overview.sample(nowMs)
  }
}

function knownClient({ clientId, software, principal, connections }: ClientStatus): KnownClient {
  return { clientId, software, principal, connections }
}
