/** What the limiter promises, over any rates, bursts, frame sizes and arrival times. The clock is a variable. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import { TokenBuckets } from '../../src/limiter/token-buckets.ts'

interface Service {
  readonly startMs: number
  readonly cost: number
  readonly connection: number
}

const anyRate = fc.double({ min: -3, max: 8, noNaN: true }).map((exponent) => 10 ** exponent) // 1 B/s … 100 GB/s, per ms
const anyBurstMs = fc.integer({ min: 0, max: 10_000 })
/** Numbers from 0 to `max` in steps that a double can be trusted with. */
const anyThousandths = (max: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: max * 1000 }).map((n) => n / 1000)
/** Frame sizes as parts of what the rate lets through in a second: up to ten seconds' worth in one frame. */
const anyParts = fc.array(anyThousandths(10), { minLength: 1, maxLength: 40, size: 'max' })
/** Relative tolerance of sums of doubles. */
const EPSILON = 1e-9

function oneBucket(ratePerMs: number, burstMs: number, nowMs = 0): TokenBuckets {
  const buckets = new TokenBuckets(1)
  buckets.open(0, ratePerMs, burstMs, nowMs)
  return buckets
}

/** Connections as sessions do it: each reserves its next frame `pauseMs` after its last one started. */
function serve(
  buckets: TokenBuckets,
  connections: readonly (readonly { cost: number; pauseMs: number }[])[],
): Service[] {
  const services: Service[] = []
  const next = connections.map((frames, connection) => ({ frames, connection, at: 0, dueMs: frames[0]?.pauseMs ?? 0 }))
  for (;;) {
    const due = next.filter((n) => n.at < n.frames.length).sort((a, b) => a.dueMs - b.dueMs)[0]
    if (due === undefined) return services
    const cost = due.frames[due.at++]!.cost
    const startMs = buckets.reserve(0, cost, due.dueMs)
    services.push({ startMs, cost, connection: due.connection })
    due.dueMs = startMs + (due.frames[due.at]?.pauseMs ?? 0)
  }
}

const anyConnections = fc.array(
  fc.array(
    fc.record({
      part: fc.double({ min: 0, max: 3, noNaN: true }),
      pauseMs: fc.double({ min: 0, max: 3000, noNaN: true }),
    }),
    { minLength: 1, maxLength: 20, size: 'max' },
  ),
  { minLength: 1, maxLength: 5 },
)

