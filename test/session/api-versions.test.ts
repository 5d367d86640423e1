/** ApiVersions passing by: what the broker offers is lowered to what the codec knows, and who the client is is learnt. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY, API_SCHEMAS, type Struct } from 'kafka-protocol-codec'
import { chunkings } from '../support/chunkings.ts'
import {
  answer,
  bytesOf,
  concat,
  correlationOf,
  cutAt,
  framesOf,
  hello,
  produce,
  produceAnswer,
  rawRequest,
  readAnswer,
  request,
  versionsOf,
} from '../support/frames.ts'
import { Rig } from '../support/rig.ts'

const OFFER = [
  { apiKey: 0, minVersion: 0, maxVersion: 13 },
  { apiKey: 1, minVersion: 4, maxVersion: 99 },
  { apiKey: 3, minVersion: 0, maxVersion: 2 },
  { apiKey: 18, minVersion: 0, maxVersion: 7 },
  { apiKey: 12, minVersion: 50, maxVersion: 60 },
  { apiKey: 999, minVersion: 0, maxVersion: 1 },
]
const LOWERED = [OFFER[0], { ...OFFER[1], maxVersion: 18 }, OFFER[2], { ...OFFER[3], maxVersion: 5 }]
const FEATURES = {
  supportedFeatures: [{ name: 'transaction.version', minVersion: 0, maxVersion: 2 }],
  finalizedFeaturesEpoch: 8n,
  finalizedFeatures: [{ name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 }],
  zkMigrationReady: true,
}
const TOO_NEW = 9

/** An ApiVersions request of a version that nobody knows, as Java would send it. */
function unknownVersion(correlationId: number): Uint8Array {
  return rawRequest(API_KEY.ApiVersions, TOO_NEW, correlationId, bytesOf('\0whatever'))
}

function readMismatch(frame: Uint8Array | undefined, correlationId: number): void {
  const { value, correlationId: got } = readAnswer('ApiVersions', 0, frame ?? new Uint8Array(0))
  assert.equal(got, correlationId)
  assert.equal(value['errorCode'], 35)
  assert.deepEqual(value['apiKeys'], [{ apiKey: 18, minVersion: 0, maxVersion: 5 }])
}

describe('the broker’s offer', () => {
  for (const version of versionsOf('ApiVersions')) {
    test(`v${version}: max is lowered, unknown APIs are dropped, min and features stay, at any cut`, () => {
      const features: Struct = version >= 3 ? FEATURES : {}
      const sent = answer('ApiVersions', version, { apiKeys: OFFER, throttleTimeMs: version > 0 ? 4 : 0, ...features })
      for (const { arrivals } of chunkings(sent.length)) {
        const rig = new Rig().client(request('ApiVersions', version)).broker(...cutAt(sent, arrivals.slice(0, -1)))
        const { value } = readAnswer('ApiVersions', version, rig.sentToClient())
        assert.deepEqual(value, { ...readAnswer('ApiVersions', version, sent).value, apiKeys: LOWERED })
        assert.ok(rig.session.idle)
      }
    })
  }

  test('an offer of exactly what the codec knows is passed byte for byte', () => {
    const apiKeys = API_SCHEMAS.map(({ key, request: { versions } }) => ({
      apiKey: key,
      minVersion: key === 0 ? 0 : versions[0],
      maxVersion: versions[1],
    }))
    const sent = answer('ApiVersions', 4, { apiKeys, ...FEATURES })
    assert.deepEqual(new Rig().client(request('ApiVersions', 4)).broker(sent).sentToClient(), sent)
  })

  test('error 35 comes in the form of v0, whatever was asked', () => {
    const sent = answer('ApiVersions', 0, { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 3 }] })
    for (const version of versionsOf('ApiVersions')) {
      assert.deepEqual(new Rig().client(request('ApiVersions', version)).broker(sent).sentToClient(), sent)
    }
  })

  test('another error keeps the form that was asked for', () => {
    const sent = answer('ApiVersions', 3, { errorCode: 42 })
    assert.deepEqual(new Rig().client(request('ApiVersions', 3)).broker(sent).sentToClient(), sent)
  })

  test('an answer that does not parse, or is out of all proportion, ends the connection with a reason', () => {
    for (const [bytes, words] of [
      [Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 1, 0), /./],
      [Uint8Array.of(0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 127, 255, 255, 255, 0, 0), /./],
      [Uint8Array.of(0, 4, 0, 0, 0, 0, 0, 1, 0), /out of all proportion/],
    ] as const) {
      const rig = new Rig().client(request('ApiVersions', 0)).broker(bytes)
      assert.equal(rig.closed?.reason, 'broker_bad_frame')
      assert.match(rig.closed.detail, words)
    }
  })
})

