/** Who keeps within its quotas is not delayed by those who do not, however many of them are held. (Numbers: test/bench/bystander.ts.) */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetch, fetchAnswer, produce, produceAnswer, readAnswer } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const FLOODERS = 50
const BYTES_PER_SECOND = 100_000
const FLOOD_BYTES = 20_000
/** A quarter of its limit. */
const INNOCENT_BYTES = 500
const STEP_MS = 20
const STEPS = 100

/** Fifty that always have a request waiting, and one that stays within its limits; what it meets, step by step. */
function beside(rules: readonly ReturnType<typeof rule>[], step: (innocent: Rig, correlationId: number) => void): Rig {
  const innocent = new Rig({ rules })
  const flooders = Array.from({ length: FLOODERS }, () => new Rig({ beside: innocent }))
  const sent = flooders.map(() => 0)
  for (let i = 1; i <= STEPS; i++) {
    // Whose turn is dealt out because another one asked has its next request at once.
    do {
      for (const [n, rig] of flooders.entries()) {
        rig.pass(0)
        while (rig.session.clientBlock !== 'held') {
          rig.client(produce(FLOOD_BYTES, { clientId: `flood-${n}`, correlationId: ++sent[n]!, acks: 0 }))
        }
        rig.sentToBroker()
      }
    } while (flooders.some(({ session }) => session.clientBlock !== 'held'))
    step(innocent, i)
    innocent.pass(STEP_MS)
  }
  return innocent
}

/** It goes at once, and its answer tells it of no wait. */
function producesAtOnce(innocent: Rig, correlationId: number): void {
  const frame = produce(INNOCENT_BYTES, { clientId: 'innocent', correlationId })
  innocent.client(frame)
  assert.equal(innocent.session.clientBlock, 'none')
  assert.deepEqual(innocent.sentToBroker(), frame)
  innocent.broker(produceAnswer(correlationId))
  assert.equal(readAnswer('Produce', 9, innocent.sentToClient()).value['throttleTimeMs'], 0)
}

test('a producer within its limit meets nothing while fifty others are held under theirs', () => {
  const { counters } = beside([rule({ produceBytes: BYTES_PER_SECOND })], producesAtOnce)
  assert.ok(counters.quota('q').heldRequests > FLOODERS)
})

test('neither does a consumer', () => {
  beside([rule({ produceBytes: BYTES_PER_SECOND, fetchBytes: BYTES_PER_SECOND })], (innocent, correlationId) => {
    innocent.client(fetch({ clientId: 'innocent', correlationId }))
    assert.equal(innocent.session.clientBlock, 'none')
    assert.ok(innocent.sentToBroker().length > 0)
    innocent.broker(fetchAnswer(INNOCENT_BYTES, { correlationId }))
    assert.equal(readAnswer('Fetch', 11, innocent.sentToClient()).value['throttleTimeMs'], 0)
  })
})

test('one that shares a bucket with them waits for one request of one of them, as long as it wants less than its part', () => {
  // A fifty-first of what there is would be 2 kB a step.
  const share = { by: ['clientId'] as const, weight: 1, priority: 'normal' as const, minimum: 0.1 }
  const shared = rule({ produceBytes: 5_100_000 }, { per: [], share, burst: { seconds: 0.1 } })
  let waitedMs = 0
  beside([shared], (innocent, correlationId) => {
    const frame = produce(INNOCENT_BYTES, { clientId: 'innocent', correlationId })
    innocent.client(frame)
    const fromMs = innocent.nowMs
    while (innocent.session.clientBlock === 'held') innocent.pass(1)
    waitedMs = Math.max(waitedMs, innocent.nowMs - fromMs)
    assert.deepEqual(innocent.sentToBroker(), frame)
    innocent.broker(produceAnswer(correlationId))
    innocent.sentToClient()
  })
  // The one that has had its turn already; whoever of the others may start would end later.
  assert.ok(waitedMs <= 1 + Math.ceil(FLOOD_BYTES / 5_100), `it waited ${waitedMs} ms`)
})
