/** What the tables file buckets and gauges under: one string for quota, dimension and key, or for those who share an overflow. */

export function nameOf(quota: string, dimension: string, key: string): string {
  return `key\0${quota}\0${dimension}\0${key}`
}

/** Only the like share: keys with a limit of their own (overrides) would otherwise change it for all the others. */
export function overflowNameOf(quota: string, dimension: string, ...limit: readonly number[]): string {
  return `overflow\0${quota}\0${dimension}\0${limit.join('\0')}`
}

/** The parts of a name again. The key may have any characters; an overflow has none. */
export function partsOf(name: string): { readonly quota: string; readonly dimension: string; readonly key: string } {
  const [kind, quota = '', dimension = '', ...key] = name.split('\0')
  return { quota, dimension, key: kind === 'key' ? key.join('\0') : '' }
}
