/** The generic codec: values, defaults, tagged fields, errors, whole frames, and bytes that nobody should send. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  API_KEY,
  decode,
  decodeExactly,
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encode,
  encodeRequest,
  encodeResponse,
  inRange,
  type MessageSchema,
  ProtocolError,
  type ProtocolErrorReason,
  type Struct,
  structsOf,
  ZERO_UUID,
} from 'kafka-protocol-codec'
import {
  ALL_MESSAGES,
  forEachVersion,
  messageSchema,
  randomValue,
  readVectors,
  seededRandom,
} from '../support/vectors.ts'

function refused(reason: ProtocolErrorReason, text = ''): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.reason === reason && error.message.includes(text)
}

/** A message of our own for types that no client-facing one has in every combination. */
const ODD: MessageSchema = {
  name: 'OddRequest',
  apiKey: 999,
  kind: 'request',
  versions: [0, 2],
  flexible: [1, 2],
  fields: [
    { name: 'small', type: 'uint16', versions: [0, 2] },
    { name: 'big', type: 'uint32', versions: [0, 2] },
    { name: 'ratio', type: 'float64', versions: [0, 2] },
    { name: 'blob', type: 'bytes', versions: [0, 2], nullable: [0, 2], default: null },
    { name: 'ids', type: 'uuid', array: true, versions: [0, 2], nullable: [0, 2], default: null },
    { name: 'far', type: 'int64', versions: [2, 2], default: '9223372036854775807' },
    {
      name: 'inner',
      type: 'struct',
      versions: [0, 2],
      nullable: [1, 2],
      default: null,
      fields: [{ name: 'flag', type: 'bool', versions: [0, 2], default: true }],
    },
    {
      name: 'late',
      type: 'struct',
      versions: [1, 2],
      tagged: [1, 2],
      tag: 3,
      nullable: [2, 2],
      fields: [
        { name: 'count', type: 'int32', versions: [1, 2], default: -1 },
        { name: 'extra', type: 'string', versions: [2, 2], tagged: [2, 2], tag: 0 },
      ],
    },
    { name: 'moved', type: 'int8', versions: [0, 1], tagged: [1, 1], tag: 1, default: 5 },
    { name: 'moved', type: 'string', versions: [2, 2], tagged: [2, 2], tag: 1, default: 'five' },
  ],
}

