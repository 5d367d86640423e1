/** Clients as a sluice sees them, with everything that a test does not care about filled in. */
import type { ObservedClient, ObservedRates } from '../../src/observe/observation.ts'
import { noTotals } from '../../src/session/session-parts.ts'
import type { ClientStatus } from '../../src/sluice.ts'

export function clientStatus(parts: Partial<ClientStatus> = {}): ClientStatus {
  return {
    clientId: '',
    software: '',
    principal: '',
    connections: 1,
    ...noTotals(),
    ...parts,
  }
}

/** A client that did the same every second of ten minutes. */
export function observedClient(clientId: string, parts: Partial<ObservedClient> = {}): ObservedClient {
  const { clientId: _id, software: _software, principal: _principal, connections: _open, ...totals } = clientStatus()
  return {
    clientId,
    software: '',
    principal: '',
    watchedMs: 600_000,
    idleMs: 0,
    connections: 1,
    connectionsMax: 1,
    rates: {},
    ...parts,
    totals: { ...totals, ...parts.totals },
  }
}

/** Rates whose 99th percentile over ten seconds is given, and whose busiest second was `peak`. */
export function observedRates(p99Of10s: number, peak: number = p99Of10s): ObservedRates {
  return { activeSeconds: 600, p50: p99Of10s, p99: peak, peak, p99Of10s, peakOf10s: p99Of10s }
}
