// Totals by client: sums over sessions, maxima, and a session that becomes another client.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GONE_CLIENTS_MAX } from '../src/bounds.ts'
import { ClientLedger } from '../src/client-ledger.ts'
import { NOBODY } from '../src/policy/identity.ts'
import type { Session } from '../src/session/session.ts'
import { noTotals } from '../src/session/session-parts.ts'
import type { ClientStatus } from '../src/sluice.ts'

type FakeSession = { -readonly [K in 'identity' | 'state' | 'totals']: Session[K] }

const NOTHING: Session['totals'] = noTotals()

function session(clientId: string, totals: Partial<Session['totals']> = {}): FakeSession {
  return { identity: { ...NOBODY, clientId }, state: 'forwarding', totals: { ...NOTHING, ...totals } }
}

function clients(ledger: ClientLedger, ...open: FakeSession[]): ClientStatus[] {
  return [...ledger.clients(open).values()]
}

test('sessions of a client are summed, the largest frame is the largest of all', () => {
  const ledger = new ClientLedger()
  const gone = session('a', { producedBytes: 10, requests: 2, heldMs: 5, largestProduceBytes: 9 })
  ledger.left(gone)
  const open = [
    session('a', { producedBytes: 1, requests: 1, heldMs: 1, largestProduceBytes: 3, largestFetchBytes: 4 }),
    session('a'),
    session('b', { fetchedRecords: 7 }),
  ]
  const [a, b] = clients(ledger, ...open)
  assert.deepEqual(
    [
      a?.clientId,
      a?.connections,
      a?.producedBytes,
      a?.requests,
      a?.heldMs,
      a?.largestProduceBytes,
      a?.largestFetchBytes,
    ],
    ['a', 2, 11, 3, 6, 9, 4],
  )
  assert.deepEqual([b?.clientId, b?.connections, b?.fetchedRecords], ['b', 1, 7])
  assert.deepEqual(clients(ledger)[0]?.connections, 0)
})

test('what a session did before it changed its client id stays where it was', () => {
  const ledger = new ClientLedger()
  const one = session('a', { producedBytes: 100 })
  const bytes = (): unknown => clients(ledger, one).map(({ clientId, producedBytes }) => [clientId, producedBytes])
  assert.deepEqual(bytes(), [['a', 100]])
  one.identity = { ...NOBODY, clientId: 'b' }
  one.totals.producedBytes = 130 // up to 30 bytes of a were not seen before the change
  assert.deepEqual(bytes(), [
    ['a', 130],
    ['b', 0],
  ])
  one.totals.producedBytes = 150
  one.identity = { ...one.identity, address: '10.0.0.1' } // the same client
  assert.deepEqual(bytes(), [
    ['a', 130],
    ['b', 20],
  ])
  ledger.left(one)
  assert.deepEqual(
    clients(ledger).map(({ clientId, producedBytes }) => [clientId, producedBytes]),
    [
      ['a', 130],
      ['b', 20],
    ],
  )
})

test('a login that moved no data leaves no client behind', () => {
  const ledger = new ClientLedger()
  const one = session('a', { requests: 2 })
  clients(ledger, one)
  one.identity = { ...one.identity, principal: 'alice' }
  assert.deepEqual(
    clients(ledger, one).map(({ principal }) => principal),
    ['alice'],
  )
})

test('sessions that have sent nothing are nobody yet', () => {
  const fresh = session('a')
  fresh.state = 'fresh'
  assert.deepEqual(clients(new ClientLedger(), fresh), [])
})

test('of the clients that left, the earliest are forgotten', () => {
  const ledger = new ClientLedger()
  for (let i = 0; i <= GONE_CLIENTS_MAX; i++) ledger.left(session(`client-${i}`))
  const ids = new Set(clients(ledger).map(({ clientId }) => clientId))
  assert.equal(ids.size, GONE_CLIENTS_MAX)
  assert.ok(!ids.has('client-0') && ids.has('client-1'))
})
