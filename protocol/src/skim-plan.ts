/**
 * Compiles a message schema and a list of wanted fields to a skim plan: a flat program of small integers that `Skim` runs.
 *
 * The program is straight-line code with three kinds of jumps, all to addresses known here: over an absent array or struct, back to
 * the start of an array's element, and into and out of a tagged field. What nobody wants becomes as few skips as possible, and
 * everything after the last wanted field is left out. Loop counters live in numbered slots, because schemas do not nest without end.
 *
 * Wanted fields are dotted paths from the top of the message:
 * - `acks`, `responses.partitionResponses.errorCode`: that field, in every element of the arrays on its way
 * - an array (`topics`, `topics.partitions`): its count; a nullable struct: whether it is there
 * - `topicNames[]`: the elements of an array of strings, numbers or ids
 * - `**.errorCode`: fields of that name at any depth
 * - a tagged field (`nodeEndpoints`): where its tag is, then its value if it is no array or struct; content can be wanted as well
 *   (`nodeEndpoints.host`)
 * - `topics.partitions.{partition,fetchOffset}`: numbers that lie side by side, or with other numbers between them, as one row. What
 *   a row covers is not reported beside it
 * A path that the version does not have compiles to nothing. A field that several paths name is reported for the first of them.
 */

import { FIXED_BYTES, type Field, type FieldType, inRange, type MessageSchema } from './schema.ts'
import { BATCH_HEADER_BYTES, COMPACT, INT16_LENGTH, INT32_LENGTH, OP, ROW_WORDS, VALUE_TYPE } from './skim-code.ts'

/** Wanted text longer than this is reported by its length only: it must fit into the smallest read buffer with room to spare. */
export const TEXT_BYTES_MAX = 8192

/** A compiled skim; immutable, to be shared by all sessions. */
export interface SkimPlan {
  readonly code: Int32Array
  /** Structs end with a section of tagged fields. */
  readonly flexible: boolean
  /** How many loop counters the program needs. */
  readonly slots: number
  /** The wanted paths; `SkimSink` names a field by its index here. */
  readonly wanted: readonly string[]
  /** For each wanted path whether this version of the message has it. */
  readonly found: readonly boolean[]
  /** For each wanted row where its fields lie in it, in the order of the path; −1: the version does not have that one. */
  readonly places: readonly (readonly number[])[]
  /** No atom is longer: a caller whose buffer holds this many bytes always makes progress. */
  readonly atomBytesMax: number
}

/** Where a wanted path stands on its way down the schema. */
interface Want {
  readonly field: number
  readonly path: readonly string[]
  readonly deep: boolean
}

/**
 * Compiles the plan that finds `wanted` in the body of `schema` at `version`.
 * @param textBytesMax wanted text that is longer is skipped and reported with offset −1 and its length
 * @throws RangeError when the message has no such version
 */
export function compileSkim(
  schema: MessageSchema,
  version: number,
  wanted: readonly string[],
  textBytesMax: number = TEXT_BYTES_MAX,
): SkimPlan {
  if (!inRange(version, schema.versions)) throw new RangeError(`${schema.name} has no version ${version}`)
  const compiler = new Compiler(version, inRange(version, schema.flexible), textBytesMax)
  const wants = wanted.map((path, field): Want => {
    const deep = path.startsWith('**.')
    return { field, path: (deep ? path.slice(3) : path).split('.'), deep }
  })
  compiler.message(schema.fields, wants)
  return {
    code: Int32Array.from(compiler.code),
    flexible: inRange(version, schema.flexible),
    slots: compiler.slots,
    wanted,
    found: wanted.map((_, field) => compiler.found.has(field)),
    places: wanted.map((_, field) => compiler.places.get(field) ?? []),
    atomBytesMax: compiler.atomBytesMax,
  }
}

/** The wanted paths that end at `name`. */
function endingAt(wants: readonly Want[], name: string): number {
  return wants.find((want) => want.path.length === 1 && want.path[0] === name)?.field ?? -1
}

/** The wanted paths that lead into `name`, as seen from there. */
function leadingInto(wants: readonly Want[], name: string): readonly Want[] {
  const inner: Want[] = []
  for (const want of wants) {
    if (want.deep) inner.push(want)
    if (want.path.length > 1 && want.path[0] === name) inner.push({ ...want, path: want.path.slice(1), deep: false })
  }
  return inner
}

/** The names in the path of a row. */
function namesOfRow({ path }: Want): readonly string[] | undefined {
  const [end = ''] = path
  return path.length === 1 && end.startsWith('{') ? end.slice(1, -1).split(',') : undefined
}

class Compiler {
  readonly code: number[] = []
  readonly found: Set<number> = new Set()
  readonly places: Map<number, readonly number[]> = new Map()
  slots = 0
  /** Two varints: the head of a tagged field. */
  atomBytesMax = 10
  readonly #version: number
  readonly #flexible: boolean
  readonly #textBytesMax: number
  /** Address of a skip that ends the code so far and may grow; −1: none, or something jumps to the end of the code. */
  #openSkip = -1

