/** JSON Patch (RFC 6902), as far as an admission webhook needs it. */

export interface Operation {
  readonly op: 'add' | 'replace' | 'test'
  readonly path: string
  readonly value: unknown
}

/** A path of keys and indexes; `-` is the end of a list. */
export function pointer(...parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** Puts entries into a mapping that may not be there. */
export function addEntries(
  path: string,
  present: Readonly<Record<string, unknown>> | null | undefined,
  entries: Readonly<Record<string, unknown>>,
): Operation[] {
  if (present === undefined || present === null) return [{ op: 'add', path, value: entries }]
  return Object.entries(entries).map(([key, value]) => ({ op: 'add', path: path + pointer(key), value }))
}

/** Puts values at the front or the end of a list that may not be there. */
export function addItems(
  path: string,
  present: readonly unknown[] | null | undefined,
  values: readonly unknown[],
  where: 'first' | 'last',
): Operation[] {
  if (values.length === 0) return []
  if (present === undefined || present === null) return [{ op: 'add', path, value: values }]
  const inOrder = where === 'first' ? values.toReversed() : values
  return inOrder.map((value) => ({ op: 'add', path: path + pointer(where === 'first' ? 0 : '-'), value }))
}
