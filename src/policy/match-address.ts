/** Patterns for source addresses: one address, or a network in CIDR notation (`10.0.0.0/8`, `fd00::/8`). */
import type { Pattern } from './match.ts'

const IPV4_IN_IPV6 = [0, 0, 0, 0, 0, 0xffff]

/**
 * Compiles an address pattern.
 * @throws RangeError with a message for the operator
 */
export function compileAddress(text: string): Pattern {
  const slash = text.indexOf('/')
  const network = slash < 0 ? text : text.slice(0, slash)
  const words = parseAddressWords(network)
  if (words === undefined) throw new RangeError(`"${network}" is no IP address; write 10.1.2.3, 10.0.0.0/8 or fd00::/8`)
  const bitsMax = network.includes(':') ? 128 : 32
  const bits = slash < 0 ? bitsMax : Number(text.slice(slash + 1))
  if (!/^\d*$/u.test(text.slice(network.length + 1)) || text.endsWith('/') || bits > bitsMax) {
    throw new RangeError(`"${text}" needs a prefix length from 0 to ${bitsMax} behind the slash`)
  }
  const prefixBits = bits + 128 - bitsMax
  return {
    text,
    kind: bits === bitsMax ? 'exact' : 'glob',
    literalChars: prefixBits,
    matches: (value) => {
      const other = parseAddressWords(value)
      return other !== undefined && samePrefix(words, other, prefixBits)
    },
  }
}

/** Eight 16-bit words, an IPv4 address as the IPv6 address that stands for it; undefined for what is no address. */
function parseAddressWords(text: string): readonly number[] | undefined {
  if (!text.includes(':')) {
    const words = parseIpv4(text)
    return words === undefined ? undefined : [...IPV4_IN_IPV6, ...words]
  }
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map(parseGroups)
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  if (halves.length === 1) return head.length === 8 ? head : undefined
  const missing = 8 - head.length - tail!.length
  return missing < 1 ? undefined : [...head, ...new Array<number>(missing).fill(0), ...tail!]
}

/** Groups of hexadecimal digits; the last may be a whole IPv4 address. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return []
  const words: number[] = []
  for (const group of text.split(':')) {
    const ipv4 = group.includes('.') ? parseIpv4(group) : undefined
    if (ipv4 !== undefined) words.push(...ipv4)
    else if (/^[\da-f]{1,4}$/iu.test(group)) words.push(Number.parseInt(group, 16))
    else return undefined
  }
  return words
}

function parseIpv4(text: string): readonly [number, number] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/u.exec(text)
  if (match === null) return undefined
  const [a, b, c, d] = match.slice(1).map(Number) as [number, number, number, number]
  return Math.max(a, b, c, d) > 255 ? undefined : [a * 256 + b, c * 256 + d]
}

function samePrefix(a: readonly number[], b: readonly number[], bits: number): boolean {
  for (let word = 0; word * 16 < bits; word++) {
    const shift = Math.max(0, 16 - (bits - word * 16))
    if (a[word]! >> shift !== b[word]! >> shift) return false
  }
  return true
}
