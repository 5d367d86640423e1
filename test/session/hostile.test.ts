/** Bytes that are not Kafka's, on either side: the right reason, in words that an operator understands. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import type { CloseReason } from '../../src/session/counters.ts'
import {
  answer,
  bytesOf,
  concat,
  fetch,
  produce,
  produceAnswer,
  rawAnswer,
  rawRequest,
  recordBatch,
  request,
} from '../support/frames.ts'
import { Rig } from '../support/rig.ts'

const TLS_HELLO = Uint8Array.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x6a, 0x1b, 0x2c])
const TLS_ALERT = Uint8Array.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50])
const PADDING = new Uint8Array(20)

function sized(sizeBytes: number, body: Uint8Array = PADDING): Uint8Array {
  const frame = new Uint8Array(4 + body.length)
  new DataView(frame.buffer).setInt32(0, sizeBytes)
  frame.set(body, 4)
  return frame
}

/** A Produce head with a client id that says it is `length` bytes long. */
function clientIdOf(length: number): Uint8Array {
  const frame = rawRequest(0, 9, 1, new Uint8Array(30))
  new DataView(frame.buffer).setInt16(12, length)
  return frame
}

function corrupt(frame: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const copy = frame.slice()
  copy.set(values, at < 0 ? copy.length + at : at)
  return copy
}

type Case = readonly [what: string, bytes: Uint8Array, reason: CloseReason, words: RegExp]