describe('decode and encode', () => {
  test('fill what a version lacks with the defaults of Kafka', () => {
    const value = decodeExactly(ODD, 0, encode(ODD, 0, { inner: {} }))
    assert.deepEqual(value, {
      small: 0,
      big: 0,
      ratio: 0,
      blob: null,
      ids: null,
      far: 9223372036854775807n,
      inner: { flag: true },
      late: { count: -1, extra: '' },
      moved: 5,
    })
  })

  test('carry unsigned, floating, nullable and UUID values in every version', () => {
    for (const version of [0, 1, 2]) {
      const value: Struct = {
        small: 65535,
        big: 4294967295,
        ratio: -0.25,
        blob: Uint8Array.of(1, 2),
        ids: [ZERO_UUID, 'AAECAwQFBgcICQoLDA0ODw'],
        inner: { flag: false },
      }
      const again = decodeExactly(ODD, version, encode(ODD, version, value))
      assert.deepEqual({ ...again, ...value, blob: [1, 2] }, { ...again, blob: [...(again['blob'] as Uint8Array)] })
    }
  })

  test('mark a nullable struct with one byte', () => {
    const prefix = '0000000000000000000000000000' // small, big, ratio
    assert.equal(Buffer.from(encode(ODD, 1, {})).toString('hex'), `${prefix}0000ff00`)
    assert.equal(Buffer.from(encode(ODD, 1, { inner: {} })).toString('hex'), `${prefix}000001010000`)
    assert.equal(decodeExactly(ODD, 1, Buffer.from(`${prefix}0000ff00`, 'hex'))['inner'], null)
  })

  test('leave out tagged fields that equal their default, and only those', () => {
    const plain = encode(ODD, 2, {}).length
    assert.equal(encode(ODD, 2, { late: { count: -1 }, moved: 'five' }).length, plain)
    for (const value of [{ late: { count: 0 } }, { late: { extra: 'x' } }, { late: null }, { moved: '' }]) {
      const again = decodeExactly(ODD, 2, encode(ODD, 2, value))
      const [name = '', expected] = Object.entries(value)[0] ?? []
      assert.deepEqual(
        again[name],
        expected === null ? null : typeof expected === 'string' ? expected : { count: -1, extra: '', ...expected },
      )
    }
  })

  test('keep unknown tags, in order, beside the known ones', () => {
    const unknownTags = [
      { tag: 2, bytes: Uint8Array.of(7) },
      { tag: 900, bytes: new Uint8Array(0) },
    ]
    const bytes = encode(ODD, 2, { late: { count: 1 }, unknownTags })
    const again = decodeExactly(ODD, 2, bytes)
    assert.deepEqual(
      structsOf(again['unknownTags']).map(({ tag }) => tag),
      [2, 900],
    )
    assert.deepEqual(encode(ODD, 2, again), bytes)
    // A struct that holds only an unknown tag is not its default.
    const inside = { late: { count: -1, unknownTags: [{ tag: 9, bytes: Uint8Array.of(1) }] } }
    assert.equal(structsOf((decodeExactly(ODD, 2, encode(ODD, 2, inside))['late'] as Struct)['unknownTags']).length, 1)
  })

  test('take a safe integer for an int64', () => {
    assert.equal(decodeExactly(ODD, 2, encode(ODD, 2, { far: 5 }))['far'], 5n)
  })

  for (const [what, value, text] of [
    ['a name that does not exist', { smal: 1 }, 'smal does not exist'],
    ['an integer out of range', { small: 65536 }, 'small is 65536'],
    ['a fraction for an integer', { small: 1.5 }, 'no integer'],
    ['text for a number', { ratio: '1' }, 'no number'],
    ['an int64 out of range', { far: 2n ** 63n }, 'no 64-bit'],
    ['an unsafe number for an int64', { far: 2 ** 60 }, 'no 64-bit'],
    ['null where there is none', { small: null }, 'must not be null'],
    ['null among elements', { ids: [null] }, 'must not hold null'],
    ['a scalar for an array', { ids: 'x' }, 'no array'],
    ['a malformed UUID', { ids: ['AAAAAAAAAAAAAAAAAAAAAB'] }, 'no UUID'],
    ['text for bytes', { blob: 'x' }, 'no byte string'],
    ['a number for a struct', { inner: 1 }, 'no object'],
    ['a number for a bool', { inner: { flag: 1 } }, 'inner.flag is no boolean'],
    ['a number for a string', { moved: 1 }, 'no string'],
    ['a string over 32767 bytes', { moved: 'ü'.repeat(16384) }, '32768 bytes long'],
    ['unknown tags that are no array', { unknownTags: 1 }, 'no array'],
    ['malformed unknown tags', { unknownTags: [{ tag: 'x' }] }, 'malformed'],
    ['a negative unknown tag', { unknownTags: [{ tag: -1, bytes: new Uint8Array(0) }] }, 'not in 0'],
    [
      'an unknown tag that is known',
      { moved: '', unknownTags: [{ tag: 1, bytes: new Uint8Array(0) }] },
      'unknown tags',
    ],
  ] as readonly (readonly [string, Struct, string])[]) {
    test(`refuse to encode ${what}`, () => {
      assert.throws(() => encode(ODD, 2, value), refused('bad_value', text))
    })
  }

  test('refuse to decode null where there is none', () => {
    const request = messageSchema('MetadataRequest')
    assert.equal(decodeExactly(request, 1, Buffer.from('ffffffff', 'hex'))['topics'], null)
    assert.throws(() => decode(request, 0, Buffer.from('ffffffff', 'hex')), refused('bad_value', 'topics'))
  })

  test('refuse a tagged field whose size is not that of its value, or more than remains', () => {
    const bytes = Buffer.from(encode(ODD, 1, { moved: 6 }))
    bytes[bytes.length - 2] = 0
    assert.throws(() => decode(ODD, 1, bytes), refused('bad_length'))
    bytes[bytes.length - 2] = 9
    assert.throws(() => decode(ODD, 1, bytes), refused('bad_length'))
  })

  test('refuse unknown versions', () => {
    for (const version of [-1, 3, 0.5, Number.NaN]) {
      assert.throws(() => decode(ODD, version, new Uint8Array(100)), refused('unknown_version'))
      assert.throws(() => encode(ODD, version, {}), refused('unknown_version'))
    }
  })

  test('agree with each other on random values of every message and version', () => {
    const random = seededRandom(7)
    forEachVersion((schema, version) => {
      for (let round = 0; round < 3; round++) {
        const bytes = encode(schema, version, randomValue(schema, version, random))
        assert.deepEqual(
          encode(schema, version, decodeExactly(schema, version, bytes)),
          bytes,
          `${schema.name} v${version}`,
        )
      }
    })
  })
})

