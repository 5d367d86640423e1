/** The document as it was written, where anything may stand anywhere: how the checks look into it without falling over it. */
import type { Path } from './yaml-file.ts'

export type Mapping = Readonly<Record<string, unknown>>

/** A value of the document, with its place. */
export interface Placed<T = unknown> {
  readonly value: T
  readonly path: Path
}

/** A fault of the document; with `key`, it is that key of the mapping at `path`. */
export interface DocumentFault {
  readonly path: Path
  readonly key?: string
  readonly message: string
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The mapping of a key; an empty one where there is none. */
export function mappingAt(mapping: Mapping, key: string): Mapping {
  const value = mapping[key]
  return isMapping(value) ? value : {}
}

/** The entries of a list; none where there is no list. */
export function listAt(mapping: Mapping, key: string): readonly unknown[] {
  const list = mapping[key]
  return Array.isArray(list) ? list : []
}

/** The entries of a list, or the one value in its place. */
export function oneOrMore(mapping: Mapping, key: string, path: Path): readonly Placed[] {
  const value = mapping[key]
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) return [{ value, path: [...path, key] }]
  return value.map((one: unknown, i) => ({ value: one, path: [...path, key, i] }))
}

/** Those entries that are mappings. */
export function mappingsAt(mapping: Mapping, key: string, path: Path): readonly Placed<Mapping>[] {
  return oneOrMore(mapping, key, path).filter((entry): entry is Placed<Mapping> => isMapping(entry.value))
}

/** The list of quotas in either of its forms. */
export function quotasOf(document: Mapping): Placed<readonly unknown[]> {
  const quotas = document['quotas']
  if (isMapping(quotas)) return { value: listAt(quotas, 'rules'), path: ['quotas', 'rules'] }
  return { value: listAt(document, 'quotas'), path: ['quotas'] }
}

/** What a parser makes of a value; undefined where it refuses it, which the schema says. */
export function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Why a parser refuses a value; undefined where it does not. */
export function faultOf(parse: () => unknown): string | undefined {
  try {
    parse()
    return undefined
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}
