// The demo's end: the table as a person sees it, and a verdict that no broken promise slips through.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'
import { createOutput } from '../../src/demo/output.ts'
import { type AppResult, type DemoResult, renderReport, verdict } from '../../src/demo/report.ts'

const WHOLE = { lost: 0, doubled: 0, reordered: 0, damaged: 0 }
const STEADY: AppResult = {
  name: 'steady',
  wantsBytesPerSecond: 400_000,
  bytesPerSecond: 407_000,
  payloadBytesPerSecond: 399_800,
  throttleMs: 0,
  latencyP50Ms: 3.7,
  latencyP99Ms: 9.2,
  producedRecords: 12_000,
  consumedRecords: 12_000,
  check: WHOLE,
  errors: 0,
}
const FLOOD: AppResult = {
  ...STEADY,
  name: 'flood',
  wantsBytesPerSecond: undefined,
  bytesPerSecond: 1_000_900,
  payloadBytesPerSecond: 985_000,
  throttleMs: 27_300,
  latencyP50Ms: 160,
  latencyP99Ms: 203,
  producedRecords: 29_870,
  consumedRecords: 29_870,
}
const GOOD: DemoResult = {
  kafka: 'Kafka (jars)',
  upstream: undefined,
  limitBytesPerSecond: 1e6,
  limitText: '1MB/s',
  windowSeconds: 25,
  steady: STEADY,
  flood: FLOOD,
}

/** Names of the promises that a result breaks. */
function broken(change: { steady?: Partial<AppResult>; flood?: Partial<AppResult> }): string[] {
  const result = { ...GOOD, steady: { ...STEADY, ...change.steady }, flood: { ...FLOOD, ...change.flood } }
  return verdict(result).flatMap(({ ok, name }) => (ok ? [] : [name]))
}

describe('the verdict', () => {
  test('is good when every promise is kept', () => {
    assert.deepEqual(broken({}), [])
  })

  const BROKEN: readonly (readonly [title: string, change: Parameters<typeof broken>[0], promise: string])[] = [
    ['a limit that leaks', { flood: { bytesPerSecond: 1_021_000 } }, 'limit'],
    ['a flood that gets less than it is owed', { flood: { bytesPerSecond: 940_000 } }, 'limit'],
    ['a flood that was never throttled', { flood: { throttleMs: 0 } }, 'limit'],
    ['no figure at all', { flood: { bytesPerSecond: Number.NaN } }, 'limit'],
    ['records that did not arrive', { flood: { consumedRecords: 29_869 } }, 'nothing-lost'],
    ['records that nobody produced', { steady: { consumedRecords: 12_001 } }, 'nothing-lost'],
    ['a gap', { steady: { check: { ...WHOLE, lost: 1 } } }, 'nothing-lost'],
    ['a double', { steady: { check: { ...WHOLE, doubled: 1 } } }, 'nothing-lost'],
    ['a wrong order', { steady: { check: { ...WHOLE, reordered: 1 } } }, 'nothing-lost'],
    ['a changed record', { steady: { check: { ...WHOLE, damaged: 1 } } }, 'nothing-lost'],
    ['an error at a client', { flood: { errors: 1 } }, 'nothing-lost'],
    ['a steady client that was slowed', { steady: { payloadBytesPerSecond: 370_000 } }, 'others-undisturbed'],
    ['a steady client that was throttled', { steady: { throttleMs: 1 } }, 'others-undisturbed'],
  ]
  for (const [title, change, promise] of BROKEN) {
    test(`is bad for ${title}`, () => assert.deepEqual(broken(change), [promise]))
  }

  test('is bad when nothing was produced', () => {
    const nothing = { producedRecords: 0, consumedRecords: 0 }
    assert.deepEqual(broken({ steady: nothing, flood: nothing }), ['nothing-lost'])
  })
})

describe('the report', () => {
  test('of a good run', (t) => {
    t.assert.snapshot(renderReport(GOOD, false).split('\n'))
  })

  test("of a bad run, with a Kafka of the user's own", (t) => {
    const bad: DemoResult = {
      ...GOOD,
      upstream: 'kafka:9092',
      steady: { ...STEADY, payloadBytesPerSecond: 200_000, throttleMs: 8_000 },
      flood: {
        ...FLOOD,
        bytesPerSecond: 2e6,
        consumedRecords: 29_000,
        check: { ...WHOLE, lost: 870 },
        latencyP50Ms: null,
      },
    }
    t.assert.snapshot(renderReport(bad, false).split('\n'))
  })

  test('fits 80 columns', () => {
    const long: DemoResult = { ...GOOD, limitBytesPerSecond: 123.4e6, limitText: '123.4MB/s', windowSeconds: 3599 }
    const loud: AppResult = { ...FLOOD, producedRecords: 123_456_789, consumedRecords: 123_456_789 }
    for (const line of renderReport(
      { ...long, flood: loud, steady: { ...STEADY, throttleMs: 3_599_000 } },
      false,
    ).split('\n')) {
      assert.ok(line.length <= 80, `${line.length}: ${line}`)
    }
  })

  test('as JSON carries verdict and figures', () => {
    let text = ''
    const out = (more: string): void => {
      text += more
    }
    const terminal = {
      out,
      err: out,
      isTerminal: false,
      colour: false,
      columns: () => 80,
      env: {},
      signals: new EventEmitter(),
    }
    createOutput(terminal, true).report(GOOD)
    const report = JSON.parse(text)
    assert.equal(report.t, 'report')
    assert.equal(report.ok, true)
    assert.equal(report.checks.length, 3)
    assert.equal(report.flood.bytesPerSecond, 1_000_900)
  })
})
