/** The token that opens the admin pages to other machines: what one looks like, and whether a request has it. */
import { createHash, timingSafeEqual } from 'node:crypto'

/** Nobody is kept from guessing but by its length. */
const TOKEN_CHARS_MIN = 16
const TOKEN_CHARS_MAX = 4_096

/** Of a file's text. @throws RangeError that shows nothing of it */
export function parseAdminToken(text: string): string {
  const token = text.replace(/^\ufeff/u, '').trim()
  if (/[^\x21-\x7e]/u.test(token)) {
    throw new RangeError('there is no token: one line of ASCII characters without spaces is expected')
  }
  if (token.length < TOKEN_CHARS_MIN || token.length > TOKEN_CHARS_MAX) {
    throw new RangeError(
      `the token has ${token.length} characters; ${TOKEN_CHARS_MIN} at least, as of: head -c 24 /dev/urandom | base64`,
    )
  }
  return token
}

/** As a program sends it, or a browser: as a password, whatever the user. Compared by hashes: in the same time whatever differs. */
export function isToken(authorization: string | undefined, token: string | undefined): boolean {
  const [, scheme = '', text] = /^(Bearer|Basic) +(\S+)$/iu.exec(authorization ?? '') ?? []
  const given = scheme.toLowerCase() === 'basic' ? passwordOf(text) : text
  if (given === undefined || given === '' || token === undefined) return false
  const [a, b] = [given, token].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  return timingSafeEqual(a, b)
}

function passwordOf(credentials = ''): string {
  const text = Buffer.from(credentials, 'base64').toString('utf8')
  return text.slice(text.indexOf(':') + 1)
}
