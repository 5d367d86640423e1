/** Clients as a sluice sees them, with everything that a test does not care about filled in. */
import type { ClientStatus } from '../../src/sluice.ts'

export function clientStatus(parts: Partial<ClientStatus> = {}): ClientStatus {
  return {
    clientId: '',
    software: '',
    principal: '',
    connections: 1,
    producedBytes: 0,
    fetchedBytes: 0,
    producedRecords: 0,
    fetchedRecords: 0,
    requests: 0,
    produceRequests: 0,
    fetchRequests: 0,
    throttleMs: 0,
    heldMs: 0,
    largestProduceBytes: 0,
    largestFetchBytes: 0,
    ...parts,
  }
}
