/** How brokers are reached: by every connection, whoever makes it. Its contents change when the files that they come from do. */
import type { BrokerTls } from './broker-tls.ts'
import type { SaslCredentials, SaslMechanism } from './sasl-login.ts'

export interface Upstream {
  /** Undefined: plaintext. */
  readonly tls: BrokerTls | undefined
  /** Undefined: we do not log in; clients may. */
  readonly credentials: Credentials | undefined
}

/** What we log in with. */
export interface Credentials {
  readonly mechanism: SaslMechanism
  /** As they are now; a token may have to be asked for. @throws SaslError whose message is for the operator */
  current(): Promise<SaslCredentials>
  /** A broker did not take them: what is kept of them may be of no use any more. */
  refused?(): void
}

/** Without TLS and login. */
export const PLAIN_UPSTREAM: Upstream = { tls: undefined, credentials: undefined }

/** Credentials that never change. */
export function fixedCredentials(credentials: SaslCredentials): Credentials {
  return { mechanism: credentials.mechanism, current: () => Promise.resolve(credentials) }
}
