// Quantiles of a sketch against those of the sorted values: within 5 %, whatever the values.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RateSketch } from '../../src/observe/rate-sketch.ts'

const ERROR_MAX = 0.05

function exactQuantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!
}

test('any quantile of any rates is within 5 %, the largest exact', () => {
  // From one unit in a quarter of an hour to a terabyte a second.
  const rate = fc
    .tuple(fc.double({ min: 1, max: 2, noNaN: true }), fc.integer({ min: -9, max: 40 }))
    .map(([part, octave]) => part * 2 ** octave)
  fc.assert(
    fc.property(
      fc.array(rate, { minLength: 1, maxLength: 300 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const sketch = new RateSketch()
        for (const value of values) sketch.add(value)
        const exact = exactQuantile(values, share)
        assert.ok(
          Math.abs(sketch.quantile(share) - exact) <= ERROR_MAX * exact,
          `${sketch.quantile(share)} for ${exact}`,
        )
        assert.equal(sketch.max, Math.max(...values))
        assert.equal(sketch.count, values.length)
      },
    ),
    { numRuns: 500 },
  )
})

test('powers of two and their neighbours fall into the right bucket', () => {
  for (let octave = -9; octave <= 45; octave++) {
    for (const value of [2 ** octave, 2 ** octave * (1 - Number.EPSILON), 2 ** octave * (1 + Number.EPSILON)]) {
      const sketch = new RateSketch()
      sketch.add(value)
      sketch.add(value * 1000)
      assert.ok(Math.abs(sketch.quantile(0.5) / value - 1) <= ERROR_MAX, String(value))
    }
  }
})

test('nothing, zero, negative and absurd values do no harm', () => {
  const sketch = new RateSketch()
  assert.equal(sketch.quantile(0.99), 0)
  for (const value of [0, -1, Number.NaN]) sketch.add(value)
  assert.equal(sketch.count, 0)
  sketch.add(Number.POSITIVE_INFINITY)
  sketch.add(Number.MIN_VALUE)
  assert.equal(sketch.count, 2)
  assert.ok(sketch.quantile(0.5) < 0.01)
})