describe('whole frames', () => {
  test('a request carries size, header and body', () => {
    const header = { apiKey: API_KEY.Metadata, apiVersion: 1, correlationId: 7, clientId: 'app' }
    const frame = encodeRequest(header, { topics: [{ name: 't' }] })
    assert.equal(Buffer.from(frame).toString('hex'), '00000014000300010000000700036170700000000100' + '0174')
    const decoded = decodeRequest(frame)
    assert.equal(decoded.clientId, 'app')
    assert.equal(decoded.correlationId, 7)
    assert.equal(decoded.bodyOffset, 17)
    assert.equal(decoded.end, frame.length)
    assert.equal(structsOf(decoded.value['topics'])[0]?.['name'], 't')
  })

  test('a flexible request keeps the old form of the client id, then tags', () => {
    const header = { apiKey: API_KEY.ApiVersions, apiVersion: 3, correlationId: 1, clientId: null }
    const frame = encodeRequest(header, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })
    assert.equal(
      Buffer.from(frame).toString('hex'),
      '00000010' + '0012000300000001' + 'ffff00' + '0261' + '0231' + '00',
    )
  })

  test('an ApiVersions response has header v0 where others have v1', () => {
    assert.equal(
      Buffer.from(encodeResponse(API_KEY.ApiVersions, 3, 9, {})).toString('hex'),
      '0000000c' + '00000009' + '0000010000000000',
    )
    assert.equal(
      Buffer.from(encodeResponse(API_KEY.Heartbeat, 4, 9, {})).toString('hex'),
      '0000000c' + '0000000900' + '00000000' + '0000' + '00',
    )
  })

  test('survive for every API and version, one after the other in the same bytes', () => {
    const random = seededRandom(11)
    forEachVersion((schema, version) => {
      const value = randomValue(schema, version, random)
      const header = { apiKey: schema.apiKey, apiVersion: version, correlationId: 42, clientId: 'größe' }
      const isRequest = schema.kind === 'request'
      const frame = isRequest ? encodeRequest(header, value) : encodeResponse(schema.apiKey, version, 42, value)
      const bytes = Buffer.concat([Buffer.alloc(2), frame, frame])
      const decoded = isRequest ? decodeRequest(bytes, 2) : decodeResponse(schema.apiKey, version, bytes, 2)
      assert.equal(decoded.end, 2 + frame.length, `${schema.name} v${version}`)
      assert.equal(decoded.correlationId, 42)
      assert.deepEqual(encode(schema, version, decoded.value), encode(schema, version, value))
    })
  })

  test('a header can be read of a version that the codec does not know', () => {
    const frame = Buffer.from('0000000b' + '0012270f00000005' + '000000', 'hex')
    const header = decodeRequestHeader(frame)
    assert.deepEqual(header, { apiKey: 18, apiVersion: 9999, correlationId: 5, clientId: '', bodyOffset: 15 })
    assert.throws(() => decodeRequest(frame), refused('unknown_version'))
  })

  test('refuse sizes that are negative or not there, bodies shorter or longer than their frame, unknown APIs', () => {
    const frame = Buffer.from(encodeResponse(API_KEY.Heartbeat, 0, 9, {}))
    const sized = (size: number): Buffer => {
      const copy = Buffer.concat([frame, Buffer.alloc(8)])
      copy.writeInt32BE(size, 0)
      return copy
    }
    assert.throws(() => decodeResponse(API_KEY.Heartbeat, 0, sized(-1)), refused('bad_length'))
    assert.throws(() => decodeResponse(API_KEY.Heartbeat, 0, sized(2 ** 31 - 1)), refused('truncated'))
    assert.throws(() => decodeResponse(API_KEY.Heartbeat, 0, sized(5)), refused('truncated'))
    assert.throws(() => decodeResponse(API_KEY.Heartbeat, 0, sized(7)), refused('trailing_bytes'))
    assert.throws(() => decodeResponse(4, 0, frame), refused('unknown_api'))
    assert.throws(() => decodeRequest(Buffer.from('000000020004', 'hex')), refused('truncated'))
    assert.throws(() => decodeRequest(Buffer.from('0000000800040000000000ff', 'hex')), refused('unknown_api'))
    const header = { apiKey: 4, apiVersion: 0, correlationId: 0, clientId: null }
    assert.throws(() => encodeRequest(header, {}), refused('unknown_api'))
  })
})

