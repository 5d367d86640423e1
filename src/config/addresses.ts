/** Hosts and ports as people write them: `kafka:9092`, `10.0.0.1:9092`, `[::1]:9092`, `19092-19191`. */
import { isIPv6 } from 'node:net'

/** A host, without brackets, and a port. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Ports that brokers are given, both ends included; `any`: whatever is free, another one at every start. */
export type BrokerPorts = { readonly first: number; readonly last: number } | 'any'

const PORT_MAX = 65_535
const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?$/u

/**
 * @param portMin 1 for a port to dial, 0 where it means "any that is free"
 * @param example the port that is shown to whoever has given none
 * @throws RangeError that shows the right form
 */
export function parseAddress(text: string, portMin: 0 | 1, example = 9092): HostPort {
  const trimmed = text.trim()
  if (/^[a-z+]+:\/\//iu.test(trimmed)) throw new RangeError(`"${text}" is a URL; write HOST:PORT`)
  if (isIPv6(trimmed)) {
    throw new RangeError(`"${text}": an IPv6 address needs brackets and a port: ${bracketed(trimmed, example)}`)
  }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/su.exec(trimmed)
  if (match === null) throw new RangeError(`"${text}" is no HOST:PORT; write kafka:9092 or [::1]:9092`)
  const [, inBrackets, plain, port] = match
  const host = inBrackets === undefined ? parseHost(plain!) : parseIPv6(inBrackets)
  if (/^\d+$/u.test(host) && port === undefined) throw new RangeError(`"${text}" has no host; write 127.0.0.1:${text}`)
  if (port === undefined || port === '')
    throw new RangeError(`"${text}" has no port; write ${trimmed.replace(/:$/u, '')}:${example}`)
  if (!/^\d{1,5}$/u.test(port) || Number(port) > PORT_MAX || Number(port) < portMin) {
    throw new RangeError(`"${port}" is no port; ports are ${portMin} to ${PORT_MAX}`)
  }
  return { host, port: Number(port) }
}

/** What was probably meant: the last part of `::1:9092` is a port, though an IPv6 address may end so. */
function bracketed(address: string, example: number): string {
  const [, host = '', port = ''] = /^(.*):(\d{4,5})$/u.exec(address) ?? []
  return isIPv6(host) ? `[${host}]:${port}` : `[${address}]:${example}`
}

/** A host name or address without a port. */
export function parseHost(text: string): string {
  if (isIPv6(text) || HOST_NAME.test(text)) return text
  if (text === '') throw new RangeError('the host is missing; write localhost:9092 or 0.0.0.0:9092')
  throw new RangeError(`"${text}" is no host name or address`)
}

function parseIPv6(text: string): string {
  if (!isIPv6(text)) throw new RangeError(`"${text}" is no IPv6 address`)
  return text
}

/** A comma-separated list of addresses to dial. */
export function parseAddresses(text: string): HostPort[] {
  const parts = text.split(',')
  if (parts.some((part) => part.trim() === ''))
    throw new RangeError(`"${text}": an address is missing; write kafka-0:9092, or kafka-0:9092,kafka-1:9092`)
  return parts.map((part) => parseAddress(part, 1))
}

/** `19092-19191`, or `0`. */
export function parseBrokerPorts(text: string): BrokerPorts {
  if (text.trim() === '0') return 'any'
  const match = /^\s*(\d{1,5})\s*-\s*(\d{1,5})\s*$/u.exec(text)
  if (match === null)
    throw new RangeError(`"${text}" is no range of ports; write 19092-19191, or 0 for any that are free`)
  const [first, last] = [Number(match[1]), Number(match[2])]
  if (first > last) throw new RangeError(`${text} runs backwards; write ${last}-${first}`)
  if (first < 1 || last > PORT_MAX) throw new RangeError(`${text}: ports are 1 to ${PORT_MAX}`)
  return { first, last }
}

/** Where tokens are asked for: a secret is sent there, so it is encrypted or does not leave this machine. */
export function parseTokenUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null) throw new RangeError(`"${text}" is no URL; write https://login.example.com/oauth2/token`)
  if (url.username !== '' || url.password !== '') throw new RangeError('secrets are in files: give clientSecretFile')
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))) return text
  throw new RangeError(`"${text}": only https, or http on this machine, because a secret is sent there`)
}

/** Whether only this machine reaches what listens there. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.has(host.toLowerCase().replace(/^\[|\]$/gu, '')) || /^127\.\d+\.\d+\.\d+$/u.test(host)
}

/** Whether one cannot listen on both. */
export function collide(a: HostPort, b: HostPort): boolean {
  if (a.port === 0 || a.port !== b.port) return false
  return isWildcard(a.host) || isWildcard(b.host) || sameHost(a.host, b.host)
}

/** Whether to dial one address is to reach the other, as far as their names tell. */
export function reaches(dialled: HostPort, listening: HostPort): boolean {
  if (dialled.port !== listening.port) return false
  return (
    sameHost(dialled.host, listening.host) || (isWildcard(listening.host) && LOOPBACK.has(dialled.host.toLowerCase()))
  )
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1'])

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** Where this machine reaches what listens on that host: a wildcard is no address to dial. */
export function dialledHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

/** `localhost` is either loopback address; those two are not the same. */
function sameHost(a: string, b: string): boolean {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()]
  if (left === right) return true
  return (left === 'localhost' && LOOPBACK.has(right)) || (right === 'localhost' && LOOPBACK.has(left))
}
