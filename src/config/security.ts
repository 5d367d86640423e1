/** How both sides are secured, as configured: paths of files that are absolute, defaults filled in. */
import { resolve as resolvePath } from 'node:path'

export const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
export type TlsVersion = (typeof TLS_VERSIONS)[number]
export const CLIENT_AUTH = ['none', 'want', 'require'] as const
export type ClientAuth = (typeof CLIENT_AUTH)[number]
export const LOGIN_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
export type LoginMechanism = (typeof LOGIN_MECHANISMS)[number]

/** What clients meet. */
export interface ListenTls {
  readonly certFile: string
  readonly keyFile: string
  readonly clientCaFile: string | undefined
  readonly clientAuth: ClientAuth
  readonly minVersion: TlsVersion
  /** Undefined: the whole subject is the principal. */
  readonly principalMappingRules: string | undefined
}

/** How brokers are reached. */
export interface UpstreamTls {
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly serverName: string | undefined
  readonly verify: 'full' | 'ca' | 'nothing'
  readonly minVersion: TlsVersion
}

/** Who gives out tokens. */
export interface TokenEndpoint {
  readonly url: string
  readonly clientId: string
  readonly clientSecretFile: string
  readonly scope: string | undefined
  readonly caFile: string | undefined
}

/** Our own login at the brokers; the checks have seen to it that each mechanism has what it needs. */
export interface UpstreamSasl {
  readonly mechanism: LoginMechanism
  readonly username: string
  readonly passwordFile: string | undefined
  readonly tokenFile: string | undefined
  readonly tokenEndpoint: TokenEndpoint | undefined
}

/** The same as written. */
export type Written<T> = { readonly [Key in keyof T]?: T[Key] | undefined }
export type ListenTlsDocument = Written<ListenTls> & { readonly certFile: string; readonly keyFile: string }
export type UpstreamTlsDocument =
  | boolean
  | (Written<Omit<UpstreamTls, 'verify'>> & {
      readonly verify?: 'full' | 'ca' | undefined
      readonly insecureSkipVerify?: boolean | undefined
    })
export type UpstreamSaslDocument = Written<Omit<UpstreamSasl, 'tokenEndpoint'>> & {
  readonly mechanism: LoginMechanism
  readonly tokenEndpoint?:
    | (Written<TokenEndpoint> & { readonly url: string; readonly clientId: string; readonly clientSecretFile: string })
    | undefined
}

/** Paths count from where the configuration file is. */
type Place = (path: string) => string

export function placeFrom(directory: string): Place {
  return (path) => resolvePath(directory, path)
}

export function listenTlsOf(written: ListenTlsDocument | undefined, place: Place): ListenTls | undefined {
  if (written === undefined) return undefined
  const { certFile, keyFile, clientCaFile, minVersion = 'TLSv1.2', principalMappingRules } = written
  const clientAuth = written.clientAuth ?? (clientCaFile === undefined ? 'none' : 'require')
  return {
    certFile: place(certFile),
    keyFile: place(keyFile),
    clientCaFile: maybe(clientCaFile, place),
    clientAuth,
    minVersion,
    principalMappingRules,
  }
}

export function upstreamTlsOf(written: UpstreamTlsDocument | undefined, place: Place): UpstreamTls | undefined {
  if (written === undefined || written === false) return undefined
  const {
    caFile,
    certFile,
    keyFile,
    serverName,
    verify = 'full',
    insecureSkipVerify,
    minVersion = 'TLSv1.2',
  } = written === true ? {} : written
  return {
    caFile: maybe(caFile, place),
    certFile: maybe(certFile, place),
    keyFile: maybe(keyFile, place),
    serverName,
    verify: insecureSkipVerify === true ? 'nothing' : verify,
    minVersion,
  }
}

export function upstreamSaslOf(written: UpstreamSaslDocument | undefined, place: Place): UpstreamSasl | undefined {
  if (written === undefined) return undefined
  const { mechanism, username = '', passwordFile, tokenFile, tokenEndpoint } = written
  return {
    mechanism,
    username,
    passwordFile: maybe(passwordFile, place),
    tokenFile: maybe(tokenFile, place),
    tokenEndpoint: tokenEndpoint === undefined ? undefined : tokenEndpointOf(tokenEndpoint, place),
  }
}

function tokenEndpointOf(written: NonNullable<UpstreamSaslDocument['tokenEndpoint']>, place: Place): TokenEndpoint {
  const { url, clientId, clientSecretFile, scope, caFile } = written
  return { url, clientId, clientSecretFile: place(clientSecretFile), scope, caFile: maybe(caFile, place) }
}

function maybe(path: string | undefined, place: Place): string | undefined {
  return path === undefined ? undefined : place(path)
}
