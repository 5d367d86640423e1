// Which clients are asked for, and in which order.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClientNow } from '../../src/status/status-document.ts'
import { chosen, SORT_KEYS, statusQueryOf } from '../../src/status/status-query.ts'
import { clientNow, limitNow } from '../support/status.ts'

const RATES = clientNow().rates
const CLIENTS: readonly ClientNow[] = [
  clientNow({
    id: '1',
    clientId: 'b',
    state: 'idle',
    software: 'sarama',
    connections: 3,
    groups: ['Payments'],
    lag: { records: 9, committedRecords: null },
  }),
  clientNow({
    ...{ id: '2', clientId: 'a', state: 'limited', principal: 'Alice', connections: 1 },
    rates: { ...RATES, throttleMs: 700, producedBytes: 10, heldMs: 5, requests: 1 },
    limits: [limitNow({ quota: 'producers', bucketPerSecond: 9e5, debtMs: 40 })],
  }),
  clientNow({
    ...{ id: '3', clientId: 'c', state: 'active', connections: 2, software: 'kgo' },
    rates: { ...RATES, fetchedBytes: 99, requests: 7 },
    limits: [limitNow({ quota: 'consumers', bucketPerSecond: 1e5 })],
  }),
]

const ids = (query: string): string =>
  chosen(CLIENTS, statusQueryOf(new URLSearchParams(query)))
    .map(({ id }) => id)
    .join('')

describe('order', () => {
  const rows: readonly (readonly [query: string, ids: string])[] = [
    ['', '213'],
    ['sort=client', '213'],
    ['sort=client&order=desc', '312'],
    ['sort=state', '231'],
    ['sort=hold', '213'],
    ['sort=produce', '213'],
    ['sort=fetch', '321'],
    ['sort=requests', '321'],
    ['sort=use', '231'],
    ['sort=debt', '213'],
    ['sort=connections', '132'],
    ['sort=connections&order=asc', '231'],
    ['sort=library', '231'],
    ['sort=group', '231'],
    ['sort=lag', '123'],
  ]
  for (const [query, expected] of rows) test(query || 'by throttle', () => assert.equal(ids(query), expected))

  test('there is a row for each key', () => {
    const tested = new Set(rows.map(([query]) => new URLSearchParams(query).get('sort') ?? 'throttle'))
    assert.deepEqual([...tested].sort(), [...SORT_KEYS].sort())
  })

  test('about the same is the same: rows stay where they are', () => {
    const about = (clientId: string, throttleMs: number): ClientNow =>
      clientNow({ clientId, rates: { ...RATES, throttleMs } })
    const order = (...clients: ClientNow[]): string[] =>
      chosen(clients, statusQueryOf(new URLSearchParams())).map(({ clientId }) => clientId)
    assert.deepEqual(order(about('b', 901), about('a', 899)), ['a', 'b'])
    assert.deepEqual(order(about('a', 899), about('b', 950)), ['b', 'a'])
  })
})

describe('choice', () => {
  const rows: readonly (readonly [query: string, ids: string])[] = [
    ['filter=alice', '2'],
    ['filter=PAY+sar', '1'],
    ['filter=pay+kgo', ''],
    ['state=idle', '1'],
    ['quota=consumers', '3'],
    ['client=3', '3'],
    ['state=&quota=&client=&filter=', '213'],
  ]
  for (const [query, expected] of rows) test(query, () => assert.equal(ids(query), expected))
})

test('numbers and switches', () => {
  const { top, skip, history, client, detail } = statusQueryOf(new URLSearchParams('top=5&skip=10&history=1&client=x'))
  assert.deepEqual([top, skip, history, client, detail], [5, 10, true, 'x', 'x'])
})

describe('what makes no sense is told with what would', () => {
  const rows: readonly (readonly [query: string, message: RegExp])[] = [
    ['srot=x', /^"srot" is nothing that can be asked for; did you mean sort\?$/],
    ['sort=size', /^sort is one of client, state, throttle, .*, not "size"$/],
    ['order=up', /^order is one of asc, desc, not "up"$/],
    ['state=bad', /^state is one of limited, observed, active, idle, gone, not "bad"$/],
    ['top=-1', /^top is a whole number, not "-1"$/],
    ['skip=1e3', /^skip is a whole number/],
    ['history=yes', /^history is one of 1, 0/],
  ]
  for (const [query, message] of rows) {
    test(query, () => assert.throws(() => statusQueryOf(new URLSearchParams(query)), { name: 'RangeError', message }))
  }
})