  constructor(version: number, flexible: boolean, textBytesMax: number) {
    this.#version = version
    this.#flexible = flexible
    this.#textBytesMax = textBytesMax
  }

  /** The whole body, up to the last field that holds something wanted. */
  message(fields: readonly Field[], wants: readonly Want[]): void {
    const tagsWanted = this.#flexible && fields.some((field) => this.#isTagged(field) && this.#isWanted(field, wants))
    const plain = fields.filter((field) => this.#isPlain(field))
    const last = tagsWanted ? plain.length : plain.findLastIndex((field) => this.#isWanted(field, wants)) + 1
    this.#plainFields(plain.slice(0, last), wants, 0)
    if (tagsWanted) this.#tags(fields, wants, 0)
    this.#emit(OP.done)
  }

  #emit(...words: readonly number[]): number {
    this.#openSkip = -1
    return this.code.push(...words) - words.length
  }

  /** The address of what is emitted next, as the target of a jump. */
  #label(): number {
    this.#openSkip = -1
    return this.code.length
  }

  #isPlain(field: Field): boolean {
    return inRange(this.#version, field.versions) && !this.#isTagged(field)
  }

  #isTagged(field: Field): boolean {
    return inRange(this.#version, field.versions) && field.tagged !== undefined && inRange(this.#version, field.tagged)
  }

  /** Whether this field or anything in it is to be reported. */
  #isWanted(field: Field, wants: readonly Want[]): boolean {
    if (!inRange(this.#version, field.versions)) return false
    if (endingAt(wants, field.name) >= 0 || (field.array && endingAt(wants, `${field.name}[]`) >= 0)) return true
    if (wants.some((want) => namesOfRow(want)?.includes(field.name))) return true
    const inner = leadingInto(wants, field.name)
    return inner.length > 0 && (field.fields ?? []).some((child) => this.#isWanted(child, inner))
  }

  #isCompact(field: Field): boolean {
    return this.#flexible && (field.flexible === undefined || inRange(this.#version, field.flexible))
  }

  /** How the length of this field is written. */
  #coding(field: Field, type: FieldType): number {
    if (this.#isCompact(field)) return COMPACT
    return type === 'string' ? INT16_LENGTH : INT32_LENGTH
  }

  #isNullable(field: Field): boolean {
    return field.nullable !== undefined && inRange(this.#version, field.nullable)
  }

  /** Size of one `field`, taken as a single element, when it is always the same; else −1. */
  #fixedBytes(field: Field): number {
    if (field.type !== 'struct') return FIXED_BYTES[field.type] ?? -1
    if (this.#flexible) return -1
    let total = 0
    for (const child of (field.fields ?? []).filter((each) => this.#isPlain(each))) {
      const size = child.array || this.#isNullable(child) ? -1 : this.#fixedBytes(child)
      if (size < 0) return -1
      total += size
    }
    return total
  }

  /** The least size of one `field`, taken as a single element: bounds the count of an array by the bytes that remain. */
  #leastBytes(field: Field): number {
    if (field.type !== 'struct') return FIXED_BYTES[field.type] ?? (this.#coding(field, field.type) || 1)
    let total = this.#flexible ? 1 : 0
    for (const child of (field.fields ?? []).filter((each) => this.#isPlain(each))) {
      if (child.array) total += this.#coding(child, 'bytes') || 1
      else if (child.type === 'struct' && this.#isNullable(child)) total += 1
      else total += this.#leastBytes(child)
    }
    return total
  }

  #report(field: number): number {
    if (field >= 0) this.found.add(field)
    return field
  }

  #field(field: Field, wants: readonly Want[], slot: number): void {
    const own = this.#report(endingAt(wants, field.name))
    if (field.array) this.#array(field, own, wants, slot)
    else if (field.type === 'struct') this.#struct(field, own, leadingInto(wants, field.name), slot)
    else this.#scalar(field, own, slot)
  }

  #struct(field: Field, own: number, inner: readonly Want[], slot: number): void {
    const marker = this.#isNullable(field) ? this.#emit(OP.nullable, own, 0) : -1
    this.#fields(field.fields ?? [], inner, slot)
    if (marker >= 0) this.code[marker + 2] = this.#label()
  }

  #fields(fields: readonly Field[], wants: readonly Want[], slot: number): void {
    this.#plainFields(
      fields.filter((field) => this.#isPlain(field)),
      wants,
      slot,
    )
    if (this.#flexible) this.#tags(fields, wants, slot)
  }

  #plainFields(fields: readonly Field[], wants: readonly Want[], slot: number): void {
    let at = 0
    while (at < fields.length) {
      const row = wants.find((want) => namesOfRow(want)?.includes(fields[at]!.name))
      if (row === undefined) this.#field(fields[at]!, wants, slot)
      at += row === undefined ? 1 : this.#row(fields.slice(at), row)
    }
  }

