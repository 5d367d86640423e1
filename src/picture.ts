/**
 * What a running sluice looks like at one moment: its brokers, its quotas, its clients, and whether it is ready. Put together anew for
 * whoever asks (`/api/status`, metrics, the commands); nothing is kept.
 */
import type { ClientLedger } from './client-ledger.ts'
import type { AddressBook, BrokerEntry } from './cluster/address-book.ts'
import type { Gateway } from './net/gateway.ts'
import type { PolicyKeeper } from './policy-keeper.ts'
import type { Reachability } from './reachability.ts'
import type { ClientMeter } from './session/client-meter.ts'
import type { Counters } from './session/counters.ts'
import type { Session } from './session/session.ts'
import type { BrokerStatus, ClientStatus, QuotaStatus, SluiceStatus } from './sluice.ts'

/** What it looks at. */
interface PictureSources {
  readonly counters: Pick<Counters, 'connections'>
  readonly book: AddressBook
  readonly reachability: Reachability
  readonly policies: Pick<PolicyKeeper, 'rules' | 'isObserving'>
  readonly ledger: ClientLedger
  readonly gateway: Pick<Gateway, 'connections'>
  readonly isDraining: () => boolean
}

export class Picture {
  readonly #sources: PictureSources

  constructor(sources: PictureSources) {
    this.#sources = sources
  }

  status(): SluiceStatus {
    const { counters, book } = this.#sources
    const reasons = this.notReady()
    return {
      ready: reasons.length === 0,
      reasons,
      brokers: book.brokers().map((entry) => this.#brokerStatus(entry)),
      connections: counters.connections,
      quotas: this.quotas(),
      clients: [...this.clients().values()],
    }
  }

  /** Why it is not ready, in words for an operator; empty when it is. */
  notReady(): string[] {
    const { isDraining, reachability } = this.#sources
    const fault = isDraining() ? 'draining' : reachability.fault()
    return fault === undefined ? [] : [fault]
  }

  clients(): ReadonlyMap<string, ClientStatus> {
    return this.#sources.ledger.clients(this.sessions())
  }

  sessions(): Session[] {
    return [...this.#sources.gateway.connections].map((connection) => connection.session)
  }

  meters(): ClientMeter[] {
    return [...this.#sources.gateway.connections].map((connection) => connection.session.meter)
  }

  quotas(): QuotaStatus[] {
    const { policies } = this.#sources
    return policies.rules.flatMap((rule) =>
      Object.entries(rule.limit).map(([dimension, limitPerSecond]) => ({
        name: rule.name,
        dimension,
        limitPerSecond: Number.isFinite(limitPerSecond) ? limitPerSecond : null,
        mode: policies.isObserving ? 'observe' : rule.mode,
      })),
    )
  }

  #brokerStatus({ nodeId, address, local }: BrokerEntry): BrokerStatus {
    return {
      nodeId,
      host: address.host,
      port: address.port,
      localPort: local?.port ?? 0,
      reachable: this.#sources.reachability.of(address) ?? false,
    }
  }
}
