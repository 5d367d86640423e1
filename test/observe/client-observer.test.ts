// A tick a second: rates out of totals, against a slow and obvious reckoning; who is watched, and for how long.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CLIENT_IDLE_MAX_MS, HISTORY_POINTS, WATCHED_AT_WORK_MS } from '../../src/bounds.ts'
import { ClientObserver } from '../../src/observe/client-observer.ts'
import type { ClientStatus } from '../../src/sluice.ts'
import { clientStatus } from '../support/observed.ts'

const ME = { clientId: 'me', software: '', principal: '' }

function produced(bytes: number, more: Partial<ClientStatus> = {}): ClientStatus {
  return clientStatus({ ...ME, producedBytes: bytes, requests: bytes === 0 ? 0 : 1, ...more })
}

/** As the ledger gives them. */
function by(...clients: ClientStatus[]): Map<string, ClientStatus> {
  return new Map(clients.map((client) => [client.clientId, client]))
}

function near(actual: number | undefined, expected: number, what: string): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= expected * 0.05, `${what}: ${actual} for ${expected}`)
}

describe('rates', () => {
  test('a steady client has the same rate over one second and ten, at every quantile', () => {
    const observer = new ClientObserver()
    for (let second = 0; second <= 120; second++) observer.sample(second * 1000, by(produced(second * 1e6)))
    const observation = observer.observed(120_000)
    assert.equal(observation.observedMs, 120_000)
    const rates = observation.clients[0]?.rates.producedBytes
    for (const name of ['p50', 'p99', 'peak', 'p99Of10s', 'peakOf10s'] as const) near(rates?.[name], 1e6, name)
    assert.equal(rates?.activeSeconds, 119) // the first tick after the start shows who is active
  })

  test('a burst of a second is a tenth over ten seconds', () => {
    const observer = new ClientObserver()
    observer.sample(0, by())
    for (let second = 1; second <= 60; second++) observer.sample(second * 1000, by(produced(second < 30 ? 1 : 10e6)))
    const rates = observer.observed(60_000).clients[0]?.rates.producedBytes
    assert.equal(rates?.activeSeconds, 2)
    near(rates?.peak, 10e6, 'peak')
    near(rates?.peakOf10s, 1e6, 'peak over ten seconds')
  })

  test('a client that comes anew after an idle hour is no burst of an hour', () => {
    const observer = new ClientObserver()
    let nowMs = 0
    const idle = produced(50e9)
    for (; nowMs <= CLIENT_IDLE_MAX_MS + 5_000; nowMs += 1000) observer.sample(nowMs, by(idle))
    assert.deepEqual(observer.observed(nowMs).clients, [])
    for (let i = 1; i <= 20; i++, nowMs += 1000) observer.sample(nowMs, by(produced(50e9 + i * 1000)))
    const client = observer.observed(nowMs).clients[0]
    near(client?.rates.producedBytes?.peak, 1000, 'peak')
    assert.ok((client?.totals.producedBytes ?? 0) <= 20_000)
  })

  test('totals that fall, and a clock that stands still or goes back, count as nothing', () => {
    const observer = new ClientObserver()
    observer.sample(0, by())
    observer.sample(1000, by(produced(1000)))
    observer.sample(2000, by(produced(10)))
    observer.sample(2000, by(produced(1e12)))
    observer.sample(1500, by(produced(1e12)))
    observer.sample(3000, by(produced(20)))
    near(observer.observed(3000).clients[0]?.rates.producedBytes?.peak, 1000, 'peak')
  })

  test('late and early ticks: agrees with the plain reckoning', () => {
    const tick = fc.record({ afterMs: fc.integer({ min: 700, max: 1400 }), bytes: fc.nat(5_000_000) })
    fc.assert(
      fc.property(fc.array(tick, { minLength: 15, maxLength: 200 }), (ticks) => {
        const samples = samplesOf(ticks)
        const [ones, tens] = plainRates(samples)
        const observer = new ClientObserver()
        for (const [i, { atMs, total }] of samples.entries()) {
          observer.sample(atMs, total === 0 ? by() : by(produced(total, { requests: i })))
        }
        if (ones.length === 0) return
        const rates = observer.observed(0).clients[0]?.rates.producedBytes
        near(rates?.p50, quantile(ones, 0.5), 'p50')
        near(rates?.p99, quantile(ones, 0.99), 'p99')
        near(rates?.p99Of10s, quantile(tens, 0.99), 'p99 of ten seconds')
        near(rates?.peakOf10s, Math.max(...tens), 'peak of ten seconds')
      }),
      { numRuns: 200 },
    )
  })
})

interface Sample {
  readonly atMs: number
  readonly total: number
}

