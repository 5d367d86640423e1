/**
 * Whatever numbers lie side by side in whatever message: a row says of them what they say one by one, and nothing else that is wanted
 * is lost beside it, however the bytes are cut.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { API_SCHEMAS } from 'kafka-protocol-codec'
import { encode } from '../../protocol/src/encode.ts'
import { FIXED_BYTES, type Field, inRange, type MessageSchema } from '../../protocol/src/schema.ts'
import { Skim, type SkimSink } from '../../protocol/src/skim.ts'
import { numberAt, VALUE_TYPE } from '../../protocol/src/skim-code.ts'
import { compileSkim, type SkimPlan } from '../../protocol/src/skim-plan.ts'
import { chunkings, feed } from '../support/chunkings.ts'
import { randomMessage, seededRandom } from '../support/random-message.ts'

/** Numbers that lie side by side in one version of a message. */
interface Row {
  readonly schema: MessageSchema
  readonly version: number
  /** Of the struct that has them, with a dot behind it. */
  readonly path: string
  readonly fields: readonly Field[]
}

function isNumber(field: Field): boolean {
  return !field.array && VALUE_TYPE[field.type] !== undefined && FIXED_BYTES[field.type] !== undefined
}

/** All rows of a message, each as long as it can be. */
function* rowsOf(
  schema: MessageSchema,
  version: number,
  fields: readonly Field[] = schema.fields,
  path = '',
): Generator<Row> {
  const present = fields.filter(({ versions }) => inRange(version, versions))
  const plain = present.filter(({ tagged }) => tagged === undefined || !inRange(version, tagged))
  let row: Field[] = []
  for (const field of [...plain, undefined]) {
    if (field !== undefined && isNumber(field)) row.push(field)
    else if (row.length > 0) {
      yield { schema, version, path, fields: row }
      row = []
    }
  }
  for (const { name, fields: inner } of present)
    if (inner !== undefined) yield* rowsOf(schema, version, inner, `${path}${name}.`)
}

function everyRow(): Row[] {
  const rows: Row[] = []
  for (const { request, response } of API_SCHEMAS) {
    for (const schema of [request, response]) {
      for (let version = schema.versions[0]; version <= schema.versions[1]; version++)
        rows.push(...rowsOf(schema, version))
    }
  }
  return rows
}

/** Writes down what is reported, whichever way: 0 is the row, or its fields one by one; 1 is what else is wanted. */
class Reports implements SkimSink {
  readonly said: (number | string)[] = []
  readonly #types: readonly number[]

  constructor(types: readonly number[]) {
    this.#types = types
  }

  value(field: number, value: number): void {
    this.said.push(field < this.#types.length ? value : `beside: ${value}`)
  }

  row(_field: number, view: DataView, at: number, places: readonly number[]): void {
    for (const [i, place] of places.entries()) this.said.push(numberAt(this.#types[i]!, view, at + place))
  }

  text(): void {}

  tag(): void {}

  batch(): void {}
}

function saidOf(plan: SkimPlan, sink: Reports, body: Uint8Array, arrivals: readonly number[]): (number | string)[] {
  const skim = new Skim()
  skim.start(plan, body.length)
  feed(body, arrivals, (bytes, view, from, to) => (skim.done ? to : skim.run(bytes, view, from, to, sink)))
  assert.ok(skim.done)
  return sink.said
}

describe('a row', () => {
  const rows = everyRow()

  test('says what its fields say one by one, in every message that has one', () => {
    assert.ok(rows.length > 1_000, `${rows.length} rows`)
    let numbers = 0
    for (const [seed, row] of rows.entries()) numbers += compare(row, seed, () => true, '')
    assert.ok(numbers > rows.length, `${numbers} numbers`)
  })

  test('and so does any part of it, beside anything else that is wanted', () => {
    const part = fc.record({
      row: fc.constantFrom(...rows),
      seed: fc.integer(),
      picks: fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
      beside: fc.nat(),
    })
    fc.assert(
      fc.property(part, ({ row, seed, picks, beside }) => {
        const others = row.schema.fields.filter((field) => !row.fields.includes(field))
        compare(row, seed, (i) => picks[i % picks.length]!, others[beside % (others.length + 1)]?.name ?? '')
      }),
      { numRuns: 400 },
    )
  })
})

/** How many numbers were compared. */
function compare(
  { schema, version, path, fields }: Row,
  seed: number,
  picks: (i: number) => boolean,
  beside: string,
): number {
  const picked = fields.filter((_, i) => picks(i))
  if (picked.length === 0) return 0
  const names = picked.map(({ name }) => name)
  const types = picked.map(({ type }) => VALUE_TYPE[type]!)
  const random = seededRandom(seed)
  const body = encode(schema, version, randomMessage(schema, version, random))
  const besides = Array.from(names, () => '')
  const oneByOne = compileSkim(schema, version, [...names.map((name) => path + name), beside])
  const asRow = compileSkim(schema, version, [`${path}{${names}}`, ...besides.slice(1), beside])
  const expected = saidOf(oneByOne, new Reports(types), body, [body.length])
  for (const { name, arrivals } of chunkings(body.length, 8)) {
    const said = saidOf(asRow, new Reports(types), body, arrivals)
    assert.deepEqual(said, expected, `${schema.name} v${version} ${path}{${names}} beside '${beside}', ${name}`)
  }
  return expected.length
}
