/** The bounds-checked cursor: values, limits, and that no length is believed before it is checked. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError, type ProtocolErrorReason, Reader } from 'kafka-protocol-codec'

function readerOf(hex: string): Reader {
  return new Reader(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

function refused(reason: ProtocolErrorReason): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.reason === reason
}

describe('Reader', () => {
  test('reads every fixed-size type, big-endian', () => {
    const reader = readerOf(
      '01 ff 8000 ffff 80000000 ffffffff 8000000000000000 3ff8000000000000 000102030405060708090a0b0c0d0e0f',
    )
    assert.equal(reader.bool(), true)
    assert.equal(reader.int8(), -1)
    assert.equal(reader.int16(), -32768)
    assert.equal(reader.uint16(), 65535)
    assert.equal(reader.int32(), -2147483648)
    assert.equal(reader.uint32(), 4294967295)
    assert.equal(reader.int64(), -9223372036854775808n)
    assert.equal(reader.float64(), 1.5)
    assert.equal(reader.uuid(), 'AAECAwQFBgcICQoLDA0ODw')
    assert.equal(reader.remaining, 0)
  })

  test('refuses each fixed-size type one byte short', () => {
    const reads: readonly (readonly [number, (reader: Reader) => unknown])[] = [
      [1, (reader) => reader.bool()],
      [1, (reader) => reader.int8()],
      [2, (reader) => reader.int16()],
      [2, (reader) => reader.uint16()],
      [4, (reader) => reader.int32()],
      [4, (reader) => reader.uint32()],
      [8, (reader) => reader.int64()],
      [8, (reader) => reader.float64()],
      [16, (reader) => reader.uuid()],
    ]
    for (const [sizeBytes, read] of reads) {
      read(new Reader(new Uint8Array(sizeBytes)))
      assert.throws(() => read(new Reader(new Uint8Array(sizeBytes + 8), 0, sizeBytes - 1)), refused('truncated'))
    }
  })

  for (const [hex, value] of [
    ['00', 0],
    ['7f', 127],
    ['8001', 128],
    ['ff7f', 16383],
    ['ffffffff0f', 4294967295],
    ['8000', 0],
  ] as const) {
    test(`reads varint ${hex} as ${value}`, () => assert.equal(readerOf(hex).uvarint(), value))
  }

  test('refuses varints over 32 bits or five bytes, and cut ones', () => {
    assert.throws(() => readerOf('ffffffff1f').uvarint(), refused('bad_varint'))
    assert.throws(() => readerOf('808080808000').uvarint(), refused('bad_varint'))
    assert.throws(() => readerOf('8080').uvarint(), refused('truncated'))
  })

  test('reads lengths of both notations, null as -1', () => {
    assert.equal(readerOf('ffff').stringLength(false), -1)
    assert.equal(readerOf('00').stringLength(true), -1)
    assert.equal(readerOf('0001 61').stringLength(false), 1)
    assert.equal(readerOf('02 61').stringLength(true), 1)
    assert.equal(readerOf('ffffffff').bytesLength(false), -1)
    assert.equal(readerOf('03 6161').bytesLength(true), 2)
  })

  test('refuses lengths below -1 and lengths beyond what remains', () => {
    assert.throws(() => readerOf('fffe').stringLength(false), refused('bad_length'))
    assert.throws(() => readerOf('0002 61').stringLength(false), refused('bad_length'))
    assert.throws(() => readerOf('03 61').stringLength(true), refused('bad_length'))
    assert.throws(() => readerOf('80000000').bytesLength(false), refused('bad_length'))
    assert.throws(() => readerOf('7fffffff').bytesLength(false), refused('bad_length'))
    assert.throws(() => readerOf('ffffffff0f').bytesLength(true), refused('bad_length'))
  })

  test('refuses a compact string over 32767 bytes even if it is there, as Kafka does', () => {
    const bytes = Buffer.concat([Buffer.from([0x81, 0x80, 0x02]), Buffer.alloc(32768, 0x61)])
    assert.throws(() => new Reader(bytes).stringLength(true), refused('bad_length'))
  })

  test('refuses counts whose elements cannot fit', () => {
    assert.throws(() => readerOf('7fffffff').arrayCount(false, 1), refused('bad_count'))
    assert.throws(() => readerOf('00000002 00000000000000').arrayCount(false, 4), refused('bad_count'))
    assert.equal(readerOf('00000002 0000000000000000').arrayCount(false, 4), 2)
    assert.throws(() => readerOf('fffffffe').arrayCount(false, 1), refused('bad_count'))
    assert.throws(() => readerOf('ffffffff0f').arrayCount(true, 1), refused('bad_count'))
    // An element of no bytes counts as one, so that four bytes never ask for 2^31 of them.
    assert.throws(() => readerOf('7fffffff').arrayCount(false, 0), refused('bad_count'))
    assert.equal(readerOf('00').arrayCount(true, 1), -1)
  })

  test('reads text with a byte order mark as it stands, and invalid UTF-8 as U+FFFD', () => {
    assert.equal(readerOf('efbbbf 61').text(4), '\ufeffa')
    assert.equal(readerOf('61 ff 62').text(3), 'a\ufffdb')
  })

  test('gives views, not copies, and keeps to its end', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4)
    const reader = new Reader(bytes, 1, 3)
    const view = reader.view(2)
    bytes[1] = 9
    assert.deepEqual([...view], [9, 3])
    assert.equal(reader.position, 3)
    assert.throws(() => reader.int8(), refused('truncated'))
  })

  test('works on a view into a larger buffer', () => {
    const view = new Uint8Array(Uint8Array.of(9, 9, 0, 5, 0x61, 9).buffer, 2, 3)
    const reader = new Reader(view)
    assert.equal(reader.int16(), 5)
    assert.equal(reader.text(1), 'a')
  })

  test('refuses a range that is not in the bytes', () => {
    for (const [offset, end] of [
      [-1, 2],
      [3, 2],
      [0, 5],
    ] as const) {
      assert.throws(() => new Reader(new Uint8Array(4), offset, end), refused('bad_length'))
    }
  })

  test('stays within its end and throws only ProtocolError, whatever is read from whatever bytes', () => {
    // Invariant: after any reads of any bytes, 0 <= position <= end, or a ProtocolError was thrown.
    const reads: readonly ((reader: Reader) => unknown)[] = [
      (reader) => reader.uvarint(),
      (reader) => reader.int16(),
      (reader) => reader.int64(),
      (reader) => reader.view(Math.max(0, reader.bytesLength(true))),
      (reader) => reader.text(Math.max(0, reader.stringLength(false))),
      (reader) => reader.arrayCount(false, 3),
      (reader) => reader.uuid(),
    ]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(fc.nat(reads.length - 1)), (bytes, choices) => {
        const reader = new Reader(bytes)
        try {
          for (const choice of choices) reads[choice]?.(reader)
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
        assert.ok(reader.position >= 0 && reader.position <= bytes.length)
      }),
      { numRuns: 500 },
    )
  })
})
