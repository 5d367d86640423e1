/** Frame heads: every API and version against the encoder's frames, and heads that cannot be. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { requestHeaderVersion } from '../../protocol/src/apis.ts'
import { encode } from '../../protocol/src/encode.ts'
import { ProtocolError } from '../../protocol/src/errors.ts'
import { encodeRequest, encodeResponse } from '../../protocol/src/frames.ts'
import { API_KEY, API_SCHEMAS } from '../../protocol/src/generated/index.ts'
import {
  RequestHead,
  ResponseHead,
  readRequestHead,
  readResponseHead,
  responseBodyOffset,
} from '../../protocol/src/headers.ts'

/** The head of what stands in `bytes`, read at an offset that is not 0. */
function headOf(bytes: Uint8Array, visible: number = bytes.length): RequestHead | undefined {
  const chunk = new Uint8Array(bytes.length + 10).fill(0xff)
  chunk.set(bytes, 5)
  const head = new RequestHead()
  return readRequestHead(chunk, new DataView(chunk.buffer), 5, 5 + visible, head) ? head : undefined
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
}

function reasonOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof ProtocolError) return error.reason
    throw error
  }
  return 'none'
}

const everyVersion = API_SCHEMAS.flatMap(({ key, request }) =>
  Array.from({ length: request.versions[1] - request.versions[0] + 1 }, (_, index) => ({
    key,
    version: request.versions[0] + index,
  })),
)

/** Every part of the head is asked for, and the whole one says what the encoder was told. */
function checkRequest(key: number, version: number, clientId: string | null): void {
  const frame = encodeRequest({ apiKey: key, apiVersion: version, correlationId: -5, clientId }, {})
  const schema = API_SCHEMAS.find((api) => api.key === key)!.request
  const headBytes = frame.length - encode(schema, version, {}).length
  const expected = new RequestHead()
  expected.frameBytes = frame.length
  expected.apiKey = key
  expected.apiVersion = version
  expected.correlationId = -5
  expected.headerVersion = requestHeaderVersion(key, version)
  expected.clientIdLength = clientId === null ? -1 : Buffer.byteLength(clientId)
  expected.clientIdOffset = clientId === null ? -1 : 5 + 14
  expected.bodyOffset = 5 + headBytes
  assert.deepEqual(headOf(frame), expected, `${schema.name} v${version}`)
  for (let visible = 0; visible < headBytes; visible++) assert.equal(headOf(frame, visible), undefined)
}

