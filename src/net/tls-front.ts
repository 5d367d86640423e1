/**
 * TLS towards clients: takes sockets that a listener has accepted, does the handshake, and hands them on with what it told: the
 * server name that was asked for, and whom the client's certificate belongs to. One for all ports; certificates change under it
 * without touching a connection.
 */
import type { Socket } from 'node:net'
import type { Server, TLSSocket, TlsOptions } from 'node:tls'
import { Script } from 'node:vm'
import { MAPPING_TIME_MAX_MS, TLS_HANDSHAKE_TIMEOUT_MS, TLS_HANDSHAKES_MAX } from '../bounds.ts'
import type { ListenTls } from '../config/security.ts'
import { subjectName } from '../policy/distinguished-name.ts'
import { type PrincipalMapping, parsePrincipalMapping } from '../policy/principal-mapping.ts'
import type { CloseReason } from '../session/counters.ts'
import { alertOf } from './broker-tls.ts'
import { tls } from './builtins.ts'

/** What the handshake told of a client. */
export interface Hello {
  /** '' where it named none. */
  readonly sni: string
  /** '' without a certificate. */
  readonly principal: string
}

/** Texts of the files, in PEM. */
export interface FrontSecrets {
  readonly certFile: string
  readonly keyFile: string
  readonly clientCaFile?: string
}

export interface TlsFrontOptions {
  readonly settings: Pick<ListenTls, 'clientAuth' | 'minVersion' | 'principalMappingRules'>
  readonly secrets: FrontSecrets
  /** A handshake that came to nothing. `detail` says what to do; '' where there is nothing to say. */
  readonly failed: (host: string, reason: CloseReason, detail: string) => void
}

type Accept = (socket: Socket, hello: Hello) => void

export class TlsFront {
  readonly #options: TlsFrontOptions
  readonly #server: Server
  readonly #mapping: PrincipalMapping
  /** By local port. */
  readonly #accepts = new Map<number, Accept>()
  /** Every socket that came in, until it closes. */
  readonly #sockets = new Set<Socket>()
  #handshakes = 0

  /** @throws what Node says of certificates and keys that do not fit */
  constructor(options: TlsFrontOptions) {
    this.#options = options
    const { settings, secrets } = options
    const mapping = parsePrincipalMapping(settings.principalMappingRules ?? '')
    this.#mapping = settings.principalMappingRules === undefined ? mapping : inTime(mapping)
    this.#server = tls().createServer({
      ...contextOptions(options, secrets),
      requestCert: settings.clientAuth !== 'none',
      // A client without a certificate then gets the alert for it.
      rejectUnauthorized: settings.clientAuth === 'require',
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
    })
    this.#server.on('secureConnection', (socket) => {
      this.#handshakes--
      this.#secured(socket)
    })
    this.#server.on('tlsClientError', (error, socket) => {
      this.#handshakes--
      this.#failed(error, socket)
    })
  }

  /** Other certificates for handshakes from now on. @throws as the constructor; the old ones then stay */
  replace(secrets: FrontSecrets): void {
    this.#server.setSecureContext(contextOptions(this.#options, secrets))
  }

  /** A socket that a listener has accepted; `accept` gets it once it is secure. */
  secure(socket: Socket, accept: Accept): void {
    const { localPort, remoteAddress = '?' } = socket
    if (localPort === undefined) {
      socket.destroy() // gone already
      return
    }
    if (this.#handshakes >= TLS_HANDSHAKES_MAX) {
      this.#options.failed(remoteAddress, 'connection_limit', `${TLS_HANDSHAKES_MAX} TLS handshakes are under way`)
      socket.destroy()
      return
    }
    this.#accepts.set(localPort, accept)
    this.#handshakes++
    this.#sockets.add(socket)
    socket.on('error', () => undefined) // what goes wrong is told by the secure socket
    socket.on('close', () => this.#sockets.delete(socket))
    socket.allowHalfOpen = false // who says goodbye in a handshake is gone
    this.#server.emit('connection', socket)
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #secured(socket: TLSSocket): void {
    socket.allowHalfOpen = true // answers are still owed to a client that has said goodbye
    const accept = this.#accepts.get(socket.localPort ?? 0)
    const sni = typeof socket.servername === 'string' ? socket.servername : ''
    try {
      const principal = this.#principalOf(socket)
      if (accept === undefined) socket.destroy()
      else accept(socket, { sni, principal })
    } catch (error) {
      socket.on('error', () => undefined)
      socket.destroy()
      if (!(error instanceof RangeError)) throw error
      this.#options.failed(hostOf(socket), 'client_tls_failed', error.message)
    }
  }

  /** @throws RangeError for a certificate that is not taken */
  #principalOf(socket: TLSSocket): string {
    if (this.#options.settings.clientAuth === 'none') return ''
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return ''
    if (!socket.authorized) throw new RangeError(certificateFault(String(socket.authorizationError)))
    const subject = subjectName(certificate.raw)
    const principal = this.#mapping(subject)
    if (principal !== undefined) return principal
    throw new RangeError(
      `no rule of listen.tls.principalMappingRules says who ${JSON.stringify(subject.slice(0, 300))} is; add one, or DEFAULT as the last`,
    )
  }

  #failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    socket.on('error', () => undefined)
    socket.destroy()
    const host = hostOf(socket)
    // Refused by Node itself, because of its certificate.
    const refused = socket.authorizationError as unknown
    if (typeof refused === 'string') this.#options.failed(host, 'client_tls_failed', certificateFault(refused))
    else this.#options.failed(host, ...handshakeFault(error))
  }
}

