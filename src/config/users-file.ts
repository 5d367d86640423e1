/**
 * The users whose logins are verified here: a YAML (or JSON) file of names and what a password must fit, without any password.
 *
 *     alice:
 *       - SCRAM-SHA-256$8192:salt$stored:server      one line for each mechanism, as `kafka-sluice hash-password` prints them
 *       - SCRAM-SHA-512$8192:salt$stored:server      PLAIN is verified by any of them
 */
import { parse } from 'yaml'
import { SCRAM_ITERATIONS_MAX, USERS_MAX, YAML_ALIASES_MAX } from '../bounds.ts'
import { isMapping } from './raw.ts'

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

/** What a server keeps of a password (RFC 5802, 3). */
export interface ScramVerifier {
  readonly mechanism: ScramMechanism
  readonly iterations: number
  readonly salt: Uint8Array
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

export type Users = ReadonlyMap<string, readonly ScramVerifier[]>

const ITERATIONS_MIN = 4096
const KEY_BYTES: Readonly<Record<ScramMechanism, number>> = { 'SCRAM-SHA-256': 32, 'SCRAM-SHA-512': 64 }
const BASE64 = '[A-Za-z0-9+/]+={0,2}'
const ENTRY = new RegExp(String.raw`^(SCRAM-SHA-(?:256|512))\$(\d{1,9}):(${BASE64})\$(${BASE64}):(${BASE64})$`, 'u')

/** @throws RangeError that names the user, and shows nothing of the entry */
export function parseUsersFile(text: string): Users {
  const document = read(text)
  const names = Object.keys(document)
  if (names.length === 0) throw new RangeError('there is no user in it; kafka-sluice hash-password makes one')
  if (names.length > USERS_MAX) throw new RangeError(`${names.length} users; at most ${USERS_MAX}`)
  return new Map(
    Object.entries(document).map(([name, written]) => {
      const entries: readonly unknown[] = Array.isArray(written) ? written : [written]
      return [name, entries.map((entry) => parseEntry(entry, name))]
    }),
  )
}

/** As it stands in the file. */
export function formatVerifier({ mechanism, iterations, salt, storedKey, serverKey }: ScramVerifier): string {
  const [saltText, stored, server] = [salt, storedKey, serverKey].map((bytes) => Buffer.from(bytes).toString('base64'))
  return `${mechanism}$${iterations}:${saltText}$${stored}:${server}`
}

function read(text: string): Readonly<Record<string, unknown>> {
  let document: unknown
  try {
    document = parse(text, { maxAliasCount: YAML_ALIASES_MAX, logLevel: 'error' })
  } catch (error) {
    const { linePos } = error as { linePos?: readonly { line: number; col: number }[] }
    const where = linePos?.[0] === undefined ? '' : ` (line ${linePos[0].line}, column ${linePos[0].col})`
    throw new RangeError(`the file of users is no YAML${where}`)
  }
  if (isMapping(document)) return document
  throw new RangeError('the file of users is no mapping of names to what kafka-sluice hash-password prints')
}

function parseEntry(entry: unknown, name: string): ScramVerifier {
  const found = typeof entry === 'string' ? ENTRY.exec(entry.trim()) : null
  const fault = (what: string): RangeError =>
    new RangeError(`user ${JSON.stringify(name)}: ${what}; kafka-sluice hash-password makes an entry`)
  if (found === null) throw fault('no entry of the form SCRAM-SHA-…$iterations:salt$key:key')
  const [, mechanism, count, salt = '', stored = '', server = ''] = found
  const iterations = Number(count)
  if (iterations < ITERATIONS_MIN || iterations > SCRAM_ITERATIONS_MAX) {
    throw fault(`${iterations} iterations; ${ITERATIONS_MIN} to ${SCRAM_ITERATIONS_MAX} are taken`)
  }
  const verifier = {
    mechanism: mechanism as ScramMechanism,
    iterations,
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(stored, 'base64'),
    serverKey: Buffer.from(server, 'base64'),
  }
  const bytes = KEY_BYTES[verifier.mechanism]
  if (verifier.storedKey.length !== bytes || verifier.serverKey.length !== bytes) {
    throw fault(`keys of ${mechanism} have ${bytes} bytes`)
  }
  return verifier
}
