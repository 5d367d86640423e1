/** Whatever a client and a broker say to each other comes out on the other side as it went in, however it was cut. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { API_SCHEMAS } from 'kafka-protocol-codec'
import { chunkings } from '../support/chunkings.ts'
import { anyExchange, below, type Exchange, exchange } from '../support/conversation.ts'
import { concat, cutAt } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { type Random, seededRandom } from '../support/vectors.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

interface Streams {
  readonly fromClient: Uint8Array
  readonly fromBroker: Uint8Array
  readonly toClient: Uint8Array
}

function streamsOf(exchanges: readonly Exchange[]): Streams {
  const none = new Uint8Array(0)
  return {
    fromClient: concat(...exchanges.map((each) => each.request)),
    fromBroker: concat(...exchanges.map((each) => each.answer ?? none)),
    toClient: concat(...exchanges.map((each) => each.delivered ?? none)),
  }
}

/** Bytes of answers that a broker can have sent once it has `asked` bytes of requests. */
function answerable(exchanges: readonly Exchange[], asked: number): number {
  let left = asked
  let bytes = 0
  for (const each of exchanges) {
    left -= each.request.length
    if (left < 0) return bytes
    bytes += each.answer?.length ?? 0
  }
  return bytes
}

/** Both sides talk at random, in chunks of random sizes; the broker never answers what it has not got. */
function talk(rig: Rig, exchanges: readonly Exchange[], random: Random, chunkBytesMax: number): void {
  const { fromClient, fromBroker } = streamsOf(exchanges)
  let asked = 0
  let answered = 0
  while (asked < fromClient.length || answered < fromBroker.length) {
    const size = 1 + below(random, chunkBytesMax)
    const due = answerable(exchanges, asked)
    if (asked < fromClient.length && (answered === due || random() < 0.5)) {
      const to = Math.min(fromClient.length, asked + size)
      rig.client(fromClient.slice(asked, to))
      asked = to
    } else {
      const to = Math.min(due, answered + size)
      rig.broker(fromBroker.slice(answered, to))
      answered = to
    }
    rig.pass(below(random, 3))
  }
}

function assertUntouched(rig: Rig, exchanges: readonly Exchange[]): void {
  const { fromClient, toClient } = streamsOf(exchanges)
  assert.equal(rig.closed, undefined)
  assert.equal(hex(rig.sentToBroker()), hex(fromClient))
  assert.equal(hex(rig.sentToClient()), hex(toClient))
  assert.equal(rig.heldBytes, 0)
  assert.equal(rig.brokerLeftBytes, 0)
  assert.ok(rig.session.idle)
}

describe('a session without limits', () => {
  test('passes every API in every version, request and answer, byte for byte', () => {
    const random = seededRandom(1)
    for (const { key, request } of API_SCHEMAS) {
      for (let version = request.versions[0]; version <= request.versions[1]; version++) {
        const exchanges = [exchange(key, version, 5, random), exchange(key, version, 6, random)]
        const { fromClient, fromBroker } = streamsOf(exchanges)
        assertUntouched(doneWith(new Rig().client(fromClient).broker(fromBroker), key, version), exchanges)
      }
    }
  })

  test('passes any sequence of requests and answers, pipelined and cut at random', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom(1, 7, 100, 5000),
        (seed, count, size) => {
          const random = seededRandom(seed)
          const exchanges = Array.from({ length: count }, (_, i) => anyExchange(i, random))
          const rig = new Rig()
          talk(rig, exchanges, random, size)
          assertUntouched(rig, exchanges)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('passes every API whole, byte by byte, and cut in two at any place', () => {
    const random = seededRandom(7)
    for (const { key, request } of API_SCHEMAS) {
      const exchanges = [exchange(key, request.versions[1], 1, random), exchange(key, request.versions[0], 2, random)]
      const { fromClient, fromBroker } = streamsOf(exchanges)
      for (const { arrivals } of chunkings(fromClient.length, 25)) {
        const rig = new Rig().client(...cutAt(fromClient, arrivals.slice(0, -1))).broker(fromBroker)
        assertUntouched(rig, exchanges)
      }
      for (const { arrivals } of chunkings(fromBroker.length, 25)) {
        const rig = new Rig().client(fromClient).broker(...cutAt(fromBroker, arrivals.slice(0, -1)))
        assertUntouched(rig, exchanges)
      }
    }
  })

  test('counts each request and answer once, however they were cut', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(1, 13, 400, 9000), (seed, size) => {
        const random = seededRandom(seed)
        const exchanges = Array.from({ length: 12 }, (_, i) =>
          anyExchange(i, random, ['Produce', 'Fetch', 'ShareFetch', 'Metadata']),
        )
        const cut = new Rig()
        talk(cut, exchanges, random, size)
        const { fromClient, fromBroker } = streamsOf(exchanges)
        const whole = new Rig().client(fromClient).broker(fromBroker)
        for (const name of ['requests', 'requestBytes', 'responseBytes', 'errors', 'brokerThrottleMs'] as const) {
          assert.deepEqual(cut.counters[name], whole.counters[name], name)
        }
        assert.equal(cut.counters.producedRecords, whole.counters.producedRecords)
        assert.equal(cut.counters.fetchedRecords, whole.counters.fetchedRecords)
        assert.deepEqual(cut.session.totals, { ...whole.session.totals })
      }),
      { numRuns: 100 },
    )
  })
})

function doneWith(rig: Rig, key: number, version: number): Rig {
  assert.equal(rig.closed, undefined, `API ${key} v${version}: ${rig.closed?.detail}`)
  return rig
}
