/** Limits at the edges, through whole sessions: tiny and huge ones, ones that never stand still, too many keys, quotas that go, clocks that jump. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SWEEP_FULL_BUCKETS } from '../../src/bounds.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { produce, produceAnswer, readAnswer } from '../support/frames.ts'
import { seededRandom } from '../support/random-message.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const CLIENT_ID = 'c'
const FRAME_BYTES = 1_000
const KEYS = 100_000
/** Fewer than are looked at for room at a time: where more in a row are in debt, a new key gets the overflow bucket. */
const DEBTORS = SWEEP_FULL_BUCKETS - 1

/** A session that always has a request waiting that wants no answer; what it has sent. */
class Flood {
  readonly rig: Rig
  readonly #frameBytes: number
  sentBytes = 0

  constructor(rig: Rig, frameBytes = FRAME_BYTES) {
    this.rig = rig
    this.#frameBytes = frameBytes
  }

  /** Sends all that it may now. */
  fill(): void {
    this.rig.pass(0)
    while (this.rig.session.clientBlock !== 'held')
      this.rig.client(produce(this.#frameBytes, { clientId: CLIENT_ID, acks: 0 }))
    this.sentBytes += this.rig.sentToBroker().length
  }

  pass(ms: number): void {
    this.rig.pass(ms)
    this.fill()
  }
}

describe('a limit of 1 byte a second', () => {
  test('lets one request go each time that the client can be held no longer, and says so', () => {
    const rig = new Rig({ rules: [rule({ produceBytes: 1 })] })
    const holdMs = rig.session.idle ? 3_000 : 0
    for (let n = 1; n <= 10; n++) {
      rig.client(produce(FRAME_BYTES, { correlationId: n }))
      if (n > 1) {
        assert.equal(rig.session.clientBlock, 'held')
        rig.pass(holdMs - 1)
        assert.equal(rig.sentToBroker().length, 0)
        rig.pass(1)
      }
      assert.deepEqual(rig.sentToBroker(), produce(FRAME_BYTES, { correlationId: n }))
      const told = readAnswer('Produce', 9, rig.broker(produceAnswer(n)).sentToClient()).value['throttleTimeMs']
      assert.ok(Number(told) > 0 && Number(told) <= holdMs, `told to wait ${told} ms`)
    }
    assert.equal(rig.counters.quota('q').floorExceeded, 9)
    assert.equal(rig.closed, undefined)
  })
})

describe('a limit of 100 GB/s', () => {
  const perMs = 1e8
  const huge = 1_000_000
  for (const upMs of [0, 1e10]) {
    test(`is kept to a millionth, after ${upMs / 86_400_000} days`, () => {
      const rig = new Rig({ rules: [rule({ produceBytes: perMs * 1000 }, { burst: { amount: huge } })] }).pass(upMs)
      const frame = produce(huge, { acks: 0 })
      const fromMs = rig.nowMs
      const frames = 300
      for (let n = 0; n < frames; n++) {
        rig.client(frame)
        while (rig.session.clientBlock === 'held') rig.pass(rig.session.wakeAtMs - rig.nowMs)
        assert.equal(rig.sentToBroker().length, huge)
      }
      // The burst pays for the first, and the second finds it used up and nothing owed.
      const dueMs = ((frames - 2) * huge) / perMs
      // A double near 10¹⁰ steps by 2 µs: each start may be told that much late.
      const lateMs = rig.nowMs - fromMs - dueMs
      assert.ok(
        lateMs >= -1e-5 && lateMs <= frames * (upMs === 0 ? 1e-9 : 2e-6) + 1e-5,
        `${lateMs} ms late of ${dueMs}`,
      )
    })
  }
})

test('a rate that changes a thousand times a second is kept at every moment, with twenty sessions waiting', () => {
  const random = seededRandom(3)
  const rated = (perSecond: number): QuotaRule =>
    rule({ produceBytes: perSecond }, { per: [], burst: { amount: FRAME_BYTES } })
  const first = new Rig({ rules: [rated(100_000)] })
  const floods = Array.from({ length: 20 }, (_, i) => new Flood(i === 0 ? first : new Rig({ beside: first })))
  let allowed = FRAME_BYTES
  for (let ms = 0; ms < 2_000; ms++) {
    const perSecond = 50_000 + Math.floor(random() * 200_000)
    first.policy([rated(perSecond)])
    for (const flood of floods) {
      flood.rig.reoffered()
      flood.fill()
    }
    first.pass(1)
    allowed += perSecond / 1000
    const sent = floods.reduce((sum, flood) => sum + flood.sentBytes, 0)
    assert.ok(sent <= allowed + FRAME_BYTES, `${sent} of ${allowed} after ${ms} ms`)
    // Each may be noticed a millisecond late, and reservations made at a lower rate are kept until they are asked about.
    assert.ok(sent >= allowed - 3 * FRAME_BYTES, `${sent} of ${allowed} after ${ms} ms`)
  }
  const shares = floods.map((flood) => flood.sentBytes)
  assert.ok(Math.max(...shares) - Math.min(...shares) <= 2 * FRAME_BYTES, `${shares}`)
})

test('100,000 keys leave a bounded table, and none that is in debt loses it', () => {
  const rig = new Rig({ rules: [rule({ produceBytes: 1_000 }, { burst: { seconds: 0.1 } })] })
  const { buckets } = rig.context
  const debtor = (n: number): string => `debtor-${n}`
  const debtOf = (n: number): number =>
    buckets.peek('q', 'produceBytes', `clientId=${debtor(n)}`, rig.nowMs)?.debtMs ?? 0
  for (let n = 0; n < DEBTORS; n++) rig.client(produce(400, { clientId: debtor(n), acks: 0 }))
  const before = Array.from({ length: DEBTORS }, (_, n) => debtOf(n))
  for (const debtMs of before) assert.equal(debtMs, 300)
  // A hundred bytes are their burst: they owe nothing, so there is always one to make room.
  for (let n = 0; n < KEYS; n++) {
    rig.client(produce(100, { clientId: `passer-${n}`, acks: 0 }))
    if (n % 1_000 === 0) rig.sentToBroker()
    assert.ok(buckets.size <= 1_000 + 1, `${buckets.size} buckets`)
  }
  assert.equal(rig.session.clientBlock, 'none')
  for (let n = 0; n < DEBTORS; n++) assert.equal(debtOf(n), 300)
  rig.client(produce(400, { clientId: debtor(7), acks: 0 }))
  assert.equal(rig.session.clientBlock, 'held')
})

describe('a quota that is removed while requests wait', () => {
  const share = { by: ['clientId'] as const, weight: 1, priority: 'normal' as const, minimum: 0.1 }
  const cases: readonly (readonly [string, QuotaRule])[] = [
    ['a plain bucket', rule({ produceBytes: 1_000 }, { per: [] })],
    ['a divided bucket', rule({ produceBytes: 1_000 }, { per: [], share })],
    ['a gauge', rule({ inFlight: 1 }, { per: [] })],
  ]
  for (const [what, quota] of cases) {
    test(`${what}: all go at once, in their order, and nobody holds anything of it any more`, () => {
      const first = new Rig({ rules: [quota] })
      const rigs = Array.from({ length: 50 }, (_, i) => (i === 0 ? first : new Rig({ beside: first })))
      const frames = [1, 2, 3].map((correlationId) => produce(FRAME_BYTES, { correlationId }))
      const sent = rigs.map((rig) => {
        rig.client(...frames)
        return rig.sentToBroker()
      })
      assert.ok(rigs.filter(({ session }) => session.clientBlock === 'held').length >= 49)
      first.policy([])
      for (const [i, rig] of rigs.entries()) {
        rig.reoffered()
        assert.equal(rig.session.clientBlock, 'none')
        assert.deepEqual(Buffer.concat([sent[i]!, rig.sentToBroker()]), Buffer.concat(frames))
        for (const n of [1, 2, 3]) rig.broker(produceAnswer(n))
        rig.end()
      }
      for (const { holders } of first.context.buckets.entries(first.nowMs)) assert.equal(holders, 0)
    })
  }
})

describe('a clock that jumps', () => {
  const quota = rule({ produceBytes: 100_000 }, { burst: { seconds: 0.1 } })

  test('an hour ahead gives one burst and nothing more', () => {
    const flood = new Flood(new Rig({ rules: [quota] }))
    flood.fill()
    flood.rig.clock.nowMs += 3_600_000
    const before = flood.sentBytes
    flood.fill()
    assert.ok(flood.sentBytes - before <= 10_000 + 2 * FRAME_BYTES, `${flood.sentBytes - before}`)
  })

  // Further back is the limiter's own test: our clock is monotonic, and a hold is counted by it.
  test('half a second back gives nothing, and the limit is kept from there on', () => {
    const flood = new Flood(new Rig({ rules: [quota] }))
    flood.fill()
    flood.pass(5_000)
    const before = flood.sentBytes
    flood.rig.clock.nowMs -= 500
    flood.rig.reoffered()
    flood.fill()
    assert.ok(flood.sentBytes - before <= FRAME_BYTES, `${flood.sentBytes - before} at the jump`)
    for (let ms = 0; ms < 10_000; ms += 10) flood.pass(10)
    const sent = flood.sentBytes - before
    assert.ok(sent <= 1_000_000 + 2 * FRAME_BYTES && sent >= 900_000, `${sent} in 10 s`)
  })
})
