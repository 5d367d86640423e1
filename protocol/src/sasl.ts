/**
 * Who a client says it is: the user name out of the first message of a SASL exchange that passes by. A claim only, to be believed
 * after the broker's success. And what the first bytes of a connection look like, for the log line that tells a TLS client from noise.
 *
 * Nothing here throws: what cannot be read has no user. Passwords, proofs and tokens are looked at in place and never kept.
 */

const NUL = 0x00
const SOH = 0x01
const COMMA = 0x2c

/** Longer names are not believed to be names: they end up as map keys and in log lines. */
const USER_BYTES_MAX = 1024
/** Messages are a few hundred bytes; tokens with many claims a few thousand. */
const MESSAGE_BYTES_MAX = 65_536

const decoder = new TextDecoder()

/**
 * The user named in the first message that a client sends after SaslHandshake.
 * - PLAIN (RFC 4616): the authcid, which is Kafka's principal
 * - SCRAM-SHA-256, SCRAM-SHA-512 (RFC 5802): the user name, unescaped; none for delegation tokens (KIP-48), whose name is a token's id
 * - OAUTHBEARER (RFC 7628): the `sub` claim, when the token is a JWT; its signature is for the broker to check
 * @param mechanism as named in SaslHandshake
 * @returns undefined for other mechanisms and for what cannot be read
 */
export function saslUser(mechanism: string, message: Uint8Array): string | undefined {
  if (message.length > MESSAGE_BYTES_MAX) return undefined
  switch (mechanism) {
    case 'PLAIN':
      return plainUser(message)
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512':
      return scramUser(message)
    case 'OAUTHBEARER':
      return bearerUser(message)
    default:
      return undefined
  }
}

/** `authzid NUL authcid NUL password`: three parts, neither more nor fewer. */
function plainUser(message: Uint8Array): string | undefined {
  const first = message.indexOf(NUL)
  const second = first < 0 ? -1 : message.indexOf(NUL, first + 1)
  if (second < 0 || message.indexOf(NUL, second + 1) >= 0) return undefined
  return boundedUser(message, first + 1, second)
}

/** `gs2-flag , [a=authzid] , [m=reserved,] n=user , r=nonce [,extension…]` */
function scramUser(message: Uint8Array): string | undefined {
  const bare = afterGs2Header(message)
  if (bare < 0) return undefined
  const parts = decoder.decode(message.subarray(bare)).split(',')
  if (parts[0]?.startsWith('m=')) parts.shift()
  const [name, nonce, ...extensions] = parts
  if (!name?.startsWith('n=') || !nonce?.startsWith('r=')) return undefined
  if (extensions.some((extension) => extension.toLowerCase() === 'tokenauth=true')) return undefined
  return scramName(name.slice(2))
}

/** `,` and `=` are written `=2C` and `=3D`; any other `=` is an error. */
function scramName(escaped: string): string | undefined {
  if (escaped.length === 0 || escaped.length > USER_BYTES_MAX) return undefined
  if (escaped.replaceAll('=2C', '').replaceAll('=3D', '').includes('=')) return undefined
  return escaped.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

/** The position behind `n,,`, `y,,`, `p=tls-unique,,` or the like with `a=authzid` in it; −1 when there is no such header. */
function afterGs2Header(message: Uint8Array): number {
  const first = message.indexOf(COMMA)
  const second = first < 0 ? -1 : message.indexOf(COMMA, first + 1)
  if (second < 0 || second > USER_BYTES_MAX * 2) return -1
  const flag = decoder.decode(message.subarray(0, first))
  const authzid = decoder.decode(message.subarray(first + 1, second))
  const known = flag === 'n' || flag === 'y' || flag.startsWith('p=')
  return known && (authzid === '' || authzid.startsWith('a=')) ? second + 1 : -1
}

/** `gs2-header SOH auth=Bearer token SOH [key=value SOH…] SOH` */
function bearerUser(message: Uint8Array): string | undefined {
  const start = afterGs2Header(message)
  if (start < 0 || message[start] !== SOH) return undefined
  for (const pair of decoder.decode(message.subarray(start + 1)).split('\u0001')) {
    if (/^auth=Bearer +/i.test(pair)) return jwtSubject(pair.slice('auth=Bearer '.length).trim())
  }
  return undefined
}

function jwtSubject(token: string): string | undefined {
  const [, payload, ...rest] = token.split('.')
  if (payload === undefined || rest.length !== 1) return undefined
  try {
    const claims: unknown = JSON.parse(decodeBase64Url(payload))
    const subject = typeof claims === 'object' && claims !== null && 'sub' in claims ? claims.sub : undefined
    return typeof subject === 'string' && subject.length > 0 && subject.length <= USER_BYTES_MAX ? subject : undefined
  } catch {
    return undefined
  }
}

function decodeBase64Url(text: string): string {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return decoder.decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)))
}

function boundedUser(message: Uint8Array, from: number, to: number): string | undefined {
  return to > from && to - from <= USER_BYTES_MAX ? decoder.decode(message.subarray(from, to)) : undefined
}

/**
 * What the first bytes of a connection look like.
 * - `tls`: a TLS hello · `http`: a request line or an HTTP/2 preface
 * - `sasl`: a size and a Kerberos token without any Kafka header, as clients of Kafka 0.9 begin
 * - `kafka`: a request, as far as it can be seen · `garbage`: none of these (SSH, noise, a size that cannot be)
 */
export type FirstBytes = 'tls' | 'http' | 'sasl' | 'kafka' | 'garbage'

const TLS_HANDSHAKE = 0x16
const TLS_MAJOR_VERSION = 0x03
const HTTP_STARTS: readonly string[] = [
  ...['GET ', 'PUT ', 'POST ', 'HEAD ', 'TRACE ', 'PATCH ', 'DELETE ', 'OPTIONS ', 'CONNECT '],
  ...['PRI * ', 'HTTP/'],
]
/** APPLICATION 0, the outer tag of a GSS-API token (RFC 2743). */
const GSSAPI_TAG = 0x60
const TOKEN_BYTES_MAX = 65_536
/** Far beyond what any broker takes (100 MiB by default), and below all that text looks like when read as a size. */
const SIZE_BYTES_MAX = 0x2000_0000
const API_KEY_MAX = 255
const API_VERSION_MAX = 63

/** Says what the bytes of `[from, to)` look like, where a connection begins. The more there are, up to 8, the surer it is. */
export function describeFirstBytes(bytes: Uint8Array, from: number, to: number): FirstBytes {
  if (bytes[from] === TLS_HANDSHAKE && from + 1 < to && bytes[from + 1] === TLS_MAJOR_VERSION) return 'tls'
  const text = decoder.decode(bytes.subarray(from, Math.min(to, from + 8)))
  if (HTTP_STARTS.some((start) => text.startsWith(start) || (text.length >= 4 && start.startsWith(text)))) return 'http'
  if (to - from < 4) return bytes[from] === 0 || to === from ? 'kafka' : 'garbage'
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, to - from)
  const size = view.getInt32(0)
  if (size <= 0 || size > SIZE_BYTES_MAX) return 'garbage'
  if (to - from > 4 && view.getUint8(4) === GSSAPI_TAG && size <= TOKEN_BYTES_MAX) return 'sasl'
  if (to - from >= 6 && view.getUint16(4) > API_KEY_MAX) return 'garbage'
  return to - from >= 8 && view.getUint16(6) > API_VERSION_MAX ? 'garbage' : 'kafka'
}