  /** A row that begins with the first of these fields; returns how many it covers. */
  #row(fields: readonly Field[], want: Want): number {
    const names = namesOfRow(want)!
    const covered = fields.slice(0, fields.findLastIndex(({ name }) => names.includes(name)) + 1)
    const places = new Map<string, number>()
    let sizeBytes = 0
    for (const field of covered) {
      const bytes = field.array ? undefined : FIXED_BYTES[field.type]
      if (bytes === undefined) throw new RangeError(`${field.name} lies in the row ${want.path[0]} and is no number`)
      places.set(field.name, sizeBytes)
      sizeBytes += bytes
    }
    const field = this.#report(want.field)
    this.places.set(
      field,
      names.map((name) => places.get(name) ?? -1),
    )
    this.#atom(sizeBytes, OP.row, sizeBytes, field, -1, 0, 0)
    return covered.length
  }

  /** Where an element begins with a row and nothing else is wanted of it, the row at `start` goes to the next element by itself. */
  #join(start: number, slot: number): void {
    const skip = start + ROW_WORDS
    const hasRest = this.code[skip] === OP.skip
    const end = hasRest ? skip + 2 : skip
    // Tagged fields behind it may be those of a struct in the element: only the element's own end where the loop is.
    const loop = this.#flexible && this.code[end] === OP.tags ? this.code[end + 2]! : end
    if (this.code[loop] !== OP.loop || (this.#flexible && loop === end)) return
    this.code[start + 3] = hasRest ? this.code[skip + 1]! : 0
    this.code[start + 4] = slot
    this.code[start + 5] = this.#label()
  }

  #scalar(field: Field, own: number, slot: number): void {
    const fixed = FIXED_BYTES[field.type]
    const coding = this.#coding(field, field.type)
    if (own < 0 && fixed !== undefined) this.#skip(fixed)
    else if (own < 0) this.#emit(OP.skipText, coding)
    else if (field.type === 'uuid') this.#atom(16, OP.uuid, own)
    else if (field.type === 'records') this.#records(coding, own, slot)
    else if (fixed === undefined) this.#atom(this.#textBytesMax + 5, OP.text, coding, own, this.#textBytesMax)
    else this.#atom(fixed, OP.value, VALUE_TYPE[field.type] ?? -1, fixed, own)
  }

  #skip(sizeBytes: number): void {
    if (this.#openSkip < 0) this.#openSkip = this.code.push(OP.skip, 0) - 2
    this.code[this.#openSkip + 1]! += sizeBytes
  }

  #atom(sizeBytes: number, ...words: readonly number[]): void {
    this.atomBytesMax = Math.max(this.atomBytesMax, sizeBytes)
    this.#emit(...words)
  }

  #useSlots(upTo: number): void {
    this.slots = Math.max(this.slots, upTo)
  }

  #records(coding: number, own: number, slot: number): void {
    this.#useSlots(slot + 1)
    this.#emit(OP.records, coding, own, slot)
    this.#atom(BATCH_HEADER_BYTES, OP.batch, own, slot)
  }

  #array(field: Field, own: number, wants: readonly Want[], slot: number): void {
    const coding = this.#coding(field, 'bytes')
    const each = this.#report(endingAt(wants, `${field.name}[]`))
    const inner = leadingInto(wants, field.name)
    const walk = each >= 0 || (field.fields ?? []).some((child) => this.#isWanted(child, inner))
    const fixed = this.#fixedBytes(field)
    if (!walk && fixed >= 0) {
      this.#emit(OP.fixedArray, coding, own, fixed)
      return
    }
    this.#useSlots(slot + 1)
    const at = this.#emit(OP.array, coding, own, slot, 0, this.#leastBytes(field))
    const start = this.#label()
    if (field.type === 'struct') this.#fields(field.fields ?? [], inner, slot + 1)
    else this.#scalar(field, each, slot + 1)
    this.#emit(OP.loop, slot, start)
    this.code[at + 4] = this.#label()
    if (this.code[start] === OP.row) this.#join(start, slot)
  }

  /** The tag section at the end of a flexible struct. */
  #tags(fields: readonly Field[], wants: readonly Want[], slot: number): void {
    this.#useSlots(slot + 2)
    const known = fields.filter((field) => this.#isTagged(field) && this.#isWanted(field, wants))
    const section = this.#emit(OP.tags, slot, 0)
    const at = this.#emit(OP.tag, slot, 0, known.length)
    for (const field of known) this.#emit(field.tag ?? -1, this.#report(endingAt(wants, field.name)), -1)
    for (const [index, field] of known.entries()) {
      this.code[at + 4 + index * 3 + 2] = this.#label()
      this.#tagContent(field, wants, slot + 2)
      this.#emit(OP.tagEnd, slot, at)
    }
    this.code[section + 2] = this.#label()
    this.code[at + 2] = this.#label()
  }

  /** An array or a struct has been reported by its tag; a count beside it would say nothing new. */
  #tagContent(field: Field, wants: readonly Want[], slot: number): void {
    if (field.array) this.#array(field, -1, wants, slot)
    else if (field.type === 'struct') this.#struct(field, -1, leadingInto(wants, field.name), slot)
    else this.#scalar(field, endingAt(wants, field.name), slot)
  }
}
