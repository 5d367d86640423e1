/** Who has series of their own, and whose they are: bounded, the busiest first, and no series falls while it is there. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NOBODY } from '../../src/policy/identity.ts'
import { OTHER } from '../../src/series-book.ts'
import { ClientBook, type ClientSeries } from '../../src/session/client-book.ts'
import { ClientMeter } from '../../src/session/client-meter.ts'
import { noTotals, type SessionTotals } from '../../src/session/session-parts.ts'

const IDLE_MS = 60_000

/** A connection of one client, without a session around it. */
class Connection {
  readonly totals: SessionTotals = noTotals()
  readonly meter: ClientMeter

  constructor(book: ClientBook) {
    this.meter = new ClientMeter(book.book, this.totals)
  }

  request(clientId: string, bytes: number, nowMs: number): ClientSeries {
    const series = this.meter.of(identityOf(clientId), nowMs)
    this.totals.requests++
    this.totals.producedBytes += bytes
    return series
  }
}

const identities = new Map<string, typeof NOBODY>()

/** One object for each name, as a session keeps it. */
function identityOf(clientId: string): typeof NOBODY {
  const known = identities.get(clientId) ?? { ...NOBODY, clientId, software: 'java' }
  identities.set(clientId, known)
  return known
}

function namesOf(book: ClientBook): string[] {
  return [...book.book.series()].map(({ name }) => name)
}

test('what a connection does is added to its client before a scrape, and never twice', () => {
  const book = new ClientBook(10, IDLE_MS)
  const [one, two] = [new Connection(book), new Connection(book)]
  one.request('a', 100, 1)
  two.request('a', 20, 1)
  for (const times of [1, 2]) {
    one.meter.fold(times)
    two.meter.fold(times)
    const [a] = [...book.book.series()]
    assert.deepEqual([a?.name, a?.totals.requests, a?.totals.producedBytes, a?.holders], ['a', 2, 120, 2])
  }
  one.request('a', 1, 3)
  one.meter.close(4)
  two.meter.close(4)
  const [a] = [...book.book.series()]
  assert.deepEqual([a?.totals.producedBytes, a?.holders, a?.lastUsedMs], [121, 0, 4])
})

test('a connection that changes its client id leaves to each what it did as that one', () => {
  const book = new ClientBook(10, IDLE_MS)
  const connection = new Connection(book)
  connection.request('a', 100, 1)
  connection.request('b', 10, 2)
  connection.request('a', 1, 3)
  connection.meter.fold(4)
  const bytes = [...book.book.series()].map(({ name, totals, holders }) => [name, totals.producedBytes, holders])
  assert.deepEqual(bytes, [
    ['a', 101, 1],
    ['b', 10, 0],
  ])
})

test('a client that changes its library or user keeps its series and shows both, up to four', () => {
  const book = new ClientBook(10, IDLE_MS)
  const meter = new ClientMeter(book.book, noTotals())
  for (const principal of ['', 'u1', 'u2', 'u1', 'u3', 'u4', 'u5']) {
    meter.of({ ...NOBODY, clientId: 'a', software: 'java', principal }, 1)
    meter.fold(1)
  }
  const [a] = [...book.book.series()]
  assert.equal(book.book.size, 1)
  assert.deepEqual(
    a?.variants.map(({ principal }) => principal),
    ['u5', 'u4', 'u3', 'u1'],
  )
})

test('what a client was before its library and user were known is not told', () => {
  const book = new ClientBook(10, IDLE_MS)
  const meter = new ClientMeter(book.book, noTotals())
  meter.of({ ...NOBODY, clientId: 'a' }, 1)
  meter.of({ ...NOBODY, clientId: 'a', software: 'java' }, 1)
  meter.of({ ...NOBODY, clientId: 'a', software: 'java', principal: 'u' }, 1)
  meter.close(1)
  const [a] = [...book.book.series()]
  assert.deepEqual(a?.variants, [{ software: 'java', softwareVersion: '', principal: 'u' }])
})

