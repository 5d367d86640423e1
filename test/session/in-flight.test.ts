/** The ring of answers that are owed: their order, its bound, and that nothing is kept or released twice. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { API_KEY } from 'kafka-protocol-codec'
import { IN_FLIGHT_MAX } from '../../src/bounds.ts'
import { InFlight } from '../../src/session/in-flight.ts'
import {
  answer,
  bytesOf,
  chunksOf,
  concat,
  correlationOf,
  fetch,
  fetchAnswer,
  framesOf,
  hello,
  produce,
  produceAnswer,
  rawAnswer,
  rawRequest,
  request,
} from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const heartbeat = (correlationId: number): Uint8Array => request('Heartbeat', 3, {}, { correlationId })
const beat = (correlationId: number): Uint8Array => answer('Heartbeat', 3, {}, correlationId)
const ids = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)

describe('the ring', () => {
  test('is first in, first out, through growth and around its end, and a slot that comes back is clean', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -8, max: 20 }), { maxLength: 60 }), (steps) => {
        const ring = new InFlight(100)
        const model: number[] = []
        let id = 0
        for (const step of steps) {
          for (let i = 0; i < step && !ring.full; i++) {
            const slot = ring.push()
            assert.equal(slot.reply, undefined)
            assert.ok(slot.charge.empty)
            assert.equal(slot.saslStep, undefined)
            slot.correlationId = ++id
            slot.reply = new Uint8Array(0)
            slot.saslStep = { mechanism: '', user: 'x' }
            model.push(id)
          }
          for (let i = 0; i > step && model.length > 0; i--) {
            assert.equal(ring.peek()?.correlationId, model.shift())
            ring.shift()
          }
          assert.equal(ring.length, model.length)
          assert.equal(ring.full, model.length >= 100)
          assert.equal(ring.peek()?.correlationId, model[0])
        }
      }),
    )
  })
})

describe('requests under way', () => {
  test('acks=0 has no answer: the next answer is that of the next request', () => {
    for (const version of [3, 8, 9, 13]) {
      const silent = produce(300, { version, acks: 0, correlationId: 1 })
      const rig = new Rig().client(concat(silent, silent, heartbeat(2)))
      assert.equal(rig.session.inFlight, 1)
      rig.broker(beat(2))
      assert.deepEqual(rig.sentToClient(), beat(2))
    }
  })

  test('acks are found behind a transactional id of any length', () => {
    for (const transactionalId of [null, '', 'tx', 'x'.repeat(300)]) {
      for (const acks of [0, 1, -1]) {
        const rig = new Rig().client(request('Produce', 9, { transactionalId, acks }))
        assert.equal(rig.session.inFlight, acks === 0 ? 0 : 1)
      }
    }
  })

  test('an API that nobody knows passes after the first frame, and so does its answer, at any cut', () => {
    const unknown = rawRequest(123, 4, 2, bytesOf('whatever it is'))
    const reply = rawAnswer(2, bytesOf('neither do we know this'))
    for (const pieceBytes of [1, 5, 1000]) {
      const rig = new Rig()
        .client(heartbeat(1))
        .client(...chunksOf(unknown, pieceBytes))
        .client(heartbeat(3))
      rig
        .broker(beat(1))
        .broker(...chunksOf(reply, pieceBytes))
        .broker(beat(3))
      assert.deepEqual(rig.sentToBroker(), concat(heartbeat(1), unknown, heartbeat(3)))
      assert.deepEqual(rig.sentToClient(), concat(beat(1), reply, beat(3)))
      assert.ok(rig.session.idle)
    }
  })

  test('so does a version that nobody knows', () => {
    const unknown = rawRequest(API_KEY.Heartbeat, 44, 2, bytesOf('new fields'))
    const rig = new Rig().client(unknown).broker(rawAnswer(2, bytesOf('new answer')))
    assert.deepEqual(rig.sentToBroker(), unknown)
    assert.deepEqual(rig.sentToClient(), rawAnswer(2, bytesOf('new answer')))
  })

  test('no more than IN_FLIGHT_MAX are let through; the rest waits untaken and goes one for each answer', () => {
    const all = ids(1, IN_FLIGHT_MAX + 50)
    const rig = new Rig().client(concat(...all.map(heartbeat)))
    assert.equal(rig.session.inFlight, IN_FLIGHT_MAX)
    assert.equal(rig.session.clientBlock, 'window_full')
    assert.equal(rig.heldBytes, 50 * heartbeat(1).length)
    rig.broker(beat(1))
    assert.equal(rig.heldBytes, 49 * heartbeat(1).length)
    rig.broker(...all.slice(1).map(beat))
    assert.equal(rig.session.clientBlock, 'none')
    assert.deepEqual(
      framesOf(rig.sentToBroker()).map((frame) => correlationOf(frame, 'request')),
      all,
    )
    assert.deepEqual(
      framesOf(rig.sentToClient()).map((frame) => correlationOf(frame, 'answer')),
      all,
    )
    assert.ok(rig.session.idle)
  })

  test('answers of our own count in the window, and leave it', () => {
    const ours = (id: number): Uint8Array => rawRequest(API_KEY.ApiVersions, 99, id, new Uint8Array(4))
    const all = ids(2, IN_FLIGHT_MAX + 30)
    const rig = new Rig().client(heartbeat(1), concat(...all.map(ours)))
    assert.equal(rig.session.clientBlock, 'window_full')
    assert.equal(rig.sentToClient().length, 0)
    rig.broker(beat(1))
    assert.deepEqual(
      framesOf(rig.sentToClient()).map((frame) => correlationOf(frame, 'answer')),
      [1, ...all],
    )
    assert.equal(rig.session.inFlight, 0)
    rig.client(...ids(1, 3000).map(ours))
    assert.equal(framesOf(rig.sentToClient()).length, 3000)
    assert.equal(rig.session.inFlight, 0)
  })
})

/** What a random life has done so far. */
class Life {
  readonly rig: Rig
  id = 0
  clientId = 'a'
  readonly #due: Uint8Array[] = []
  #cutOff = false