describe('an ApiVersions request in a version that nobody knows', () => {
  test('gets error 35 in the form of v0 with the versions that we know, and never reaches the broker', () => {
    const rig = new Rig().client(unknownVersion(77))
    assert.equal(rig.sentToBroker().length, 0)
    readMismatch(rig.sentToClient(), 77)
    assert.ok(rig.session.idle)
    assert.equal(rig.session.inFlight, 0)
  })

  test('is followed by one that the broker answers', () => {
    const rig = new Rig().client(unknownVersion(1), hello('apache-kafka-java', { correlationId: 2 }))
    readMismatch(rig.sentToClient(), 1)
    const sent = answer('ApiVersions', 3, { apiKeys: LOWERED as Struct[] }, 2)
    assert.deepEqual(rig.broker(sent).sentToClient(), sent)
  })

  test('waits its turn behind and before others, and they lose nothing, at any cut', () => {
    const asked = [
      produce(300, { correlationId: 1 }),
      unknownVersion(2),
      unknownVersion(3),
      produce(200, { correlationId: 4 }),
      unknownVersion(5),
    ]
    const stream = concat(...asked)
    for (const { name, arrivals } of chunkings(stream.length, 120)) {
      const rig = new Rig().client(...cutAt(stream, arrivals.slice(0, -1)))
      assert.deepEqual(
        rig.sentToBroker(),
        concat(produce(300, { correlationId: 1 }), produce(200, { correlationId: 4 })),
        name,
      )
      assert.equal(rig.sentToClient().length, 0, 'nothing overtakes the first answer')
      const answers = concat(produceAnswer(1), produceAnswer(4))
      rig.broker(
        ...cutAt(answers, name === 'whole' ? [] : [3, 20, produceAnswer(1).length, produceAnswer(1).length + 1]),
      )
      const got = framesOf(rig.sentToClient())
      assert.deepEqual(
        got.map((frame) => correlationOf(frame, 'answer')),
        [1, 2, 3, 4, 5],
      )
      assert.deepEqual(got[0], produceAnswer(1))
      readMismatch(got[1], 2)
      readMismatch(got[4], 5)
      assert.equal(rig.session.inFlight, 0)
    }
  })

  test('does not break into an answer that is on its way', () => {
    const rig = new Rig().client(request('Heartbeat', 3, {}, { correlationId: 1 }))
    const first = answer('Heartbeat', 3, {}, 1)
    rig.broker(first.slice(0, 10)).client(unknownVersion(2))
    const begun = rig.sentToClient()
    assert.ok(begun.length <= 10)
    const got = framesOf(concat(begun, rig.broker(first.slice(10)).sentToClient()))
    assert.deepEqual(got[0], first)
    readMismatch(got[1], 2)
  })
})

describe('the client’s library', () => {
  test('is learnt from v3 on, and its surroundings are told once', () => {
    for (const version of versionsOf('ApiVersions').filter((v) => v >= 3)) {
      const rig = new Rig().client(
        request('ApiVersions', version, { clientSoftwareName: 'sarama', clientSoftwareVersion: '1.2' }),
      )
      assert.equal(rig.session.identity.software, 'sarama')
      assert.equal(rig.session.identity.softwareVersion, '1.2')
      assert.equal(rig.timesIdentified, 1)
      rig.client(produce(100, { correlationId: 2 }))
      assert.equal(rig.timesIdentified, 1)
    }
  })

  test('is not known below v3, nor from a request whose version nobody knows', () => {
    const rig = new Rig().client(request('ApiVersions', 2), unknownVersion(2))
    assert.equal(rig.session.identity.software, '')
    assert.equal(rig.timesIdentified, 0)
  })

  test('may be told in a frame that comes byte by byte', () => {
    const frame = hello('librdkafka')
    const rig = new Rig().client(...Array.from(frame, (byte) => Uint8Array.of(byte)))
    assert.equal(rig.session.identity.software, 'librdkafka')
    assert.deepEqual(rig.sentToBroker(), frame)
  })
})
