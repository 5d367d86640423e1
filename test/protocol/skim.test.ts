/** The skim's contract, on small schemas made for it. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProtocolError } from '../../protocol/src/errors.ts'
import type { Field, MessageSchema } from '../../protocol/src/schema.ts'
import { Skim, type SkimSink } from '../../protocol/src/skim.ts'
import { compileSkim, type SkimPlan } from '../../protocol/src/skim-plan.ts'

/** v0 and v1 are classic, v2 is flexible. */
function schemaOf(...fields: readonly Field[]): MessageSchema {
  return { name: 'TestRequest', apiKey: 0, kind: 'request', versions: [0, 2], flexible: [2, 2], fields }
}

function field(name: string, type: Field['type'], more: Partial<Field> = {}): Field {
  return { name, type, versions: [0, 2], ...more }
}

/** What was reported, as lines. */
class Lines implements SkimSink {
  readonly lines: string[] = []

  value(index: number, value: number, offset: number): void {
    this.lines.push(`value ${index} ${value} @${offset}`)
  }

  text(index: number, bytes: Uint8Array, offset: number, length: number): void {
    const text = offset < 0 ? '' : ` ${Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1')}`
    this.lines.push(`text ${index} ${length} @${offset}${text}`)
  }

  tag(index: number, offset: number, sizeBytes: number): void {
    this.lines.push(`tag ${index} ${sizeBytes} @${offset}`)
  }

  batch(index: number, _bytes: Uint8Array, offset: number, sizeBytes: number): void {
    this.lines.push(`batch ${index} ${sizeBytes} @${offset}`)
  }
}

