/** The upper bound of a request's age: it must never be younger than the truth allows, or holds add up to time-outs. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { KERNEL_QUEUE_BYTES, READ_BUFFER_BYTES } from '../../src/bounds.ts'
import { FrameAge } from '../../src/session/frame-age.ts'
import { concat, hello, helloAnswer, produce, produceAnswer } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

describe('the age of the next request', () => {
  test('at first everything may be as old as the connection', () => {
    const age = new FrameAge(50)
    assert.equal(age.sentNoEarlierThanMs(5), 50)
    assert.equal(age.sentNoEarlierThanMs(0), 50)
  })

  test('once everything was read and forwarded, what comes is fresh', () => {
    const age = new FrameAge(0)
    age.caughtUp(700)
    assert.equal(age.sentNoEarlierThanMs(5), 700)
    assert.equal(age.sentNoEarlierThanMs(0), 700)
    age.caughtUp(300)
    assert.equal(age.sentNoEarlierThanMs(0), 700, 'what was fresh stays so')
  })

  test('with a window of p, request n was written after the answer to request n − p', () => {
    const age = new FrameAge(0)
    for (let n = 0; n < 20; n++) {
      age.requestForwarded()
      age.answerDelivered(100 * (n + 1))
    }
    for (let p = 1; p <= 8; p++) assert.equal(age.sentNoEarlierThanMs(p), 100 * (20 - p + 1), `p ${p}`)
    age.requestForwarded()
    assert.equal(age.sentNoEarlierThanMs(5), 1700, 'one of the five is under way')
  })

  test('a window wider than what is remembered, or overrun by the client, tells nothing', () => {
    const age = new FrameAge(3)
    for (let n = 0; n < 9; n++) age.requestForwarded()
    age.answerDelivered(100)
    assert.equal(age.sentNoEarlierThanMs(5), 3, 'nine under way with a window of five')
    for (let n = 1; n < 9; n++) age.answerDelivered(100 * (n + 1))
    assert.equal(age.sentNoEarlierThanMs(100), 200, 'taken as 8: rather too young a bound for one that keeps more')
  })

  test('without a window, it was written after all but the kernel’s and our buffers before it had gone', () => {
    const queueBytes = KERNEL_QUEUE_BYTES + READ_BUFFER_BYTES
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 80 }), (sizes) => {
        const age = new FrameAge(0)
        let position = 0
        const gone = [{ position: 0, atMs: 0 }]
        sizes.forEach((bytes, i) => {
          position += bytes
          age.bytesForwarded(bytes, i + 1)
          gone.push({ position, atMs: i + 1 })
          // The next byte entered the queue no earlier than when everything up to `position − queueBytes` had left it.
          const truth = gone.find((each) => each.position >= position - queueBytes)?.atMs ?? 0
          assert.ok(age.sentNoEarlierThanMs(0) <= truth)
        })
      }),
    )
  })
})

/** A client that keeps `window` requests under way, behind a kernel that shows one frame at a time. */
function flood(
  software: string,
  window: number,
  frames: readonly number[],
  bytesPerSecond: number,
  brokerMs: number,
): number {
  const rig = new Rig({ rules: [rule({ produceBytes: bytesPerSecond })] })
  rig.client(hello(software, { correlationId: 0 })).broker(helloAnswer(0))
  rig.sentToBroker()
  const writtenAtMs: number[] = []
  let oldestMs = 0
  let forwarded = 0
  let answered = 0
  const answerAtMs: number[] = []
  const noteForwarded = (): boolean => {
    if (rig.sentToBroker().length === 0) return false
    oldestMs = Math.max(oldestMs, rig.nowMs - writtenAtMs[forwarded]!)
    answerAtMs.push(Math.max(answerAtMs.at(-1) ?? 0, rig.nowMs + brokerMs))
    forwarded++
    return true
  }
  while (answered < frames.length) {
    while (writtenAtMs.length < frames.length && writtenAtMs.length < answered + window) writtenAtMs.push(rig.nowMs)
    if (forwarded < writtenAtMs.length && rig.heldBytes === 0) {
      rig.clientBacklog(produce(frames[forwarded]!, { correlationId: forwarded + 1 }))
    }
    if (noteForwarded()) continue
    const nextMs = Math.min(
      answerAtMs[answered] ?? Number.POSITIVE_INFINITY,
      rig.session.clientBlock === 'held' ? rig.session.wakeAtMs : Number.POSITIVE_INFINITY,
    )
    assert.ok(nextMs < Number.POSITIVE_INFINITY, 'nothing is left to wait for')
    rig.pass(nextMs - rig.nowMs)
    noteForwarded()
    if (answerAtMs[answered] !== undefined && answerAtMs[answered]! <= rig.nowMs) rig.broker(produceAnswer(++answered))
  }
  return oldestMs
}

describe('holds of a client with a window', () => {
  test('five pipelined requests of 1 MB at 100 kB/s are none of them held longer than H in total', () => {
    const rig = new Rig({ rules: [rule({ produceBytes: 100_000 })] })
      .client(hello('apache-kafka-java'))
      .broker(helloAnswer())
    rig.sentToBroker()
    rig.client(concat(...Array.from({ length: 5 }, (_, i) => produce(1_000_000, { correlationId: i }))))
    assert.equal(rig.sentToBroker().length, 1_000_000)
    rig.pass(7999)
    assert.equal(rig.sentToBroker().length, 0)
    rig.pass(1)
    assert.equal(rig.sentToBroker().length, 4_000_000, 'all were written at once, so all are of the same age')
    assert.equal(rig.counters.quota('q').floorExceeded, 4)
  })

  test('never add up to more than H, whatever is in the kernel, for any frames, rates and brokers', () => {
    const anyFrames = fc.array(fc.integer({ min: 200, max: 60_000 }), { minLength: 1, maxLength: 40 })
    for (const [software, windowMax, holdMs] of [
      ['apache-kafka-java', 5, 8000],
      ['kgo', 4, 5000],
      ['sarama', 5, 3000],
    ] as const) {
      fc.assert(
        fc.property(
          anyFrames,
          fc.integer({ min: 1, max: windowMax }),
          fc.integer({ min: 500, max: 100_000 }),
          fc.constantFrom(0, 3, 900),
          (frames, window, rate, brokerMs) => {
            assert.ok(flood(software, window, frames, rate, brokerMs) <= holdMs + 1e-6)
          },
        ),
        { numRuns: 40 },
      )
    }
  })
})
