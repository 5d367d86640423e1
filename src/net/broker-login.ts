/** Logs in to a broker on a connection of our own: SaslHandshake v1, then the mechanism's tokens in SaslAuthenticate. */
import { pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { API_KEY } from 'kafka-protocol-codec'
import { authenticateFault, handshakeFault } from '../session/login-faults.ts'
import { type BrokerConnection, QueryError } from './broker-connection.ts'
import { type KeyDerivation, type SaslCredentials, SaslError, type SaslStep, saslLogin } from './sasl-login.ts'
import type { Credentials } from './upstream.ts'

const HANDSHAKE_VERSION = 1
const AUTHENTICATE_VERSION = 0
const NONCE_BYTES = 24

const stretch = promisify(pbkdf2)

/** Returns when the broker has let us in, and has shown that it knows the password where the mechanism proves it. @throws QueryError */
export async function logIn(connection: BrokerConnection, source: Credentials): Promise<void> {
  const { mechanism } = source
  await shakeHands(connection, mechanism)
  let who: string = mechanism
  try {
    const credentials = await source.current()
    if (credentials.user !== '') who = credentials.user
    const login = saslLogin(credentials, randomBytes(NONCE_BYTES).toString('base64'))
    let step: SaslStep = login.start()
    while (step.kind !== 'done') {
      if (step.kind === 'derive') step = login.derived(await derive(step.derivation))
      else step = login.receive(await authenticate(connection, step.token, credentials, source))
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
  const fault = handshakeFault(answer, mechanism)
  if (fault !== undefined) throw new QueryError('refused', fault)
}

async function authenticate(
  connection: BrokerConnection,
  authBytes: Uint8Array,
  { user, mechanism }: SaslCredentials,
  source: Credentials,
): Promise<Uint8Array> {
  const answer = await connection.request(API_KEY.SaslAuthenticate, AUTHENTICATE_VERSION, { authBytes })
  const fault = authenticateFault(answer, user === '' ? 'us' : user, mechanism)
  if (fault !== undefined) {
    source.refused?.()
    throw new QueryError('refused', fault)
  }
  return answer['authBytes'] as Uint8Array
}