const FIRST: readonly Case[] = [
  ['a TLS hello', TLS_HELLO, 'client_tls', /a client speaks TLS to a plaintext port/],
  [
    'an HTTP request',
    bytesOf('GET / HTTP/1.1\r\nHost: kafka\r\n\r\n'),
    'client_http',
    /an HTTP request came to the Kafka port/,
  ],
  ['an HTTP POST', bytesOf('POST /topics HTTP/1.1\r\n'), 'client_http', /HTTP/],
  ['an HTTP/2 preface', bytesOf('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'client_http', /HTTP/],
  ['SSH', bytesOf('SSH-2.0-OpenSSH_9.9\r\n'), 'client_garbage', /first bytes of a client are no Kafka request/],
  ['zeros', new Uint8Array(64), 'client_garbage', /no Kafka request/],
  [
    'noise',
    Uint8Array.from([0x9f, 0x31, 0xee, 0x02, 0x7c, 0xd4, 0x19, 0xaa, 0x55]),
    'client_garbage',
    /no Kafka request/,
  ],
  ['a size of −1', sized(-1), 'client_garbage', /no Kafka request/],
  ['a size of 0', sized(0), 'client_garbage', /no Kafka request/],
  ['a size of 2 GB', sized(2 ** 31 - 1), 'client_garbage', /no Kafka request/],
  [
    'a request of 200 MB',
    sized(200_000_000, rawRequest(0, 9, 1, PADDING).subarray(4)),
    'client_frame_too_large',
    /200000000 bytes is over the limit of 104857600 \(limits.frameBytesMax\)/,
  ],
  ['a size below that of a header', sized(5), 'client_garbage', /a frame size of 5 cannot be/],
  [
    'an API that Kafka does not have',
    rawRequest(200, 1, 1, PADDING),
    'client_garbage',
    /names an API that Kafka does not have/,
  ],
  ['a version that cannot be', rawRequest(0, 300, 1, PADDING), 'client_garbage', /no Kafka request/],
  [
    'a client id longer than its frame',
    clientIdOf(31_000),
    'client_garbage',
    /a client id does not fit into its request/,
  ],
  ['a client id of a negative length', clientIdOf(-2), 'client_garbage', /a client id does not fit into its request/],
]

describe('the first bytes of a client', () => {
  for (const [what, bytes, reason, words] of FIRST) {
    test(`${what}: ${reason}, however it is cut, and nothing reaches the broker`, () => {
      for (const cut of [bytes.length, 1, 2, 3, 4, 5, 6, 7, 8, 12, 14]) {
        const rig = new Rig()
        for (let at = 0; at < bytes.length && rig.closed === undefined; at += cut) rig.client(bytes.slice(at, at + cut))
        assert.equal(rig.closed?.reason, reason, `in chunks of ${cut}`)
        if (cut === bytes.length) assert.match(rig.closed.detail, words)
        assert.equal(rig.sentToBroker().length, 0)
        assert.equal(rig.session.state, 'closed')
      }
    })
  }

  test('are screened before a broker is dialled: too few to tell, foreign, or Kafka’s', () => {
    const screen = (bytes: Uint8Array): { rig: Rig; done: boolean } => {
      const rig = new Rig()
      return { rig, done: rig.session.screen(bytes, new DataView(bytes.buffer), 0, bytes.length, rig.nowMs) }
    }
    for (const few of [1, 4, 5, 7]) {
      const { rig, done } = screen(produce(200).slice(0, few))
      assert.equal(done, false)
      assert.equal(rig.closed, undefined)
    }
    assert.equal(screen(produce(200).slice(0, 8)).done, false, 'it is not known yet who it is')
    assert.equal(screen(produce(200).slice(0, 40)).done, true)
    assert.equal(screen(sized(100, Uint8Array.from([0x60, 1, 2, 3, 4]))).done, true)
    for (const [what, bytes, reason] of FIRST.slice(0, 10)) {
      const { rig, done } = screen(bytes)
      assert.equal(done, false, what)
      assert.equal(rig.closed?.reason, reason)
    }
  })

  test('a first frame that never ends is waited for, and takes nothing else with it', () => {
    const frame = produce(5000)
    const rig = new Rig().client(frame.slice(0, 4999)).pass(60_000)
    assert.equal(rig.closed, undefined)
    assert.ok(rig.session.clientMidFrame)
    rig.client(frame.slice(4999))
    assert.deepEqual(rig.sentToBroker(), frame)
  })
})

const LATER: readonly Case[] = [
  ['a size of −1', sized(-1), 'client_bad_frame', /a frame size of -1 cannot be/],
  ['a size of 0', sized(0), 'client_bad_frame', /a frame size of 0 cannot be/],
  ['a size of 2 GB', sized(2 ** 31 - 1), 'client_frame_too_large', /2147483647 bytes is over the limit/],
  ['a client id longer than its frame', clientIdOf(31_000), 'client_bad_frame', /a client id does not fit/],
  [
    'a Produce that ends inside a field',
    shortened(produce(400)),
    'client_bad_frame',
    /ends inside a field|longer than its message/,
  ],
  [
    'a Produce without a body',
    sized(11, rawRequest(0, 9, 1, PADDING).subarray(4, 15)),
    'client_bad_frame',
    /ends before its fields do/,
  ],
  [
    'a Produce whose records are longer than it',
    corrupt(produce(400, { version: 3 }), 51, 0x7f),
    'client_bad_frame',
    /longer than its message|more elements/,
  ],
  [
    'a Produce in a version that was not offered',
    rawRequest(API_KEY.Produce, 14, 2, PADDING),
    'client_bad_frame',
    /Produce v14 was not offered to this client/,
  ],
  [
    'a Produce in a version below 0',
    rawRequest(API_KEY.Produce, -1, 2, PADDING),
    'client_bad_frame',
    /Produce v-1 was not offered/,
  ],
  [
    'an ApiVersions that does not parse',
    corrupt(request('ApiVersions', 3, { clientSoftwareName: 'x' }), -5, 0x7f),
    'client_bad_frame',
    /./,
  ],
  [
    'a SaslAuthenticate whose token is null',
    rawRequest(36, 0, 2, Uint8Array.of(255, 255, 255, 255)),
    'client_bad_frame',
    /must not be null/,
  ],
]

/** The same frame with a size that leaves its last 30 bytes out. */
function shortened(frame: Uint8Array): Uint8Array {
  const cut = frame.slice(0, frame.length - 30)
  new DataView(cut.buffer).setInt32(0, cut.length - 4)
  return cut
}

describe('a bad frame in mid-connection', () => {
  for (const [what, bytes, reason, words] of LATER) {
    test(`${what}: ${reason}, in a chunk of its own or behind a good one`, () => {
      for (const chunks of [
        [produce(200), bytes],
        [concat(produce(200), bytes)],
        Array.from(concat(produce(200), bytes), (b) => Uint8Array.of(b)),
      ]) {
        const rig = new Rig()
        for (const chunk of chunks) if (rig.closed === undefined) rig.client(chunk)
        assert.equal(rig.closed?.reason, reason)
        assert.match(rig.closed.detail, words)
      }
    })
  }

  test('a frame as large as is allowed passes, one byte more does not', () => {
    const largest = new Rig({ frameBytesMax: 1000 }).client(produce(1004))
    assert.equal(largest.closed, undefined)
    const over = new Rig({ frameBytesMax: 1000 }).client(produce(1005))
    assert.equal(over.closed?.reason, 'client_frame_too_large')
  })

  test('records that are no record batches are the broker’s business', () => {
    const records = Uint8Array.from({ length: 200 }, (_, i) => (i * 37) & 0xff)
    const frame = request('Produce', 9, { acks: 1, topicData: [{ name: 't', partitionData: [{ records }] }] })
    assert.deepEqual(new Rig().client(frame).sentToBroker(), frame)
  })

  test('an ApiVersions request out of all proportion in a version that nobody knows does no harm', () => {
    const rig = new Rig().client(produce(100)).broker(produceAnswer())
    rig.client(...[rawRequest(18, 40, 2, new Uint8Array(200_000))])
    rig.broker(answer('ApiVersions', 0, { errorCode: 35 }, 2))
    assert.notEqual(rig.closed?.reason, 'internal_error')
  })
})

const asked = (): Rig => new Rig().client(request('Metadata', 9, {}, { correlationId: 7 }))

describe('a broker that is none', () => {
  test('TLS: says so at once, although an alert is shorter than an answer', () => {
    for (const cut of [7, 5, 1]) {
      const rig = asked()
      for (let at = 0; at < TLS_ALERT.length && rig.closed === undefined; at += cut)
        rig.broker(TLS_ALERT.slice(at, at + cut))
      assert.equal(rig.closed?.reason, 'broker_bad_frame')
      assert.match(
        rig.closed.detail,
        /it speaks TLS; configure upstream.tls, or point --upstream at a plaintext listener/,
      )
    }
    assert.match(asked().broker(TLS_HELLO).closed?.detail ?? '', /speaks TLS/)
  })

  test('HTTP: says so', () => {
    const rig = asked().broker(bytesOf('HTTP/1.1 400 Bad Request\r\n\r\n'))
    assert.equal(rig.closed?.reason, 'broker_bad_frame')
    assert.match(rig.closed.detail, /it speaks HTTP; is --upstream a Kafka listener\?/)
  })

  test('an answer with another correlation id: says which came and which was due', () => {
    const rig = asked().broker(answer('Metadata', 9, {}, 8))
    assert.equal(rig.closed?.reason, 'broker_bad_frame')
    assert.match(rig.closed.detail, /the broker answered 8 \(\d+ bytes\) where 7 was due/)
    assert.equal(rig.sentToClient().length, 0)
  })

  test('an answer that nobody asked for', () => {
    for (const rig of [new Rig(), asked().broker(answer('Metadata', 9, {}, 7))]) {
      rig.sentToClient()
      rig.broker(answer('Heartbeat', 3, {}, 8))
      assert.equal(rig.closed?.reason, 'broker_bad_frame')
      assert.match(rig.closed.detail, /the broker sent what nobody asked for/)
      assert.equal(rig.sentToClient().length, 0)
    }
    assert.match(new Rig().broker(bytesOf('HTTP/1.1 408 ')).closed?.detail ?? '', /nobody asked for: it speaks HTTP/)
  })

  test('an answer that ends inside a field, or a size that cannot be', () => {
    const fetched = new Rig().client(fetch()).broker(rawAnswer(1, Uint8Array.of(0, 0, 0, 0, 0)))
    assert.equal(fetched.closed?.reason, 'broker_bad_frame')
    assert.match(fetched.closed.detail, /ends inside a field/)
    for (const size of [-1, 0, 3]) {
      const rig = asked().broker(sized(size, Uint8Array.of(0, 0, 0, 7)))
      assert.equal(rig.closed?.reason, 'broker_bad_frame')
      assert.match(rig.closed.detail, /was due/)
    }
  })

  test('an answer that ends inside its header', () => {
    const rig = asked().broker(sized(4, Uint8Array.of(0, 0, 0, 7)))
    assert.equal(rig.closed?.reason, 'broker_bad_frame')
    assert.match(rig.closed.detail, /ends inside its header/)
  })

  test('records that are no record batches are the client’s business', () => {
    const records = concat(
      recordBatch(2),
      Uint8Array.from({ length: 100 }, (_, i) => (i * 91) & 0xff),
    )
    const sent = answer('Fetch', 11, { responses: [{ topic: 't', partitions: [{ records }] }] })
    const rig = new Rig().client(fetch()).broker(sent)
    assert.deepEqual(rig.sentToClient(), sent)
    assert.equal(rig.counters.fetchedRecords, 2)
  })
})
