// The list of events: what is written down of each is true, and docs/logs.md says the same.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { CLOSE_REASONS } from '../../src/session/counters.ts'
import { CATALOGUE } from '../../src/telemetry/catalogue/index.ts'
import { ENDING_EVENTS } from '../../src/telemetry/events/connection-events.ts'
import { EVENTS, eventOf, isEvent } from '../../src/telemetry/events/events.ts'
import { FIELDS } from '../../src/telemetry/events/fields.ts'
import { renderLogsPage } from '../../src/telemetry/events/logs-page.ts'
import type { Logger } from '../../src/telemetry/logger.ts'
import { cli, failing } from '../support/cli.ts'

const NAMES = Object.keys(EVENTS).filter(isEvent)
const named = (field: string): string => field.replace(/\?$/u, '')

describe('the list of events', () => {
  test('has names in one form, and of each what it means and, of faults, what to do', () => {
    for (const name of NAMES) {
      const { level, meaning, action } = eventOf(name)
      assert.match(name, /^[a-z]+(?:_[a-z]+)*$/)
      assert.match(meaning, /\.$/, name)
      if (action !== undefined) assert.match(action, /\.$/, name)
      if (level === 'error' || level === 'fatal') assert.notEqual(action, undefined, name)
    }
  })

  test('has no field that no event has, and every label of a metric is a field of its event', () => {
    const used = new Set(NAMES.flatMap((name) => eventOf(name).fields.map(named)))
    assert.deepEqual(
      Object.keys(FIELDS).filter((field) => !used.has(field)),
      [],
    )
    for (const name of NAMES) {
      const { fields, metric } = eventOf(name)
      for (const label of metric?.labels ?? []) assert.ok((fields as readonly string[]).includes(label), name)
    }
  })

  test('names metrics that there are, with labels that they have', () => {
    for (const name of NAMES) {
      const { metric } = eventOf(name)
      if (metric === undefined) continue
      const { labels } = CATALOGUE[metric.name] ?? assert.fail(`${name}: there is no ${metric.name}`)
      const named = [...(metric.labels ?? []), ...Object.keys(metric.fixed ?? {})]
      for (const label of named) assert.ok(labels.includes(label), `${name}: ${metric.name} has no ${label}`)
    }
  })

  test('names ends of connections as their reasons', () => {
    const reasons: readonly string[] = CLOSE_REASONS
    assert.deepEqual(
      Object.keys(ENDING_EVENTS).filter((name) => !reasons.includes(name)),
      [],
    )
  })

  test('is all that compiles', () => {
    const wrong = (logger: Logger): void => {
      // @ts-expect-error there is no such event
      logger.log('no_such_event', {}, '')
      // @ts-expect-error it has another field
      logger.log('drained', { took: 1 }, '')
      // @ts-expect-error a number
      logger.log('drained', { tookMs: '1' }, '')
      // @ts-expect-error it has more fields
      logger.log('second_signal', {}, '')
    }
    assert.equal(wrong.length, 1)
  })
})

test('docs/logs.md is what the list says (npm run docs:logs)', () => {
  assert.equal(readFileSync(new URL('../../docs/logs.md', import.meta.url), 'utf8'), renderLogsPage())
})

describe('kafka-sluice events', () => {
  test('tells of one event what it means, what to do, and what counts it', async () => {
    const { exitCode, out } = await cli(['events', 'mutation_refused'])
    assert.equal(exitCode, 0)
    assert.match(
      out,
      /^mutation_refused \(warn, audit\)\n {2}means .*\n {2}do .*\n {2}metric {2}sluice_throttled_requests_total\{quota, action="refused"\}\n/,
    )
  })

  test('tells of all, in a terminal, as a page and as JSON', async () => {
    const { out } = await cli(['events'])
    for (const name of NAMES) assert.ok(out.includes(`${name} (`), name)
    assert.equal((await cli(['events', '--markdown'])).out, renderLogsPage())
    assert.deepEqual(JSON.parse((await cli(['events', '--json'])).out), EVENTS)
  })

  test('of an event that is none says which was meant', async () => {
    assert.match(
      await failing(['events', 'floor_exceded'], 2),
      /there is no event floor_exceded; did you mean floor_exceeded\?/,
    )
  })
})
