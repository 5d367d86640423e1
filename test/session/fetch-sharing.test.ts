/** How much a Fetch may bring when several connections share a bucket: they wait for each other, so each gets a part. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FETCH_LEAST_MS } from '../../src/bounds.ts'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import type { Applicable } from '../../src/policy/policy-set.ts'
import { ChargeSet } from '../../src/session/charge-set.ts'
import { Counters } from '../../src/session/counters.ts'

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
      for (const each of sharing(connections, burstMs)) assert.equal(each.fetchBytesMax(0), ms * RATE_PER_MS)
    })
  }

  test('grows again when others have left', () => {
    const [stays, leaves] = sharing(2, 1_000)
    leaves?.release()
    assert.equal(stays?.fetchBytesMax(0), 1_000 * RATE_PER_MS)
  })
})