function samplesOf(ticks: readonly { readonly afterMs: number; readonly bytes: number }[]): Sample[] {
  const samples: Sample[] = [{ atMs: 0, total: 0 }]
  for (const { afterMs, bytes } of ticks) {
    const last = samples.at(-1)!
    samples.push({ atMs: last.atMs + afterMs, total: last.total + bytes })
  }
  return samples
}

/** The rates over one sample and over about ten seconds, where there was anything. */
function plainRates(samples: readonly Sample[]): [ones: number[], tens: number[]] {
  const rate = (from: Sample, to: Sample, spanMs = to.atMs - from.atMs): number =>
    ((to.total - from.total) / spanMs) * 1000
  const ones = samples.slice(1).map((to, i) => rate(samples[i]!, to))
  const seen = samples.filter(({ total }) => total > 0)
  const known = samples.slice(samples.length - seen.length - 1)
  const tens = known.slice(1).map((to) => {
    const from = known.find(({ atMs }) => atMs >= to.atMs - 10_500)!
    return rate(from, to, to.atMs - from.atMs < 9_500 ? 10_000 : undefined)
  })
  return [ones, tens].map((rates) => rates.filter((value) => value > 0)) as [number[], number[]]
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1]!
}

describe('who is watched', () => {
  test('clients that were there before the observer are told from the newcomers', () => {
    const observer = new ClientObserver()
    observer.sample(0, by(produced(1e9)))
    observer.sample(1000, by(produced(1e9 + 500), produced(300, { clientId: 'new' })))
    const [old, fresh] = observer.observed(1000).clients
    assert.equal(old?.totals.producedBytes, 0) // its first second tells only that it is active
    near(fresh?.rates.producedBytes?.peak, 300, 'peak of the newcomer')
  })

  test('the connections at most, the largest frame, what was throttled meanwhile', () => {
    const observer = new ClientObserver()
    observer.sample(0, by())
    observer.sample(1000, by(produced(1, { connections: 5, throttleMs: 7, largestProduceBytes: 9 })))
    observer.sample(2000, by(produced(2, { connections: 2, throttleMs: 9, largestProduceBytes: 9 })))
    observer.sample(3000, by()) // forgotten by the ledger
    const client = observer.observed(3000).clients[0]
    assert.deepEqual([client?.connections, client?.connectionsMax, client?.idleMs], [0, 5, 1000])
    assert.deepEqual([client?.totals.throttleMs, client?.totals.largestProduceBytes], [9, 9])
  })

  test('where room is short the client idle longest gives way, but none that is at work', () => {
    const observer = new ClientObserver(2)
    const at = (clientId: string, bytes: number): ClientStatus => produced(bytes, { clientId, requests: bytes })
    const ids = (nowMs: number): string[] => observer.observed(nowMs).clients.map(({ clientId }) => clientId)
    observer.sample(0, by())
    observer.sample(1000, by(at('a', 1)))
    observer.sample(2000, by(at('a', 1), at('b', 1)))
    observer.sample(3000, by(at('a', 1), at('b', 1), at('c', 1)))
    assert.deepEqual([ids(3000), observer.observed(3000).unwatched], [['a', 'b'], 1])
    observer.sample(WATCHED_AT_WORK_MS + 1000, by(at('a', 1), at('b', 2), at('c', 2)))
    assert.deepEqual([ids(0), observer.observed(0).unwatched], [['b', 'c'], 0])
  })

  test('a client idle for an hour is forgotten', () => {
    const observer = new ClientObserver()
    observer.sample(0, by())
    observer.sample(1000, by(produced(1)))
    observer.sample(CLIENT_IDLE_MAX_MS, by(produced(1)))
    assert.equal(observer.observed(0).clients.length, 1)
    observer.sample(CLIENT_IDLE_MAX_MS + 1000, by(produced(1)))
    assert.equal(observer.observed(0).clients.length, 0)
  })
})

test('the history has a point for each five seconds of the last quarter of an hour, the oldest first', () => {
  const observer = new ClientObserver()
  const seconds = 20 * 60
  observer.sample(0, by())
  for (let second = 1; second <= seconds; second++) {
    observer.sample(second * 1000, by(produced(second * second, { requests: second, throttleMs: second * 100 })))
  }
  const history = observer.history('me')
  assert.equal(history?.producedBytes.length, HISTORY_POINTS)
  // From second s − 5 to s a total of s² grows by 10 s − 25.
  assert.equal(history?.producedBytes.at(-1), (10 * seconds - 25) / 5)
  assert.equal(history?.producedBytes[0], (10 * (seconds - 179 * 5) - 25) / 5)
  assert.equal(history?.requests.at(-1), 1)
  assert.equal(history?.throttleMs.at(-1), 100)
  assert.equal(observer.history('nobody'), undefined)
})
