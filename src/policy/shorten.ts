/**
 * Names that clients choose may have 32 kB; what is kept of them is bounded. A longer one is cut and ends in its hash, so that two
 * with the same beginning stay two.
 */
import { BUCKET_KEY_CHARS_MAX } from '../bounds.ts'

export function shorten(key: string): string {
  if (key.length <= BUCKET_KEY_CHARS_MAX) return key
  const tail = `…${hashOf(key, 0x811c9dc5)}${hashOf(key, 0x01000193)}`
  return key.slice(0, BUCKET_KEY_CHARS_MAX - tail.length) + tail
}

/** FNV-1a, 32 bits, as eight hex digits. */
function hashOf(text: string, seed: number): string {
  let hash = seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