function contextOptions({ settings }: TlsFrontOptions, secrets: FrontSecrets): TlsOptions {
  const { certFile: cert, keyFile: key, clientCaFile: ca } = secrets
  return { cert, key, minVersion: settings.minVersion, ...(ca === undefined ? {} : { ca }) }
}

function hostOf(socket: TLSSocket): string {
  return socket.remoteAddress ?? '?'
}

const IS_PLAINTEXT =
  'a client speaks without TLS to a port with TLS: set security.protocol to SSL or SASL_SSL in the client, or leave listen.tls out'

function handshakeFault(error: NodeJS.ErrnoException): readonly [CloseReason, string] {
  const { code = '', message } = error
  switch (code) {
    // Probes and scanners connect and leave; so do clients that do not like our certificate, without saying so.
    case 'ECONNRESET':
    case 'EPIPE':
      return ['client_closed', '']
    case 'ERR_SSL_HTTP_REQUEST':
      return ['client_http', 'an HTTP request came to the Kafka port']
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_BAD_RECORD_TYPE':
      return ['client_plaintext', IS_PLAINTEXT]
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return [
        'client_tls_failed',
        `a client did not finish its TLS handshake within ${TLS_HANDSHAKE_TIMEOUT_MS / 1000} s`,
      ]
    default:
      return [
        'client_tls_failed',
        HANDSHAKE_FAULTS[code] ?? ALERTS[alertOf(error)] ?? `a TLS handshake failed: ${code === '' ? message : code}`,
      ]
  }
}

const DISTRUSTS_US =
  'a client does not take our certificate: its truststore needs the authority that signed listen.tls.certFile, the certificate the name that the client connects to, and it must not have expired'

const HANDSHAKE_FAULTS: Readonly<Record<string, string>> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    'a client shows no certificate, and listen.tls.clientAuth requires one: give it a keystore with one that an authority of listen.tls.clientCaFile has signed (Java shows no other), or set clientAuth to want',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'a client speaks only versions of TLS older than listen.tls.minVersion',
  ERR_SSL_VERSION_TOO_LOW: 'a client speaks only versions of TLS older than listen.tls.minVersion',
  ERR_SSL_NO_SHARED_CIPHER: 'a client and we have no cipher in common that fits our certificate',
}

/** What a client tells us in an alert. */
const ALERTS: Readonly<Record<string, string>> = {
  UNKNOWN_CA: DISTRUSTS_US,
  CERTIFICATE_UNKNOWN: DISTRUSTS_US,
  BAD_CERTIFICATE: DISTRUSTS_US,
  CERTIFICATE_EXPIRED: 'a client refuses our certificate because it has expired: renew listen.tls.certFile',
}

function certificateFault(code: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return "a client's certificate has expired: it needs another"
    case 'CERT_NOT_YET_VALID':
      return "a client's certificate is not valid yet: is a clock wrong?"
    default:
      return `a client's certificate is not signed by an authority of listen.tls.clientCaFile (${code})`
  }
}

/** A rule that a crafted subject makes slow is given up: V8 stops a script, and what it calls, when its time is over. */
function inTime(mapping: PrincipalMapping): PrincipalMapping {
  const script = new Script('globalThis[Symbol.for("kafka-sluice.map")]()')
  const key = Symbol.for('kafka-sluice.map')
  return (subject) => {
    const scope = globalThis as { [key]?: () => string | undefined }
    scope[key] = () => mapping(subject)
    try {
      return script.runInThisContext({ timeout: MAPPING_TIME_MAX_MS }) as string | undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
      throw new RangeError(
        'a certificate was refused: listen.tls.principalMappingRules take too long on its subject; simplify them',
      )
    } finally {
      delete scope[key]
    }
  }
}
