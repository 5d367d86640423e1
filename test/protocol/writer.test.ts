/** The append-only byte builder. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Reader, Writer } from 'kafka-protocol-codec'

function hexOf(write: (writer: Writer) => void): string {
  const writer = new Writer()
  write(writer)
  return Buffer.from(writer.finish()).toString('hex')
}

describe('Writer', () => {
  test('writes every fixed-size type, big-endian', () => {
    const hex = hexOf((writer) => {
      writer.int8(-1)
      writer.int16(-32768)
      writer.uint16(65535)
      writer.int32(-2147483648)
      writer.uint32(4294967295)
      writer.int64(-9223372036854775808n)
      writer.float64(1.5)
    })
    assert.equal(hex, 'ff8000ffff80000000ffffffff80000000000000003ff8000000000000')
  })

  test('writes lengths of both notations, null as -1', () => {
    assert.equal(
      hexOf((writer) => writer.stringLength(-1, false)),
      'ffff',
    )
    assert.equal(
      hexOf((writer) => writer.stringLength(-1, true)),
      '00',
    )
    assert.equal(
      hexOf((writer) => writer.longLength(-1, false)),
      'ffffffff',
    )
    assert.equal(
      hexOf((writer) => writer.longLength(127, true)),
      '8001',
    )
  })

  test('keeps what it has when it grows in the middle of any type', () => {
    for (let filled = 240; filled <= 260; filled++) {
      const writer = new Writer()
      writer.raw(new Uint8Array(filled).fill(7))
      writer.int64(1n)
      writer.int16(2)
      writer.uvarint(300)
      const written = Buffer.from(writer.finish())
      assert.equal(written.subarray(filled).toString('hex'), '00000000000000010002ac02')
      assert.ok(written.subarray(0, filled).every((byte) => byte === 7))
    }
  })

  test('patches a size that is known late', () => {
    const hex = hexOf((writer) => {
      writer.int32(0)
      writer.int8(5)
      writer.patchInt32(0, writer.length - 4)
    })
    assert.equal(hex, '0000000105')
  })

  test('writes varints that the reader reads back, in their shortest form', () => {
    // Invariant: every unsigned 32-bit integer survives, in as few bytes as it needs.
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        const writer = new Writer()
        writer.uvarint(value)
        const bytes = writer.finish()
        assert.equal(new Reader(bytes).uvarint(), value)
        assert.equal(bytes.length, Math.max(1, Math.ceil(value.toString(2).length / 7)))
      }),
    )
  })
})
