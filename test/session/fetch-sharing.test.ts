/** How much a Fetch may bring when several connections share a bucket: they wait for each other, so each gets a part. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeRequest, type Struct } from 'kafka-protocol-codec'
import { FETCH_LEAST_MS } from '../../src/bounds.ts'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import type { Applicable } from '../../src/policy/policy-set.ts'
import { ChargeSet } from '../../src/session/charge-set.ts'
import { Counters } from '../../src/session/counters.ts'
import { fetch, fetchAnswer } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const RATE_PER_MS = 1_000

function sharing(count: number, burstMs: number): ChargeSet[] {
  const buckets = new BucketTable(10)
  const applicable: Applicable = {
    ...{ quota: 'q', dimension: 'fetchBytes' as const, key: 'k', mode: 'enforce' as const, why: 'test' },
    ...{ ratePerMs: RATE_PER_MS, burstMs, rampEndsAtMs: 0 },
  }
  return Array.from({ length: count }, () => new ChargeSet([applicable], buckets, new Counters(), 0))
}

describe('what one Fetch may bring', () => {
  for (const [connections, burstMs, ms] of [
    [1, 1_000, 1_000],
    [1, 100, 1_000],
    [1, 5_000, 5_000],
    [2, 1_000, 500],
    [8, 1_000, 125],
    [8, 8_000, 1_000],
    [50, 1_000, FETCH_LEAST_MS],
  ] as const) {
    test(`of a burst of ${burstMs} ms, ${connections} connection(s) sharing it: ${ms} ms worth`, () => {
      for (const each of sharing(connections, burstMs)) assert.equal(each.fetchBytesMax(0, 0), ms * RATE_PER_MS)
    })
  }

  test('grows again when others have left', () => {
    const [stays, leaves] = sharing(2, 1_000)
    leaves?.release()
    assert.equal(stays?.fetchBytesMax(0, 0), 1_000 * RATE_PER_MS)
  })
})

describe('many consumers that want all they can get', () => {
  const RATE = 5_000_000
  const STEP_MS = 10
  /** The first answers of a crowd that comes at once are a surprise: how many want how much is not known before. */
  const SETTLED_MS = 30_000
  const SECONDS = 10

  const ALL: Struct = { maxBytes: 52_428_800 }

  /** Whose Fetch has gone is answered with as much as it allows, and asks again at once; the bytes of all answers. */
  function answerAll(rigs: readonly Rig[]): number {
    let bytes = 0
    for (const rig of rigs) {
      const sent = rig.pass(0).sentToBroker()
      if (sent.length === 0) continue
      const answer = fetchAnswer(Math.max(0, Number(decodeRequest(sent).value['maxBytes']) - 100))
      bytes += answer.length
      rig.broker(answer).sentToClient()
      rig.client(fetch({ limits: ALL }))
    }
    return bytes
  }

  function runFor(rigs: readonly Rig[], ms: number): number {
    let bytes = 0
    for (let elapsedMs = 0; elapsedMs < ms; elapsedMs += STEP_MS) {
      bytes += answerAll(rigs)
      rigs[0]!.pass(STEP_MS)
    }
    return bytes
  }

  /** What came once they have settled, and what went early then. */
  function consume(count: number): { readonly bytes: number; readonly early: number } {
    const first = new Rig({ rules: [rule({ fetchBytes: RATE }, { per: [] })] })
    const rigs = [first, ...Array.from({ length: count - 1 }, () => new Rig({ beside: first }))]
    for (const rig of rigs) rig.client(fetch({ limits: ALL }))
    runFor(rigs, SETTLED_MS)
    for (const { floors } of rigs) floors.length = 0
    const bytes = runFor(rigs, SECONDS * 1000)
    return { bytes, early: rigs.reduce((sum, { floors }) => sum + floors.length, 0) }
  }

  for (const count of [1, 10, 50, 150]) {
    test(`${count} of them are held to the limit, and none goes before its time`, () => {
      const { bytes, early } = consume(count)
      assert.equal(early, 0)
      assert.ok(Math.abs(bytes / (RATE * SECONDS) - 1) < 0.03, `${bytes / (RATE * SECONDS)} of the limit`)
    })
  }
})