describe('when all places are taken', () => {
  test('newcomers share one series, which counts on when they come and go', () => {
    const book = new ClientBook(1, IDLE_MS)
    const [first, second] = [new Connection(book), new Connection(book)]
    first.request('a', 1, 1)
    second.request('b', 100, 1)
    second.request('c', 10, 2)
    second.meter.fold(3)
    assert.deepEqual(namesOf(book), ['a', OTHER])
    assert.equal(book.book.other.totals.producedBytes, 110)
    assert.equal(book.book.other.holders, 1)
    assert.equal(book.book.folded, 1, 'a connection that stays among the others has been counted')
    second.meter.close(4)
    assert.equal(book.book.other.holders, 0)
  })

  test('a client that has been gone for long makes room at once', () => {
    const book = new ClientBook(1, IDLE_MS)
    const [first, second] = [new Connection(book), new Connection(book)]
    first.request('a', 1, 1)
    first.meter.close(1)
    assert.equal(second.request('b', 1, IDLE_MS).name, OTHER)
    assert.equal(second.request('c', 1, IDLE_MS + 1).name, 'c')
    assert.equal(book.book.size, 1)
  })

  test('a connected client keeps its place however long it is silent', () => {
    const book = new ClientBook(1, IDLE_MS)
    const [first, second] = [new Connection(book), new Connection(book)]
    first.request('a', 1, 1)
    book.review([], 100 * IDLE_MS)
    assert.equal(second.request('b', 1, 100 * IDLE_MS).name, OTHER)
  })

  test('a review gives the place to who does twice as much, and both counts begin anew', () => {
    const book = new ClientBook(2, IDLE_MS)
    const connections = ['a', 'b', 'c'].map((clientId, i) => {
      const connection = new Connection(book)
      connection.request(clientId, [1e6, 1e5, 3e5][i]!, 1)
      return connection
    })
    const review = (nowMs: number): void => {
      for (const { meter } of connections) meter.fold(nowMs)
      book.review(
        connections.flatMap(({ meter }) => meter.review() ?? []),
        nowMs,
      )
      for (const { meter } of connections) meter.fold(nowMs)
    }
    review(2)
    assert.deepEqual(namesOf(book), ['a', 'c', OTHER])
    const [, c] = [...book.book.series()]
    assert.equal(c?.totals.producedBytes, 0, 'what it did before is with the others')
    assert.equal(book.book.other.totals.producedBytes, 3e5)
    connections[2]!.request('c', 5, 3)
    connections[1]!.request('b', 7, 3)
    review(4)
    assert.deepEqual(namesOf(book), ['a', 'c', OTHER], 'what was done a moment ago still counts')
    assert.equal(c?.totals.producedBytes, 5)
    assert.equal(book.book.other.totals.producedBytes, 3e5 + 7)
    connections[1]!.request('b', 4e6, 5)
    review(6)
    assert.deepEqual(namesOf(book), ['a', 'b', OTHER], 'the idlest gave way')
  })

  test('of none that may have series, all are counted together', () => {
    const book = new ClientBook(0, IDLE_MS)
    const connection = new Connection(book)
    connection.request('a', 5, 1)
    connection.meter.fold(2)
    book.review([connection.meter.review()!], 3)
    assert.deepEqual(namesOf(book), [OTHER])
    assert.equal(book.book.other.totals.producedBytes, 5)
  })
})

test('a name of 32 kB is cut, and two with the same beginning stay two', () => {
  const book = new ClientBook(10, IDLE_MS)
  const connection = new Connection(book)
  const long = 'x'.repeat(32_000)
  connection.request(`${long}1`, 1, 1)
  connection.request(`${long}2`, 1, 1)
  const names = namesOf(book)
  assert.equal(new Set(names).size, 2)
  assert.ok(names.every((name) => name.length <= 256))
})

test('100,000 client ids: as many series as are allowed, and nothing is lost from the sum', () => {
  const book = new ClientBook(200, IDLE_MS)
  let open: Connection[] = []
  for (let i = 0; i < 100_000; i++) {
    const connection = new Connection(book)
    connection.request(`client-${i}`, 10, i)
    open.push(connection)
    if (open.length < 1_000) continue
    for (const { meter } of open) meter.close(i)
    open = []
  }
  assert.equal(book.book.size, 200)
  const sum = [...book.book.series()].reduce((bytes, { totals }) => bytes + totals.producedBytes, 0)
  // Who gave a place to another took its count along: 10 bytes each.
  const replaced = 100_000 - book.book.folded - book.book.size
  assert.equal(sum, 10 * (100_000 - replaced))
  assert.ok(book.book.folded > 50_000, `${book.book.folded} found no room`)
})