describe('the limiter', () => {
  test('service over any window is at most burst + rate × t + the last frame', () => {
    fc.assert(
      fc.property(anyRate, anyBurstMs, anyConnections, (ratePerMs, burstMs, connections) => {
        const services = serve(
          oneBucket(ratePerMs, burstMs),
          connections.map((frames) => frames.map((f) => ({ cost: f.part * ratePerMs * 1000, pauseMs: f.pauseMs }))),
        )
        for (let from = 0; from < services.length; from++) {
          let sum = 0
          for (let to = from; to < services.length; to++) {
            const last = services[to]!
            sum += last.cost
            const bound = (burstMs + last.startMs - services[from]!.startMs) * ratePerMs + last.cost
            assert.ok(sum <= bound * (1 + EPSILON) + EPSILON * ratePerMs, `${sum} > ${bound}`)
          }
        }
      }),
    )
  })

  test('for charges that fit the balance it is at most burst + rate × t', () => {
    fc.assert(
      fc.property(anyRate, anyBurstMs, anyConnections, (ratePerMs, burstMs, connections) => {
        const buckets = oneBucket(ratePerMs, burstMs)
        const served: { nowMs: number; cost: number }[] = []
        let nowMs = 0
        for (const { part, pauseMs } of connections.flat()) {
          nowMs += pauseMs
          const cost = part * ratePerMs * 1000
          if (cost > buckets.balance(0, nowMs)) continue
          assert.equal(buckets.reserve(0, cost, nowMs), nowMs)
          served.push({ nowMs, cost })
        }
        for (let from = 0; from < served.length; from++) {
          let sum = 0
          for (const { nowMs: atMs, cost } of served.slice(from)) {
            sum += cost
            const bound = (burstMs + atMs - served[from]!.nowMs) * ratePerMs
            assert.ok(sum <= bound * (1 + EPSILON) + EPSILON * ratePerMs, `${sum} > ${bound}`)
          }
        }
      }),
    )
  })

  test('backlogged clients get burst + rate × t, and at most one frame more, however many share the bucket', () => {
    fc.assert(
      fc.property(anyRate, anyBurstMs, fc.integer({ min: 1, max: 8 }), anyParts, (ratePerMs, burstMs, count, parts) => {
        const frames = [...parts, ...parts, ...parts].map((part) => ({ cost: part * ratePerMs * 100, pauseMs: 0 }))
        const services = serve(oneBucket(ratePerMs, burstMs), Array(count).fill(frames))
        // Until the first connection runs out of frames all of them are backlogged.
        const untilMs = Math.min(
          ...Array.from({ length: count }, (_, c) => services.findLast((s) => s.connection === c)!.startMs),
        )
        const sum = services.filter((s) => s.startMs < untilMs).reduce((total, s) => total + s.cost, 0)
        const due = (burstMs + untilMs) * ratePerMs
        const frameMax = Math.max(...frames.map((f) => f.cost))
        if (untilMs === 0) return
        assert.ok(sum >= due * (1 - EPSILON) - frameMax, `${sum} < ${due}`)
        assert.ok(sum <= due * (1 + EPSILON) + frameMax, `${sum} > ${due} + ${frameMax}`)
      }),
    )
  })

  test('reservation order is service order, across connections', () => {
    fc.assert(
      fc.property(anyRate, anyBurstMs, anyConnections, (ratePerMs, burstMs, connections) => {
        const buckets = oneBucket(ratePerMs, burstMs)
        let nowMs = 0
        let lastStartMs = 0
        for (const { part, pauseMs } of connections.flat()) {
          nowMs += pauseMs / 10
          const startMs = buckets.reserve(0, part * ratePerMs * 1000, nowMs)
          assert.ok(
            startMs >= nowMs && startMs >= lastStartMs - EPSILON * lastStartMs,
            `${startMs} before ${lastStartMs}`,
          )
          lastStartMs = startMs
        }
      }),
    )
  })

  test('debt is repaid: after debtMs it is 0, a burst later the bucket is full', () => {
    fc.assert(
      fc.property(anyRate, anyBurstMs, anyParts, (ratePerMs, burstMs, parts) => {
        const buckets = oneBucket(ratePerMs, burstMs)
        for (const part of parts) buckets.reserve(0, part * ratePerMs * 1000, 0)
        const debtMs = buckets.debtMs(0, 0)
        if (debtMs > 1e-6) assert.ok(buckets.debtMs(0, debtMs * (1 - 1e-6)) > 0, 'not earlier')
        assert.ok(buckets.debtMs(0, debtMs) <= EPSILON * debtMs)
        assert.ok(buckets.isFull(0, (debtMs + burstMs) * (1 + EPSILON)))
      }),
    )
  })

  test('changing the rate, up to 1000 times either way, keeps the balance', () => {
    const anyFactor = fc.double({ min: -3, max: 3, noNaN: true }).map((exponent) => 10 ** exponent)
    fc.assert(
      fc.property(anyRate, anyFactor, anyBurstMs, anyBurstMs, anyParts, (rate, factor, burstMs, newBurstMs, parts) => {
        const buckets = oneBucket(rate, burstMs)
        for (const part of parts) buckets.reserve(0, (part * rate * burstMs) / 10, 0)
        const before = buckets.balance(0, 7)
        buckets.setRate(0, rate * factor, newBurstMs, 7)
        const expected = Math.min(before, newBurstMs * rate * factor)
        const scale = Math.abs(before) + newBurstMs * rate * factor + burstMs * rate
        assert.ok(Math.abs(buckets.balance(0, 7) - expected) <= EPSILON * scale)
      }),
    )
  })

  test('clock steps do no harm: no more service than forward time earns, no longer wait than the debt', () => {
    const anyStep = fc.oneof(
      anyThousandths(100),
      fc.integer({ min: -100_000_000, max: 100_000_000 }),
      anyThousandths(5).map((ms) => -ms),
    )
    fc.assert(
      fc.property(
        anyRate,
        anyBurstMs,
        fc.array(anyStep, { maxLength: 100, size: 'max' }),
        (ratePerMs, burstMs, steps) => {
          const buckets = oneBucket(ratePerMs, burstMs, 1e9)
          let nowMs = 1e9
          let forwardMs = 0
          let charged = 0
          for (const stepMs of steps) {
            nowMs += stepMs
            forwardMs += Math.max(0, stepMs)
            const debtMs = buckets.debtMs(0, nowMs)
            const startMs = buckets.reserve(0, 50 * ratePerMs, nowMs)
            assert.ok(Math.abs(startMs - nowMs - debtMs) < 1e-3, 'a wait is the debt, in the time of the caller')
            assert.ok(debtMs <= (charged / ratePerMs) * (1 + EPSILON))
            charged += 50 * ratePerMs
            const earned = (burstMs + forwardMs + debtMs + 50) * ratePerMs
            assert.ok(charged <= earned * (1 + EPSILON) + 1e-3 * ratePerMs, `${charged} > ${earned}`)
          }
          const debtMs = buckets.debtMs(0, nowMs - 1e8)
          assert.ok(buckets.debtMs(0, nowMs - 1e8 + debtMs + 1e-3) <= 1e-3, 'a clock set back does not stop the refill')
        },
      ),
    )
  })

  test('rates from 1 B/s to 100 GB/s keep their precision four months after the clock’s zero', () => {
    const startMs = 1e10 + 0.123
    for (let exponent = 0; exponent <= 11; exponent++) {
      const ratePerMs = 10 ** exponent / 1000
      const buckets = oneBucket(ratePerMs, 1000, startMs)
      for (let i = 0; i < 10_000; i++) buckets.reserve(0, 1, startMs)
      const expected = 1000 * ratePerMs - 10_000
      const balance = buckets.balance(0, startMs)
      assert.ok(Math.abs(balance - expected) < 1e-6 * 10_000, `10^${exponent} B/s: ${balance}, expected ${expected}`)
    }
  })

  test('reserve and settle the difference is the same as to have known the cost; reserve and cancel is nothing', () => {
    fc.assert(
      fc.property(anyBurstMs, anyParts, fc.integer({ min: 0, max: 1e6 }), (burstMs, parts, guess) => {
        const known = oneBucket(1, burstMs)
        const guessed = oneBucket(1, burstMs)
        for (const part of parts) {
          known.reserve(0, part * 1000, 5)
          guessed.reserve(0, guess, 5)
          guessed.settle(0, part * 1000 - guess, 5)
          guessed.reserve(0, guess, 5)
          guessed.cancel(0, guess, 5)
        }
        assert.ok(Math.abs(known.balance(0, 5) - guessed.balance(0, 5)) < 1e-3)
      }),
    )
  })
})