describe('readRequestHead', () => {
  test('finds the client id and the body of every API and version; any part of the head alone is not enough', () => {
    for (const { key, version } of everyVersion) {
      for (const clientId of ['checkout-7', 'zürich', '', null]) checkRequest(key, version, clientId)
    }
  })

  test('an API or version that the codec does not know has a client id, and no body offset', () => {
    for (const api of ['7fff 0000', 'ffff 0000', '0012 7fff', '0000 ffff']) {
      const head = headOf(fromHex(`0000000c ${api} 00000001 0002 6869 ffff`))
      assert.equal(head?.clientIdLength, 2)
      assert.equal(head?.bodyOffset, -1)
      assert.equal(head?.headerVersion, -1)
    }
  })

  test('tags in a header are stepped over, once they are there', () => {
    const frame = fromHex('00000013 0003 0009 00000001 0001 61 02 0001ff 050162 77')
    assert.equal(headOf(frame)?.bodyOffset, 5 + 22)
    for (let visible = 0; visible < 22; visible++) assert.equal(headOf(frame, visible), undefined)
  })

  test('the size is known as soon as it is there, so that a huge frame can be refused at once', () => {
    const bytes = fromHex('7fffffff')
    const head = new RequestHead()
    assert.equal(readRequestHead(bytes, new DataView(bytes.buffer), 0, 4, head), false)
    assert.equal(head.frameBytes, 0x8000_0003)
    assert.equal(readRequestHead(bytes, new DataView(bytes.buffer), 0, 3, head), false)
    assert.equal(head.frameBytes, 0)
  })

  const impossible: readonly [title: string, hex: string, reason: string][] = [
    ['a negative size', 'ffffffff', 'bad_length'],
    ['a size of 0', '00000000', 'bad_length'],
    ['a size smaller than a header', '00000007', 'bad_length'],
    ['a frame that ends before its client id', '00000008 0003 0001 00000001 0000', 'bad_length'],
    ['a client id length of -2', '00000010 0003 0001 00000001 fffe 0000', 'bad_length'],
    ['a client id longer than its frame', '0000000c 0003 0001 00000001 0003 616263', 'bad_length'],
    ['a flexible frame that ends before its tags', '0000000a 0003 0009 00000001 ffff 00', 'truncated'],
    ['a header tag longer than its frame', '0000000d 0003 0009 00000001 ffff 01 00 7f', 'bad_length'],
    ['header tags of a megabyte', '7fffffff 0003 0009 00000001 ffff 01 00 808040', 'bad_length'],
  ]
  for (const [title, hex, reason] of impossible) {
    test(`refuses ${title}`, () =>
      assert.equal(
        reasonOf(() => headOf(fromHex(hex))),
        reason,
      ))
  }

  test('any bytes give a head, a wish for more, or a ProtocolError', () => {
    // Invariant: never another error, never an offset outside of the bytes, and bytes behind `to` have no influence.
    const byte = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), (list) => {
        const bytes = Uint8Array.from([0, 0, 0, ...list])
        const view = new DataView(bytes.buffer)
        const head = new RequestHead()
        try {
          if (!readRequestHead(bytes, view, 0, bytes.length, head)) return
        } catch (error) {
          assert.ok(error instanceof ProtocolError)
          return
        }
        assert.ok(head.bodyOffset <= Math.min(bytes.length, head.frameBytes))
        assert.ok(head.clientIdOffset + Math.max(0, head.clientIdLength) <= Math.min(bytes.length, head.frameBytes))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('readResponseHead and responseBodyOffset', () => {
  test('find the body of every API and version', () => {
    for (const { key, version } of everyVersion) {
      const frame = encodeResponse(key, version, 77, {})
      const body = encode(API_SCHEMAS.find((api) => api.key === key)!.response, version, {})
      const head = new ResponseHead()
      assert.equal(readResponseHead(new DataView(frame.buffer, frame.byteOffset), 0, frame.length, head), true)
      assert.equal(head.frameBytes, frame.length)
      assert.equal(head.correlationId, 77)
      const offset = frame.length - body.length
      assert.equal(responseBodyOffset(frame, 0, frame.length, key, version), offset)
      for (let visible = 0; visible < offset; visible++)
        assert.equal(responseBodyOffset(frame, 0, visible, key, version), -1)
    }
  })

  test('an ApiVersions answer has header v0 in every version', () => {
    const frame = fromHex('00000006 00000001 0000')
    assert.equal(responseBodyOffset(frame, 0, 10, API_KEY.ApiVersions, 4), 8)
  })

  test('tags in a response header are stepped over', () => {
    const frame = fromHex('0000000a 00000001 01 0502aabb 77')
    assert.equal(responseBodyOffset(frame, 0, frame.length, API_KEY.Fetch, 12), 13)
    assert.equal(responseBodyOffset(frame, 0, frame.length - 2, API_KEY.Fetch, 12), -1)
  })

  test('what cannot be is a ProtocolError', () => {
    const read = (hex: string): boolean => {
      const bytes = fromHex(hex)
      return readResponseHead(new DataView(bytes.buffer), 0, bytes.length, new ResponseHead())
    }
    assert.equal(read('000000'), false)
    assert.equal(read('00000004 0000'), false)
    assert.equal(
      reasonOf(() => read('00000003')),
      'bad_length',
    )
    assert.equal(
      reasonOf(() => read('80000000')),
      'bad_length',
    )
    const frame = fromHex('00000004 00000001')
    assert.equal(
      reasonOf(() => responseBodyOffset(frame, 0, 8, API_KEY.Fetch, 12)),
      'truncated',
    )
    assert.equal(
      reasonOf(() => responseBodyOffset(frame, 0, 8, 999, 0)),
      'unknown_api',
    )
    assert.equal(
      reasonOf(() => responseBodyOffset(frame, 0, 8, API_KEY.Fetch, 99)),
      'unknown_version',
    )
  })
})