const anyMessage = fc.constantFrom(...ALL_MESSAGES).chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    version: fc.integer({ min: schema.versions[0], max: schema.versions[1] }),
  }),
)

/** How many values a decoded body is made of. */
function countValues(value: unknown): number {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return 1
  return Object.values(value).reduce((sum: number, inner) => sum + countValues(inner), 1)
}

/** No struct of Kafka's has more fields than this, defaults inside defaults included. */
const VALUES_PER_BYTE_MAX = 64

function decodesOrRefuses(schema: MessageSchema, version: number, bytes: Uint8Array): void {
  try {
    const { value, end } = decode(schema, version, bytes)
    assert.ok(end <= bytes.length)
    assert.ok(countValues(value) <= VALUES_PER_BYTE_MAX * (bytes.length + 1), `${schema.name} v${version}`)
    decodeExactly(schema, version, encode(schema, version, value))
  } catch (error) {
    assert.ok(error instanceof ProtocolError, `${schema.name} v${version}: ${error}`)
  }
}

describe('bytes that nobody should send', () => {
  test('random ones give a value or a ProtocolError', () => {
    // Invariant: any bytes decode to a value no larger than a constant times their size, or throw a ProtocolError.
    fc.assert(
      fc.property(anyMessage, fc.uint8Array({ maxLength: 200 }), ({ schema, version }, bytes) =>
        decodesOrRefuses(schema, version, bytes),
      ),
      { numRuns: 3000 },
    )
  })

  test('mutated vectors give a value or a ProtocolError', () => {
    // Invariant: as above, for valid bodies with a few bytes overwritten, so that the reader gets deep before it fails.
    const vectors = readVectors().filter(({ hex }) => hex.length > 0)
    const edits = fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.constantFrom(...vectors), edits, ({ schema, version, hex }, changes) => {
        const bytes = Buffer.from(hex, 'hex')
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        decodesOrRefuses(schema, version, bytes)
      }),
      { numRuns: 3000 },
    )
  })

  test('random frames give a request or a ProtocolError', () => {
    // Invariant: decodeRequest and decodeRequestHeader of any bytes return, or throw a ProtocolError.
    const key = fc.constantFrom(0, 1, 3, 18, 36, 4, -1, 94)
    fc.assert(
      fc.property(key, fc.integer({ min: -1, max: 20 }), fc.uint8Array({ maxLength: 80 }), (apiKey, version, rest) => {
        const frame = Buffer.concat([Buffer.alloc(8), rest])
        frame.writeInt32BE(frame.length - 4, 0)
        frame.writeInt16BE(apiKey, 4)
        frame.writeInt16BE(version, 6)
        for (const read of [decodeRequest, decodeRequestHeader]) {
          try {
            read(frame)
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error))
          }
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('four bytes that ask for 2^31 elements are refused at once, in every message', () => {
    forEachVersion((schema, version) => {
      const first = schema.fields.find((field) => inRange(version, field.versions) && field.tagged === undefined)
      if (first?.array !== true) return
      const count = inRange(version, schema.flexible) ? 'ffffffff0f' : '7fffffff'
      assert.throws(() => decode(schema, version, Buffer.from(count, 'hex')), refused('bad_count'), schema.name)
    })
  })
})