describe('the bucket table', () => {
  test('whatever sessions come and go, no two keys share a bucket, none in debt is forgotten, the bound holds', () => {
    // A model check: `held` and `owed` say what the table must know.
    const anyOperation = fc.record({
      key: fc.integer({ min: 0, max: 11 }),
      what: fc.constantFrom('acquire', 'acquire', 'release', 'charge', 'wait', 'sweep'),
      amount: fc.integer({ min: 0, max: 500 }),
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 8 }),
        fc.array(anyOperation, { maxLength: 200, size: 'max' }),
        (bucketsMax, operations) => {
          const table = new BucketTable(bucketsMax)
          const held = new Map<number, number[]>()
          const owedUntilMs = new Map<number, number>()
          let nowMs = 0
          const others = (key: number): number[] => [...held].flatMap(([other, slots]) => (other === key ? [] : slots))
          const perform: Record<string, (key: number, amount: number) => void> = {
            wait: (_, amount) => (nowMs += amount),
            sweep: (_, amount) => table.sweep(nowMs, amount),
            acquire: (key) => {
              const slot = table.acquire('q', 'requests', `${key}`, 1, 100, nowMs)
              const owedMs = Math.max(0, (owedUntilMs.get(key) ?? 0) - nowMs)
              if (table.isOverflow(slot)) {
                assert.equal(owedMs, 0, 'a key in debt lost its bucket')
              } else {
                assert.equal(table.debtMs(slot, nowMs), owedMs, 'debt was forgotten')
                assert.ok(!others(key).includes(slot), 'shared')
              }
              held.set(key, [...(held.get(key) ?? []), slot])
            },
            release: (key) => {
              const slot = held.get(key)?.pop()
              if (slot !== undefined) table.release(slot)
            },
            charge: (key, amount) => {
              const slot = held.get(key)?.at(-1)
              if (slot === undefined) return
              table.reserve(slot, amount, nowMs)
              const debtMs = table.debtMs(slot, nowMs)
              if (!table.isOverflow(slot) && debtMs > 0) owedUntilMs.set(key, nowMs + debtMs)
            },
          }
          for (const { key, what, amount } of operations) {
            perform[what]!(key, amount)
            assert.ok(table.size <= bucketsMax + 1, `${table.size} buckets`)
          }
        },
      ),
    )
  })
})
