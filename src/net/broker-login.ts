/** Logs in to a broker on a connection of our own: SaslHandshake v1, then the mechanism's tokens in SaslAuthenticate. */
import { pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { API_KEY, ERROR_CODE } from 'kafka-protocol-codec'
import { type BrokerConnection, errorWords, QueryError } from './broker-connection.ts'
import { type KeyDerivation, type SaslCredentials, SaslError, type SaslStep, saslLogin } from './sasl-login.ts'
import type { Credentials } from './upstream.ts'

const HANDSHAKE_VERSION = 1
const AUTHENTICATE_VERSION = 0
const NONCE_BYTES = 24

const stretch = promisify(pbkdf2)

/** Returns when the broker has let us in, and has shown that it knows the password where the mechanism proves it. @throws QueryError */
export async function logIn(connection: BrokerConnection, { mechanism, current }: Credentials): Promise<void> {
  await shakeHands(connection, mechanism)
  let who: string = mechanism
  try {
    const credentials = await current()
    if (credentials.user !== '') who = credentials.user
    const login = saslLogin(credentials, randomBytes(NONCE_BYTES).toString('base64'))
    let step: SaslStep = login.start()
    while (step.kind !== 'done') {
      if (step.kind === 'derive') step = login.derived(await derive(step.derivation))
      else step = login.receive(await authenticate(connection, step.token, credentials))
    }
  } catch (error) {
    if (error instanceof SaslError) throw new QueryError('refused', `the login as ${who}: ${error.message}`)
    throw error
  }
}

/** On a thread of its own: some ms of CPU that the data path would feel. */
export function derive({ password, salt, iterations, keyBytes, digest }: KeyDerivation): Promise<Buffer> {
  return stretch(password, salt, iterations, keyBytes, digest)
}

async function shakeHands(connection: BrokerConnection, mechanism: string): Promise<void> {
  const answer = await connection.request(API_KEY.SaslHandshake, HANDSHAKE_VERSION, { mechanism })
  const code = Number(answer['errorCode'])
  if (code === ERROR_CODE.NONE) return
  if (code === ERROR_CODE.UNSUPPORTED_SASL_MECHANISM) {
    const known = (answer['mechanisms'] as string[]).join(', ') || 'none'
    throw new QueryError('refused', `the broker does not take ${mechanism}; its mechanisms are ${known}`)
  }
  if (code === ERROR_CODE.ILLEGAL_SASL_STATE) {
    throw new QueryError(
      'refused',
      'this listener of the broker takes no login; leave the user out, or give its SASL listener',
    )
  }
  throw new QueryError('refused', `the broker refuses to begin a login: ${errorWords(code)}`)
}

async function authenticate(
  connection: BrokerConnection,
  authBytes: Uint8Array,
  { user, mechanism }: SaslCredentials,
): Promise<Uint8Array> {
  const who = user === '' ? 'us' : user
  const answer = await connection.request(API_KEY.SaslAuthenticate, AUTHENTICATE_VERSION, { authBytes })
  const code = Number(answer['errorCode'])
  if (code === ERROR_CODE.NONE) return answer['authBytes'] as Uint8Array
  const words = errorWords(code, answer['errorMessage'])
  throw new QueryError('refused', `the broker does not let ${who} in by ${mechanism}: ${words}`)
}
