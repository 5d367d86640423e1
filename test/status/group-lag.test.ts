// How far groups are behind: sums over what is known, and nothing made up where nothing is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupLags, lagOf } from '../../src/status/group-lag.ts'

const LAGS = groupLags([
  { group: 'g', lag: 10, committedLag: 30 },
  { group: 'g', lag: 5, committedLag: undefined },
  { group: 'h', lag: undefined, committedLag: 7 },
  { group: 'unknown', lag: undefined, committedLag: undefined },
  { group: '', lag: 99, committedLag: 99 },
])

test('partitions of a group are summed, those of nobody and of nothing are left out', () => {
  assert.deepEqual(
    [...LAGS],
    [
      ['g', { records: 15, committedRecords: 30 }],
      ['h', { records: null, committedRecords: 7 }],
    ],
  )
})

test('a client has what its groups have', () => {
  assert.deepEqual(lagOf(['g'], LAGS), { records: 15, committedRecords: 30 })
  assert.deepEqual(lagOf(['h', 'g', 'none'], LAGS), { records: 15, committedRecords: 37 })
  assert.equal(lagOf(['unknown'], LAGS), null)
  assert.equal(lagOf([], LAGS), null)
})