/** Runs a plan over bytes in one piece. */
function skim(plan: SkimPlan, hex: string, bodyBytes?: number): { lines: string[]; position: number; skim: Skim } {
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
  const sink = new Lines()
  const run = new Skim()
  run.start(plan, bodyBytes ?? bytes.length)
  const position = run.run(bytes, new DataView(bytes.buffer), 0, bytes.length, sink)
  return { lines: sink.lines, position, skim: run }
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

describe('compileSkim', () => {
  test('a path that the version does not have compiles to nothing, and `found` says so', () => {
    const schema = schemaOf(field('old', 'int8', { versions: [0, 0] }), field('now', 'int8'))
    const plan = compileSkim(schema, 1, ['old', 'now', 'never', 'now.deeper', ''])
    assert.deepEqual(plan.found, [false, true, false, false, false])
    assert.deepEqual(skim(plan, '07').lines, ['value 1 7 @0'])
  })

  test('a version that the message does not have is refused', () => {
    assert.throws(() => compileSkim(schemaOf(), 3, []), RangeError)
  })

  test('a plan that wants nothing is done before it starts', () => {
    const run = new Skim()
    run.start(compileSkim(schemaOf(field('a', 'string')), 0, ['b']), 100)
    assert.equal(run.done, true)
    assert.equal(run.remaining, 100)
  })

  test('what follows the last wanted field is not walked: it may be anything', () => {
    const schema = schemaOf(field('a', 'int16'), field('b', 'string'), field('c', 'int32', { array: true }))
    const { lines, position, skim: run } = skim(compileSkim(schema, 2, ['a']), '0001 ffffffffffff')
    assert.deepEqual(lines, ['value 0 1 @0'])
    assert.equal(position, 2)
    assert.equal(run.done, true)
    assert.equal(run.remaining, 6)
  })

  test('neighbours that nobody wants are stepped over together', () => {
    const schema = schemaOf(field('a', 'int16'), field('b', 'int64'), field('c', 'uuid'), field('d', 'int8'))
    assert.deepEqual([...compileSkim(schema, 0, ['d']).code.subarray(0, 3)], [1, 26, 3])
  })

  test('an array of fixed-size elements is stepped over at once', () => {
    const schema = schemaOf(
      field('list', 'struct', { array: true, fields: [field('a', 'int16'), field('b', 'int32')] }),
      field('end', 'int8'),
    )
    assert.deepEqual(skim(compileSkim(schema, 0, ['end', 'list']), '00000002 aaaabbbbbbbb aaaabbbbbbbb 05').lines, [
      'value 1 2 @0',
      'value 0 5 @16',
    ])
  })

  test('`**.name` finds a field of that name at any depth, the top included', () => {
    const schema = schemaOf(
      field('errorCode', 'int16'),
      field('topics', 'struct', { array: true, fields: [field('name', 'string'), field('errorCode', 'int16')] }),
    )
    assert.deepEqual(skim(compileSkim(schema, 0, ['**.errorCode']), '0003 00000001 000161 0007').lines, [
      'value 0 3 @0',
      'value 0 7 @9',
    ])
  })

  test('elements that have no bytes in a version are no work, however many there are', () => {
    const empty = field('list', 'struct', { array: true, fields: [field('later', 'int8', { versions: [1, 2] })] })
    const plan = compileSkim(schemaOf(empty, field('end', 'int8')), 0, ['list', 'end', 'list.later'])
    assert.deepEqual(skim(plan, '7fffffff 05').lines, ['value 0 2147483647 @0', 'value 1 5 @4'])
  })
})

describe('Skim reports', () => {
  const cases: readonly [title: string, type: Field['type'], hex: string, line: string][] = [
    ['a boolean', 'bool', '01', 'value 0 1 @0'],
    ['a negative int8', 'int8', 'fe', 'value 0 -2 @0'],
    ['a negative int16', 'int16', 'fffe', 'value 0 -2 @0'],
    ['a uint16', 'uint16', 'fffe', 'value 0 65534 @0'],
    ['a negative int32', 'int32', 'fffffffe', 'value 0 -2 @0'],
    ['a uint32', 'uint32', 'fffffffe', 'value 0 4294967294 @0'],
    ['a negative int64', 'int64', 'fffffffffffffffe', 'value 0 -2 @0'],
    ['an int64 of more than 32 bits', 'int64', '0000000100000002', 'value 0 4294967298 @0'],
    ['a float64', 'float64', '3ff8000000000000', 'value 0 1.5 @0'],
    ['a UUID as 16 bytes', 'uuid', '61626364656667686970717273747576', 'text 0 16 @0 abcdefghipqrstuv'],
    ['a string', 'string', '0002 6869', 'text 0 2 @2 hi'],
    ['an empty string', 'string', '0000', 'text 0 0 @2 '],
    ['a null string', 'string', 'ffff', 'text 0 -1 @-1'],
    ['bytes', 'bytes', '00000002 6869', 'text 0 2 @4 hi'],
  ]
  for (const [title, type, hex, line] of cases) {
    test(title, () => assert.deepEqual(skim(compileSkim(schemaOf(field('a', type)), 1, ['a']), hex).lines, [line]))
  }

  test('the count of an array at its length prefix, -1 for null, and its elements for a path that ends in []', () => {
    const schema = schemaOf(field('names', 'string', { array: true }))
    assert.deepEqual(skim(compileSkim(schema, 0, ['names', 'names[]']), '00000002 000161 000162').lines, [
      'value 0 2 @0',
      'text 1 1 @6 a',
      'text 1 1 @9 b',
    ])
    assert.deepEqual(skim(compileSkim(schema, 2, ['names']), '00 00').lines, ['value 0 -1 @0'])
  })

  test('whether a nullable struct is there, and its fields when it is', () => {
    const schema = schemaOf(
      field('cursor', 'struct', { nullable: [0, 2], fields: [field('a', 'int8')] }),
      field('b', 'int8'),
    )
    const plan = compileSkim(schema, 0, ['cursor', 'cursor.a', 'b'])
    assert.deepEqual(skim(plan, 'ff 05').lines, ['value 0 -1 @0', 'value 2 5 @1'])
    assert.deepEqual(skim(plan, '01 04 05').lines, ['value 0 1 @0', 'value 1 4 @1', 'value 2 5 @2'])
  })

  test('text over the plan’s bound by its length only, without waiting for it', () => {
    const schema = schemaOf(field('token', 'bytes'), field('end', 'int8'))
    const plan = compileSkim(schema, 0, ['token', 'end'], 3)
    assert.deepEqual(skim(plan, '00000004 61626364 07').lines, ['text 0 4 @-1', 'value 1 7 @8'])
    const early = skim(plan, '00000004 61', 9)
    assert.deepEqual(early.lines, ['text 0 4 @-1'])
    assert.equal(early.position, 5)
  })

  test('a tagged field at its tag number, with its size; then a scalar’s value, or the fields that are wanted in it', () => {
    const tagged = { tagged: [2, 2] as const, versions: [2, 2] as const }
    const schema = schemaOf(
      field('cluster', 'string', { ...tagged, tag: 0 }),
      field('nodes', 'struct', { ...tagged, tag: 1, array: true, fields: [field('port', 'int32')] }),
    )
    const plan = compileSkim(schema, 2, ['cluster', 'nodes', 'nodes.port'])
    assert.deepEqual(skim(plan, '03 00 03 03 6869 01 06 02 00002384 00 7f 01 aa').lines, [
      'tag 0 3 @1',
      'text 0 2 @4 hi',
      'tag 1 6 @6',
      'value 2 9092 @9',
    ])
  })
})

describe('Skim resumes', () => {
  const schema = schemaOf(
    field('name', 'string'),
    field('acks', 'int16'),
    field('note', 'string'),
    field('end', 'int8'),
  )

  test('an atom that is cut off is not taken; what is skipped is taken as far as it goes', () => {
    const bytes = Uint8Array.from(Buffer.from('000568656c6c6f' + '0001' + '00026869' + '07', 'hex'))
    const view = new DataView(bytes.buffer)
    const sink = new Lines()
    const run = new Skim()
    run.start(compileSkim(schema, 0, ['acks', 'note', 'end']), bytes.length)
    assert.equal(run.run(bytes, view, 0, 1, sink), 0, 'half a length')
    assert.equal(run.run(bytes, view, 0, 4, sink), 4, 'part of a text that nobody wants')
    assert.equal(run.run(bytes, view, 4, 8, sink), 7, 'half a wanted number')
    assert.equal(run.run(bytes, view, 7, 12, sink), 9, 'part of a wanted text: not even its length')
    assert.equal(run.run(bytes, view, 9, 14, sink), 14)
    assert.deepEqual(sink.lines, ['value 0 1 @7', 'text 1 2 @11 hi', 'value 2 7 @13'])
    assert.equal(run.done, true)
    assert.equal(run.remaining, 0)
  })

  test('no bytes at all change nothing', () => {
    const bytes = new Uint8Array(20)
    const run = new Skim()
    run.start(compileSkim(schema, 0, ['acks']), 20)
    for (let times = 0; times < 3; times++)
      assert.equal(run.run(bytes, new DataView(bytes.buffer), 7, 7, new Lines()), 7)
    assert.equal(run.remaining, 20)
  })

  test('no atom is longer than the plan says', () => {
    assert.equal(compileSkim(schemaOf(field('a', 'int32')), 0, ['a']).atomBytesMax, 10)
    assert.equal(compileSkim(schemaOf(field('a', 'records')), 0, ['a']).atomBytesMax, 61)
    assert.equal(compileSkim(schemaOf(field('a', 'string')), 0, ['a'], 100).atomBytesMax, 105)
  })
})

describe('Skim refuses', () => {
  const list = schemaOf(field('list', 'string', { array: true }), field('end', 'int8'))
  const text = schemaOf(field('text', 'string'), field('end', 'int8'))
  const struct = field('s', 'struct', { tagged: [2, 2], tag: 0, versions: [2, 2], fields: [field('a', 'int16')] })
  const cases: readonly [title: string, schema: MessageSchema, version: number, hex: string, reason: string][] = [
    ['a text longer than the body', text, 0, '0005 616263', 'bad_length'],
    ['a negative length', text, 0, 'fffe 616263', 'bad_length'],
    ['a compact text of 2 GB', text, 2, 'ffffffff07 61', 'bad_length'],
    ['a varint of 6 bytes', text, 2, '808080808001 61', 'bad_varint'],
    ['a varint of more than 31 bits', text, 2, 'ffffffff08 61', 'bad_varint'],
    ['more elements than the body has bytes', list, 0, '7fffffff 0000', 'bad_count'],
    ['more compact elements than the body has bytes', list, 2, '7f 0000', 'bad_count'],
    ['a body that ends inside a number', schemaOf(field('end', 'int32')), 0, '000000', 'truncated'],
    ['more tags than the body has bytes', schemaOf(struct), 2, '7f 0000', 'bad_count'],
    ['a tag longer than the body', schemaOf(struct), 2, '01 05 7f', 'bad_length'],
    ['a tag that is longer than its content', schemaOf(struct), 2, '01 00 04 0001 00 ee', 'bad_length'],
    ['a tag that is shorter than its content', schemaOf(struct), 2, '01 00 01 0001 00', 'bad_length'],
  ]
  for (const [title, schema, version, hex, reason] of cases) {
    test(title, () =>
      assert.equal(
        reasonOf(() => skim(compileSkim(schema, version, ['end', 's.a']), hex)),
        reason,
      ),
    )
  }
})
