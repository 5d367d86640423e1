// The demo's live screen, as a person sees it: whole screens compared.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { Terminal } from '../../src/cli/terminal.ts'
import { createOutput } from '../../src/demo/output.ts'
import { type DemoState, progressHeading, progressLines, renderScreen } from '../../src/demo/screen.ts'

const STATE: DemoState = {
  kafka: 'Kafka (jars)',
  listen: '127.0.0.1:41235',
  metrics: 'http://127.0.0.1:34567/metrics',
  limitBytesPerSecond: 1e6,
  elapsedSeconds: 12.2,
  totalSeconds: 30,
  phase: 'measuring',
  apps: [
    {
      name: 'steady',
      wantsBytesPerSecond: 400_000,
      bytesPerSecond: 407_123,
      throttleMs: 0,
      latencyP50Ms: 3.7,
      latencyP99Ms: 9.2,
      lagRecords: 20,
    },
    {
      name: 'flood',
      wantsBytesPerSecond: undefined,
      bytesPerSecond: 1_001_000,
      throttleMs: 11_240,
      latencyP50Ms: 160,
      latencyP99Ms: 1203,
      lagRecords: 1530,
    },
  ],
  notices: [],
}

/** Nothing measured yet, and the longest that everything can get. */
const EMPTY: DemoState = {
  ...STATE,
  elapsedSeconds: 0,
  phase: 'burst',
  apps: STATE.apps.map((app) => ({
    ...app,
    bytesPerSecond: Number.NaN,
    throttleMs: 0,
    latencyP50Ms: null,
    latencyP99Ms: null,
    lagRecords: 0,
  })),
}
const LONGEST: DemoState = {
  ...STATE,
  totalSeconds: 3600,
  elapsedSeconds: 3600,
  phase: 'burst',
  notices: ['x'.repeat(200), 'b', 'c', 'd'],
  apps: STATE.apps.map((app) => ({
    ...app,
    wantsBytesPerSecond: 123.4e6,
    bytesPerSecond: 123.4e6,
    throttleMs: 59 * 60_000 + 59_000,
    latencyP50Ms: 12_345,
    latencyP99Ms: 12_345,
    lagRecords: 123_456,
  })),
}

describe('the screen', () => {
  test('in the middle of a run', (t) => {
    t.assert.snapshot(renderScreen(STATE, false).split('\n'))
  })

  test('before the first figures', (t) => {
    t.assert.snapshot(renderScreen(EMPTY, false).split('\n'))
  })

  test('with notices of the sluice, newest last', (t) => {
    t.assert.snapshot(renderScreen({ ...STATE, notices: ['one', 'two', 'three', 'four'] }, false).split('\n'))
  })

  test('fits 80 columns, whatever the figures', () => {
    for (const state of [STATE, EMPTY, LONGEST]) {
      for (const line of `${renderScreen(state, false)}\n${progressLines(state)}`.split('\n')) {
        assert.ok(line.length <= 80, `${line.length}: ${line}`)
      }
    }
  })

  test('says the same in colour', () => {
    const coloured = renderScreen(STATE, true)
    assert.notEqual(coloured, renderScreen(STATE, false))
    assert.equal(stripVTControlCharacters(coloured), renderScreen(STATE, false))
  })
})

test('plain lines say the same without a screen', (t) => {
  t.assert.snapshot([progressHeading(), ...progressLines(STATE).split('\n')])
})

describe('output', () => {
  function recording(isTerminal: boolean, columns = 80): { terminal: Terminal; text: () => string } {
    let text = ''
    const terminal: Terminal = {
      out: (more) => {
        text += more
      },
      err: () => {},
      isTerminal,
      colour: false,
      columns: () => columns,
      env: {},
      signals: new EventEmitter(),
    }
    return { terminal, text: () => text }
  }

  test('on a terminal redraws in place: as many lines up as the last screen had', () => {
    const { terminal, text } = recording(true)
    const output = createOutput(terminal, false)
    output.live(STATE)
    output.live(STATE)
    const height = renderScreen(STATE, false).split('\n').length
    assert.equal(text().split(`\x1b[${height}F\x1b[0J`).length, 2)
  })

  test('on a narrow terminal counts the lines that wrapped', () => {
    const { terminal, text } = recording(true, 40)
    const output = createOutput(terminal, false)
    output.live(STATE)
    output.live(STATE)
    const height = renderScreen(STATE, false)
      .split('\n')
      .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 40)), 0)
    assert.ok(text().includes(`\x1b[${height}F\x1b[0J`))
  })

  test('a notice between two screens stays', () => {
    const { terminal, text } = recording(true)
    const output = createOutput(terminal, false)
    output.live(STATE)
    output.notice('stopping …')
    output.live(STATE)
    assert.ok(!text().includes('\x1b'))
    assert.ok(text().includes('\nstopping …\n'))
  })

  test('elsewhere prints a line an application and second, without escapes', () => {
    const { terminal, text } = recording(false)
    const output = createOutput(terminal, false)
    for (const elapsedSeconds of [1.0, 1.5, 2.0, 2.5, 3.1]) output.live({ ...STATE, elapsedSeconds })
    assert.equal(text().trimEnd().split('\n').length, 1 + 3 * STATE.apps.length)
    assert.ok(!text().includes('\x1b'))
  })

  test('as JSON prints one object a second', (t) => {
    const { terminal, text } = recording(true)
    const output = createOutput(terminal, true)
    output.notice('starting')
    output.live(STATE)
    output.live(STATE)
    t.assert.snapshot(
      text()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
  })
})
