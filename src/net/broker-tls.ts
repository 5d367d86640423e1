/**
 * TLS towards brokers: what we trust, what we show, and what a handshake that fails means for the operator. Files that change give
 * new connections another context; those that are open keep theirs.
 */
import { X509Certificate } from 'node:crypto'
import { isIP, type Socket, type SocketConstructorOpts } from 'node:net'
import type { ConnectionOptions, SecureContext } from 'node:tls'
import type { Address } from '../cluster/address-book.ts'
import type { UpstreamTls } from '../config/security.ts'
import { tls } from './builtins.ts'

/** Texts of the files, in PEM. */
export interface BrokerSecrets {
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

type OnRead = NonNullable<SocketConstructorOpts['onread']>

export class BrokerTls {
  readonly #settings: UpstreamTls
  #context: SecureContext

  /** @throws as `replace` */
  constructor(settings: UpstreamTls, secrets: BrokerSecrets) {
    this.#settings = settings
    this.#context = contextOf(settings, secrets)
  }

  /** Other files for connections from now on. @throws RangeError, or what Node says of a certificate and a key that do not fit */
  replace(secrets: BrokerSecrets): void {
    this.#context = contextOf(this.#settings, secrets)
  }

  /** Connected with `secureConnect`: nothing was sent before the broker's certificate was found to be right. */
  connect({ host, port }: Address, onread?: OnRead): Socket {
    const { serverName, verify } = this.#settings
    const name = serverName ?? (isIP(host) === 0 ? host : '')
    const options: ConnectionOptions & { readonly onread?: OnRead; readonly allowHalfOpen: true } = {
      host,
      port,
      servername: name,
      secureContext: this.#context,
      rejectUnauthorized: verify !== 'nothing',
      ...(verify === 'full' ? {} : { checkServerIdentity: () => undefined }),
      allowHalfOpen: true,
      ...(onread === undefined ? {} : { onread }),
    }
    return tls().connect(options).setNoDelay(true).setKeepAlive(true)
  }

  /** What went wrong, and what mends it. */
  fault(error: NodeJS.ErrnoException, { host }: Address): string {
    const { code = '' } = error
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return nameFault(error, this.#settings.serverName ?? host)
    const words = FAULTS[code] ?? ALERTS[alertOf(error)]
    return words ?? (TLS_CODE.test(code) ? `the TLS handshake failed: ${code}` : error.message)
  }
}

/** The name of the alert that the other side sent: `HANDSHAKE_FAILURE`; '' where it sent none. */
export function alertOf({ code = '' }: NodeJS.ErrnoException): string {
  return /^ERR_SSL_.*_ALERT_(?:NUMBER_)?([A-Z_]+)$/u.exec(code)?.[1] ?? ''
}

/** Whether an error is TLS's own and not the network's. */
export function isTlsFault({ code = '' }: NodeJS.ErrnoException): boolean {
  return TLS_CODE.test(code) || Object.hasOwn(FAULTS, code)
}

/** @throws RangeError when a PEM text has no certificate, or a damaged one */
export function checkAuthorities(pem: string | undefined, key: string): void {
  if (pem === undefined) return
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/gu) ?? []
  if (certificates.length === 0) {
    throw new RangeError(`${key} has no certificate in PEM form; openssl x509 -inform der makes one of DER`)
  }
  for (const [i, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate)
    } catch {
      throw new RangeError(`certificate ${i + 1} in ${key} is damaged`)
    }
  }
}

function contextOf({ minVersion }: UpstreamTls, { caFile, certFile, keyFile }: BrokerSecrets): SecureContext {
  checkAuthorities(caFile, 'caFile')
  return tls().createSecureContext({
    minVersion,
    ...(caFile === undefined ? {} : { ca: caFile }),
    ...(certFile === undefined ? {} : { cert: certFile }),
    ...(keyFile === undefined ? {} : { key: keyFile }),
  })
}

function nameFault(error: NodeJS.ErrnoException & { cert?: { subjectaltname?: string } }, wanted: string): string {
  const names = error.cert?.subjectaltname?.replaceAll(/(?:DNS|IP Address):/gu, '').slice(0, 300) ?? ''
  const has = names === '' ? 'has no names' : `is for ${names}`
  return `its certificate ${has}, not for ${wanted}; dial it by one of its names, or give one in upstream.tls.serverName`
}

const TLS_CODE = /^ERR_(?:SSL|TLS|OSSL)_/u

const UNTRUSTED =
  'its certificate is not signed by an authority that is trusted here: give the CA that signed it in upstream.tls.caFile'
const WANTS_CERTIFICATE =
  'the broker wants a client certificate (ssl.client.auth=required): give one that it trusts in upstream.tls.certFile and keyFile'
const DISTRUSTS_US =
  'the broker does not take our certificate: upstream.tls.certFile is not signed by an authority in its truststore'
const NO_TLS = 'it does not speak TLS: give the address of its TLS listener, or leave upstream.tls out'
const VERSIONS = 'it has no version of TLS in common with us: see upstream.tls.minVersion and its ssl.enabled.protocols'

const FAULTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_HAS_EXPIRED:
    'its certificate, or one that signed it, has expired: the broker needs a new one (or a clock is wrong)',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: is a clock wrong?',
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  // What a Kafka listener without TLS does with our first bytes: it takes them for a request of 369 MB.
  ECONNRESET: `it ended the connection during the TLS handshake, as a listener without TLS does; ${NO_TLS}`,
  ERR_SSL_UNSUPPORTED_PROTOCOL: VERSIONS,
}

/** What the broker tells us in an alert; OpenSSL's names for them vary in their first part. */
const ALERTS: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: WANTS_CERTIFICATE,
  BAD_CERTIFICATE: WANTS_CERTIFICATE,
  HANDSHAKE_FAILURE: `${WANTS_CERTIFICATE}; or there is no cipher in common`,
  UNKNOWN_CA: DISTRUSTS_US,
  CERTIFICATE_UNKNOWN: DISTRUSTS_US,
  CERTIFICATE_EXPIRED: 'the broker refuses our certificate because it has expired: renew upstream.tls.certFile',
  PROTOCOL_VERSION: VERSIONS,
}
