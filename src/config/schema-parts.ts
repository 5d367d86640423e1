/**
 * The parts that the schema is built from: sections that refuse unknown keys, texts with a form of their own, lists that may
 * be one value. Each says its fault in words for the operator, and its form for editors (`JsonForm`).
 */
import * as z from 'zod'
import { suggestion } from './suggest.ts'

/** How editors see a value, where zod's own idea of it says too little: keywords of JSON Schema. */
export interface JsonForm {
  readonly type?: string | readonly string[]
  readonly pattern?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonForm[]
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly examples?: readonly unknown[]
}

const MERGE = '; YAML 1.2 has no merge key: write the values out, or use an alias for a whole value (limit: *limit)'

/**
 * An object that refuses keys it does not know: one line for each, with what was probably meant. `hints` has what to say of
 * keys that people bring from elsewhere, `example` how the whole is written where that is easily mistaken.
 */
export function section<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  hints: Readonly<Record<string, string>> = {},
  example?: string,
): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape)
  const hintOf = (key: string): string =>
    key === '<<' ? MERGE : Object.hasOwn(hints, key) ? `; ${hints[key]}` : suggestion(key, known)
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => `unknown key${hintOf(key)}`).join('\n')
      return issue.code === 'invalid_type'
        ? `expected a mapping with ${known.join(', ')}${example === undefined ? '' : `, as in ${example}`}`
        : undefined
    },
  })
}

/** Text with a form of its own; the parser's RangeError is the fault. Numbers are taken as their text, so that it can say what they lack. */
export function text<T>(parse: (value: string) => T, json: JsonForm): z.ZodType<T, string | number> {
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => attempt(() => parse(String(value)), context))
    .meta({ json })
}

/** As `text`, where a number in the file is most likely a mistake. With an `id` the JSON Schema has it once, however often it is used. */
export function string<T>(parse: (value: string) => T, json: JsonForm = {}, id?: string): z.ZodType<T, string> {
  return z
    .string({ error: notText })
    .transform((value, context) => attempt(() => parse(value), context))
    .meta({ json: { type: 'string', ...json }, ...(id === undefined ? {} : { id }) })
}

function notText({ input }: { readonly input?: unknown }): string {
  return `expected text, not ${JSON.stringify(input)}; put it in quotes`
}

function attempt<T>(parse: () => T, context: z.core.$RefinementCtx): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
    return z.NEVER
  }
}

/** A list, or one value in its place. */
export function listOf<T>(
  one: z.ZodType<T, string>,
  whenEmpty = 'an empty list matches nothing; leave the key out',
): z.ZodType<T[], string | string[]> {
  return z.union([one.transform((value) => [value]), z.array(one, { error: notText }).min(1, whenEmpty)])
}

/** A mapping of names, each checked, to values. */
export function named<T, In>(
  parseName: (name: string) => unknown,
  nameForm: JsonForm,
  value: z.ZodType<T, In>,
): z.ZodType<Record<string, T>> {
  const name = z
    .string()
    .superRefine((written, context) => void attempt(() => parseName(written), context))
    .meta({ json: { type: 'string', ...nameForm } })
  return z.record(name, value, {
    error: (issue) => (issue.code === 'invalid_type' ? 'expected a mapping of names to values' : undefined),
  })
}

/** A TCP port. */
export function port(min: 0 | 1): z.ZodInt {
  const error = `ports are whole numbers from ${min} to 65535`
  return z.int({ error }).min(min, { error }).max(65_535, { error })
}

/** A whole number of things. */
export function count(max: number, min: 0 | 1 = 1): z.ZodInt {
  const error = `expected a whole number from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

const NUMBER = String.raw`^\s*\d+(\.\d+)?\s*`
const BYTES = 'B|kB|MB|GB|TB|KiB|MiB|GiB|TiB'
const TIMES = 'ms|s|m|min|h|d'
const PER_TIME = String.raw`\s*/\s*(s|min|h)\s*$`

/** The forms of `units.ts`, as far as a pattern can tell. */
export const BYTE_RATE: JsonForm = {
  type: 'string',
  pattern: `${NUMBER}(${BYTES})${PER_TIME}`,
  examples: ['5 MB/s', '512 KiB/s'],
}
export const COUNT_RATE: JsonForm = {
  type: 'string',
  pattern: `${NUMBER}[kM]?${PER_TIME}`,
  examples: ['100/s', '20k/s', '30/min'],
}
export const LEVEL: JsonForm = {
  anyOf: [
    { type: 'integer', minimum: 1 },
    { type: 'string', pattern: String.raw`${NUMBER}[kM]?\s*$` },
  ],
  examples: [100, '2k'],
}
export const DURATION: JsonForm = {
  type: 'string',
  pattern: String.raw`${NUMBER}(${TIMES})\s*$`,
  examples: ['2s', '500ms', '10m'],
}
export const BURST: JsonForm = {
  anyOf: [
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: String.raw`${NUMBER}(${TIMES}|${BYTES}|k|M)?\s*$` },
  ],
  examples: ['2s', '10 MB', 500],
}
export const SIZE: JsonForm = {
  anyOf: [
    { type: 'integer', minimum: 1024 },
    { type: 'string', pattern: String.raw`${NUMBER}(${BYTES})?\s*$` },
  ],
  examples: ['100 MiB'],
}
export const PERCENT: JsonForm = { type: 'string', pattern: String.raw`${NUMBER}%\s*$`, examples: ['10%'] }