  constructor(rig: Rig) {
    this.rig = rig
  }

  get isOver(): boolean {
    return this.rig.closed !== undefined || this.#cutOff
  }

  get caller(): { correlationId: number; clientId: string } {
    return { correlationId: this.id, clientId: this.clientId }
  }

  ask(frame: Uint8Array, reply?: Uint8Array): void {
    this.rig.client(frame)
    if (reply !== undefined) this.#due.push(reply)
  }

  /** The client stops in the middle of a request. */
  askHalf(frame: Uint8Array): void {
    this.#cutOff = true
    this.rig.client(frame.slice(0, frame.length - 3))
  }

  /** The broker answers, or stops in the middle of it. */
  answer(bytes?: number): void {
    const [reply] = this.#due
    if (reply === undefined || this.rig.session.inFlight === 0) return
    this.rig.broker(reply.slice(0, bytes))
    this.#due.shift()
    this.#cutOff = bytes !== undefined
  }
}

const STEPS: Readonly<Record<string, (life: Life) => void>> = {
  produce: (life) => life.ask(produce(5000, life.caller), produceAnswer(life.id)),
  silent: (life) => life.ask(produce(500, { ...life.caller, acks: 0 })),
  fetch: (life) => life.ask(fetch(life.caller), fetchAnswer(9000, { correlationId: life.id })),
  lookup: (life) => life.ask(request('ListGroups', 3, {}, life.caller), answer('ListGroups', 3, {}, life.id)),
  metadata: (life) => life.ask(request('Metadata', 9, {}, life.caller), answer('Metadata', 9, {}, life.id)),
  join: (life) => life.ask(request('JoinGroup', 7, {}, life.caller), answer('JoinGroup', 7, {}, life.id)),
  hello: (life) => life.ask(hello('sarama', life.caller), answer('ApiVersions', 3, {}, life.id)),
  unknownVersion: (life) => life.ask(rawRequest(API_KEY.ApiVersions, 50, life.id, new Uint8Array(3))),
  halfProduce: (life) => life.askHalf(produce(3000, life.caller)),
  halfFetch: (life) => life.askHalf(fetch(life.caller)),
  answer: (life) => life.answer(),
  nextAnswer: (life) => life.answer(),
  halfAnswer: (life) => life.answer(20),
  wait: ({ rig }) => void rig.pass(2000),
  otherClient: (life) => {
    life.clientId = `client-${life.id % 3}`
  },
  policy: ({ rig, id }) => void rig.policy([rule({ produceBytes: 1e5 + id }, { name: 'all' })]),
  garbage: ({ rig }) => void rig.client(Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
  drain: ({ rig }) => {
    rig.session.drain()
    rig.client(new Uint8Array(0))
  },
}

describe('buckets that requests were charged to', () => {
  const options = { burst: { seconds: 0.2 }, per: ['clientId', 'api'] } as const
  const rules = [rule({ produceBytes: 1e6, fetchBytes: 1e6, requests: 1000 }, options)]
  const slowRules = [rule({ produceBytes: 2000, fetchBytes: 2000, requests: 2 }, options)]

  /** Every bucket can be forgotten once it has refilled: nobody holds it any more. */
  function assertNobodyHolds(rig: Rig): void {
    const later = rig.nowMs + 1e9
    rig.context.buckets.sweep(later, 10_000)
    assert.equal(rig.context.buckets.size, 0)
  }

  const anyStep = fc.constantFrom(...Object.keys(STEPS))

  test('are let go exactly once, whatever happened and wherever it ended', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 40 }), fc.boolean(), (steps, isSlow) => {
        const rig = new Rig({ rules: isSlow ? slowRules : rules })
        const life = new Life(rig)
        for (const step of steps) {
          life.id++
          if (!life.isOver) STEPS[step]?.(life)
        }
        if (rig.closed === undefined) rig.session.closed(rig.nowMs)
        rig.session.closed(rig.nowMs)
        assertNobodyHolds(rig)
      }),
      { numRuns: 400 },
    )
  })

  test('are let go while the connection lives on, once answers have come and the client id has changed', () => {
    const rig = new Rig({ rules })
    for (let i = 0; i < 50; i++) {
      rig
        .client(produce(200, { correlationId: i, clientId: `client-${i}` }))
        .broker(produceAnswer(i))
        .pass(1000)
    }
    rig.context.buckets.sweep(rig.nowMs + 1e9, 10_000)
    assert.equal(rig.context.buckets.size, 2, 'those of the present client id: bytes and requests')
  })
})
