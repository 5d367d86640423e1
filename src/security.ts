/** Wires what secures both sides: from the configuration and its files to what sockets and sessions use. One for a process. */
import type { Socket } from 'node:net'
import { parseAdminToken } from './admin/token.ts'
import { CertificateExpiries, type Expiry } from './certificate-expiry.ts'
import { isLoopbackHost } from './config/addresses.ts'
import type { Config } from './config/config.ts'
import { isReadable, parseHeadersFile } from './config/telemetry.ts'
import { BrokerTls, checkAuthorities } from './net/broker-tls.ts'
import { monotonicMs } from './net/clock.ts'
import { EndpointCredentials, FileCredentials } from './net/credentials.ts'
import { Logins } from './net/login-tokens.ts'
import { type Hello, TlsFront } from './net/tls-front.ts'
import type { Credentials, Upstream } from './net/upstream.ts'
import { UserVerifier } from './net/user-verifier.ts'
import { SecretKeeper, type SecretUse } from './secret-keeper.ts'
import type { Verifier } from './session/client-login.ts'
import type { CloseReason, Counters } from './session/counters.ts'
import type { LoginTokens } from './session/own-login.ts'
import type { Logger } from './telemetry/logger.ts'

export interface SecurityOptions {
  readonly config: Config
  readonly logger: Logger
  readonly counters: Counters
  /** A client came no further than its handshake. */
  readonly turnedAway: (host: string, reason: CloseReason, detail: string) => void
}

export class Security {
  readonly upstream: Upstream
  /** Our own logins on clients' connections; undefined: clients may log in. */
  readonly logins: LoginTokens | undefined
  /** Verifies clients' logins; undefined: the brokers do. */
  readonly verifier: Verifier | undefined
  readonly #options: SecurityOptions
  readonly #keeper: SecretKeeper
  readonly #expiries: CertificateExpiries
  #front: TlsFront | undefined
  #brokerTls: BrokerTls | undefined
  #adminToken: string | undefined
  #otlpHeaders: Readonly<Record<string, string>> = {}

  /** Reads every file. @throws ConfigError with all that is wrong with them */
  constructor(options: SecurityOptions) {
    this.#options = options
    const { logger, counters, config } = options
    this.#keeper = new SecretKeeper(logger, counters)
    this.#expiries = new CertificateExpiries(logger)
    const login = loginOf(config, this.#expiries)
    const { usersFile } = config.listen.sasl ?? {}
    const verifier = usersFile === undefined ? undefined : new UserVerifier()
    this.#keeper.open([
      ...this.#listenTls(),
      ...(verifier === undefined ? [] : [usersUse(usersFile, verifier)]),
      ...this.#upstreamTls(),
      ...(login?.uses ?? []),
      ...this.#admin(),
      ...this.#otlp(),
    ])
    this.upstream = { tls: this.#brokerTls, credentials: login?.credentials }
    this.logins = login === undefined ? undefined : new Logins(login.credentials, config.upstream.sasl?.username ?? '')
    this.verifier = verifier
  }

