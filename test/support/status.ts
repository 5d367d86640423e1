/** Status documents, with everything that a test does not care about filled in. */
import type { ClientNow, LimitNow, QuotaNow, StatusDocument } from '../../src/status/status-document.ts'
import { clientStatus } from './observed.ts'

export function statusDocument(parts: Partial<StatusDocument> = {}): StatusDocument {
  const clients = parts.clients ?? []
  const count = (state: ClientNow['state']): number => clients.filter((client) => client.state === state).length
  return {
    at: '2026-11-25T19:00:00.000Z',
    version: '0.1.0',
    kafkaProtocol: '4.4.0',
    uptimeMs: 65_000,
    listen: '127.0.0.1:9092',
    ready: true,
    reasons: [],
    mode: 'enforce',
    config: { report: null, reloads: { ok: 0, failed: 0 } },
    brokers: [],
    connections: clients.length,
    heldConnections: 0,
    totals: { producedBytes: 0, fetchedBytes: 0, requests: 0, throttleMs: 0 },
    quotas: [],
    clients,
    mostLimited: clients.filter(({ state }) => state === 'limited' || state === 'observed').slice(0, 5),
    counts: {
      known: clients.length,
      limited: count('limited'),
      observed: count('observed'),
      active: count('active'),
      matching: clients.length,
    },
    ...parts,
  }
}

export function clientNow(parts: Partial<ClientNow> = {}): ClientNow {
  return {
    ...clientStatus(),
    id: 'abc',
    state: 'active',
    limitedBy: null,
    softwareVersions: [],
    addresses: [],
    groups: [],
    lag: null,
    heldConnections: 0,
    idleMs: 0,
    limits: [],
    ...parts,
    rates: {
      producedBytes: 0,
      fetchedBytes: 0,
      producedRecords: 0,
      fetchedRecords: 0,
      requests: 0,
      throttleMs: 0,
      heldMs: 0,
      ...parts.rates,
    },
  }
}

export function limitNow(parts: Partial<LimitNow> = {}): LimitNow {
  return {
    quota: 'producers',
    dimension: 'produceBytes',
    mode: 'enforce',
    key: '',
    limitPerSecond: 1e6,
    usedPerSecond: 0,
    bucketPerSecond: 0,
    throttleMsPerSecond: 0,
    balance: 1e6,
    debtMs: 0,
    floorPerSecond: null,
    canBeKept: true,
    isOverflow: false,
    ...parts,
  }
}

export function quotaNow(parts: Partial<QuotaNow> = {}): QuotaNow {
  return {
    name: 'producers',
    dimension: 'produceBytes',
    limitPerSecond: 1e6,
    mode: 'enforce',
    per: ['clientId'],
    usedPerSecond: 0,
    throttleMsPerSecond: 0,
    buckets: 0,
    bucketsInDebt: 0,
    fullest: null,
    limitedClients: 0,
    level: null,
    requests: { stamped: 0, held: 0, refused: 0, observed: 0, belowFloor: 0 },
    ...parts,
  }
}
