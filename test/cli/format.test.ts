// Numbers for people, as a table.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatByteRate,
  formatBytes,
  formatCount,
  formatDuration,
  formatExact,
  formatLimit,
  formatPercent,
} from '../../src/cli/format.ts'
import { formatAddress } from '../../src/cluster/address-book.ts'

const TABLE: readonly (readonly [got: string, expected: string])[] = [
  [formatBytes(0), '0 B'],
  [formatBytes(999), '999 B'],
  [formatBytes(1000), '1 kB'],
  [formatBytes(999_499), '999 kB'],
  [formatBytes(999_999), '1 MB'],
  [formatBytes(1_234_567), '1.23 MB'],
  [formatBytes(5e9), '5 GB'],
  [formatBytes(7.5e15), '7500 TB'],
  [formatByteRate(1e6), '1 MB/s'],
  [formatByteRate(0.5), '0.5 B/s'],
  [formatCount(0), '0'],
  [formatCount(999), '999'],
  [formatCount(23_456), '23.5 k'],
  [formatDuration(0), '0 ms'],
  [formatDuration(0.4), '0.4 ms'],
  [formatDuration(999.4), '999 ms'],
  [formatDuration(999.9), '1 s'],
  [formatDuration(2_900), '2.9 s'],
  [formatDuration(59_999), '1 m 0 s'],
  [formatDuration(90_000), '1 m 30 s'],
  [formatDuration(Number.NaN), '–'],
  [formatPercent(0.998), '99.8 %'],
  [formatPercent(Number.NaN), '–'],
  [formatExact(1_234_567), '1,234,567'],
  [formatLimit('produceBytes', 5e6), '5 MB/s'],
  [formatLimit('requests', 2_000), '2 k/s'],
  [formatLimit('requests', 2), '2/s'],
  [formatLimit('joins', 5 / 60), '5/min'],
  [formatLimit('mutations', 1 / 60), '1/min'],
  [formatLimit('commits', 2 / 3600), '2/h'],
  [formatLimit('connections', 100), '100'],
  [formatLimit('inFlight', 2_000), '2 k'],
  [formatLimit('connections', Number.POSITIVE_INFINITY), 'unlimited'],
  [formatAddress({ host: '127.0.0.1', port: 9092 }), '127.0.0.1:9092'],
  [formatAddress({ host: '::1', port: 9092 }), '[::1]:9092'],
]

test('numbers are shown with three digits and the unit that fits', () => {
  for (const [got, expected] of TABLE) assert.equal(got, expected)
})