  /** From now on files that change are read again. */
  start(): void {
    this.#keeper.watch()
    for (const message of exposures(this.#options.config)) this.#options.logger.log('exposed', {}, message)
  }

  /** What the clock brings: certificates run out. @param nowMs since 1970 */
  tick(nowMs: number): void {
    this.#expiries.look(nowMs)
  }

  /** When the certificates in use run out. */
  get certificates(): readonly Expiry[] {
    return this.#expiries.all
  }

  close(): void {
    this.#keeper.close()
    this.#front?.close()
  }

  /** A socket that a listener has accepted, once it is secure; at once where there is no TLS. */
  secure(socket: Socket, accept: (socket: Socket, hello?: Hello) => void): void {
    if (this.#front === undefined) accept(socket)
    else this.#front.secure(socket, accept)
  }

  /** What opens /api from other machines; undefined: nothing does. */
  get adminToken(): string | undefined {
    return this.#adminToken
  }

  /** Secret headers of pushes by OTLP. */
  get otlpHeaders(): Readonly<Record<string, string>> {
    return this.#otlpHeaders
  }

  #listenTls(): SecretUse[] {
    const { config, turnedAway } = this.#options
    const { tls } = config.listen
    if (tls === undefined) return []
    const { certFile, keyFile, clientCaFile } = tls
    const take = (texts: Readonly<Record<string, string>>): void => {
      checkAuthorities(texts['clientCaFile'], 'clientCaFile')
      const secrets = texts as { certFile: string; keyFile: string; clientCaFile?: string }
      if (this.#front === undefined) this.#front = new TlsFront({ settings: tls, secrets, failed: turnedAway })
      else this.#front.replace(secrets)
      this.#expiries.took('listen', certFile, secrets.certFile)
      this.#expiries.took('listen_ca', clientCaFile, secrets.clientCaFile)
    }
    return [{ section: 'listen.tls', files: { certFile, keyFile, clientCaFile }, take }]
  }

  #upstreamTls(): SecretUse[] {
    const { tls } = this.#options.config.upstream
    if (tls === undefined) return []
    const { caFile, certFile, keyFile } = tls
    const take = (texts: Readonly<Record<string, string>>): void => {
      if (this.#brokerTls === undefined) this.#brokerTls = new BrokerTls(tls, texts)
      else this.#brokerTls.replace(texts)
      this.#expiries.took('upstream', certFile, texts['certFile'])
      this.#expiries.took('upstream_ca', caFile, texts['caFile'])
    }
    return [{ section: 'upstream.tls', files: { caFile, certFile, keyFile }, take }]
  }

  #admin(): SecretUse[] {
    const tokenFile = this.#options.config.admin?.tokenFile
    if (tokenFile === undefined) return []
    const take = (texts: Readonly<Record<string, string>>): void => {
      this.#adminToken = parseAdminToken(texts['tokenFile'] ?? '')
    }
    return [{ section: 'admin', files: { tokenFile }, take }]
  }

  #otlp(): SecretUse[] {
    const headersFile = this.#options.config.telemetry.otlp?.headersFile
    if (headersFile === undefined) return []
    const take = (texts: Readonly<Record<string, string>>): void => {
      this.#otlpHeaders = parseHeadersFile(texts['headersFile'] ?? '')
    }
    return [{ section: 'telemetry.otlp', files: { headersFile }, take }]
  }
}

function usersUse(usersFile: string | undefined, verifier: UserVerifier): SecretUse {
  return { section: 'listen.sasl', files: { usersFile }, take: (texts) => verifier.replace(texts['usersFile'] ?? '') }
}

interface Login {
  readonly credentials: Credentials
  readonly uses: readonly SecretUse[]
}

function loginOf({ upstream: { sasl } }: Config, expiries: CertificateExpiries): Login | undefined {
  if (sasl === undefined) return undefined
  const { passwordFile, tokenFile, tokenEndpoint } = sasl
  if (tokenEndpoint !== undefined) {
    const { clientSecretFile, caFile } = tokenEndpoint
    const credentials = new EndpointCredentials(tokenEndpoint, monotonicMs)
    const take = ({ clientSecretFile: secret = '', caFile: ca }: Readonly<Record<string, string>>): void => {
      checkAuthorities(ca, 'caFile')
      credentials.replace(secret, ca)
      expiries.took('token_endpoint_ca', caFile, ca)
    }
    return {
      credentials,
      uses: [{ section: 'upstream.sasl.tokenEndpoint', files: { clientSecretFile, caFile }, take }],
    }
  }
  const credentials = new FileCredentials(sasl)
  const take = (texts: Readonly<Record<string, string>>): void =>
    credentials.replace(texts['passwordFile'] ?? texts['tokenFile'] ?? '')
  return { credentials, uses: [{ section: 'upstream.sasl', files: { passwordFile, tokenFile }, take }] }
}

/** What an address that others reach gives away, each with what mends it. */
export function exposures({ listen, upstream, telemetry: { otlp } }: Config): string[] {
  const pushed =
    otlp?.headersFile !== undefined && otlp.endpoint !== undefined && isReadable(otlp.endpoint)
      ? [`the headers of telemetry.otlp.headersFile travel readable to ${otlp.endpoint}: write https://`]
      : []
  if (isLoopbackHost(listen.host)) return pushed
  const where = `listen.host ${listen.host} can be reached from other machines`
  const asksWho = listen.sasl !== undefined || listen.tls?.clientAuth === 'require'
  return [
    ...pushed,
    ...(listen.tls === undefined
      ? [`${where}, and without TLS: data and passwords travel readable; configure listen.tls, or listen on 127.0.0.1`]
      : []),
    ...(asksWho
      ? []
      : upstream.sasl !== undefined || upstream.tls?.certFile !== undefined
        ? [
            `${where}, and whoever does acts as our own user at the brokers: nobody is asked who they are; configure listen.sasl ` +
              'or listen.tls.clientCaFile, or listen on 127.0.0.1',
          ]
        : [
            `${where}, and we ask nobody who they are: the brokers have to; if they do not, configure listen.sasl or ` +
              'listen.tls.clientCaFile, or listen on 127.0.0.1',
          ]),
  ]
}
