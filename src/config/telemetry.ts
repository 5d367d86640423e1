/** Where metrics are pushed to, as configured: the section `telemetry`. What it leaves open, the variables of OpenTelemetry say. */
import { isLoopbackHost } from './addresses.ts'

export const OTLP_PROTOCOLS = ['http/protobuf', 'http/json'] as const
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number]

/** A push by OTLP; undefined parts are left to OTEL_* variables, and their defaults. */
export interface Otlp {
  readonly endpoint: string | undefined
  readonly protocol: OtlpProtocol | undefined
  readonly intervalMs: number | undefined
  readonly timeoutMs: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly headersFile: string | undefined
  readonly resource: Readonly<Record<string, string>>
}

export interface Telemetry {
  /** Undefined: nothing is pushed, unless OTEL_METRICS_EXPORTER asks for it. */
  readonly otlp: Otlp | undefined
}

export interface OtlpDocument {
  readonly endpoint?: string | undefined
  readonly protocol?: OtlpProtocol | undefined
  readonly interval?: number | undefined
  readonly timeout?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly headersFile?: string | undefined
  readonly resource?: Readonly<Record<string, string>> | undefined
}

export interface TelemetryDocument {
  readonly otlp?: boolean | OtlpDocument | undefined
}

export const HEADER_NAME: RegExp = /^[\w!#$%&'*+.^`|~-]+$/u
/** What is the same wherever it is: it belongs in a file. */
const SECRET_HEADER = /^(?:authorization|cookie)$|api-?key|token|secret|password/iu
const PRINTABLE = /^[\x20-\x7e]*$/u

/** @throws RangeError */
export function parseHeaderName(name: string): string {
  if (!HEADER_NAME.test(name)) throw new RangeError(`"${name}" is no name of a header`)
  if (SECRET_HEADER.test(name))
    throw new RangeError(`"${name}" is a secret, and secrets are in files: give headersFile`)
  return name
}

/** @throws RangeError */
export function parseHeaderValue(value: string): string {
  if (PRINTABLE.test(value)) return value
  throw new RangeError('a header has printable ASCII characters only')
}

/** @throws RangeError */
export function parseOtlpUrl(written: string): string {
  const url = URL.parse(written)
  if (url === null) throw new RangeError('it is no URL; write http://collector:4318')
  if (url.username !== '' || url.password !== '') throw new RangeError('secrets are in files: give headersFile')
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new RangeError('only http and https are spoken; write http://collector:4318')
  if (url.port === '4317') throw new RangeError('port 4317 is for gRPC, which is not spoken; OTLP over HTTP has 4318')
  return written
}

/** Lines of `Name: value`; empty ones and those that begin with # are none. @throws RangeError */
export function parseHeadersFile(content: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [i, line] of content.split(/\r?\n/u).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name = '', value = ''] = /^([^:\s]+)\s*:\s*(.*?)\s*$/u.exec(line) ?? []
    // No part of the line is repeated: it is a secret.
    if (!HEADER_NAME.test(name)) throw new RangeError(`line ${i + 1} is not Name: value`)
    if (!PRINTABLE.test(value)) throw new RangeError(`line ${i + 1} has characters that no header has`)
    headers[name] = value
  }
  return headers
}

/** @param place where paths count from */
export function telemetryOf({ otlp: written }: TelemetryDocument, place: (path: string) => string): Telemetry {
  if (written === undefined || written === false) return { otlp: undefined }
  const {
    endpoint,
    protocol,
    interval,
    timeout,
    headers = {},
    headersFile,
    resource = {},
  } = written === true ? {} : written
  return {
    otlp: {
      ...{ endpoint, protocol, headers, resource, intervalMs: interval, timeoutMs: timeout },
      headersFile: headersFile === undefined ? undefined : place(headersFile),
    },
  }
}

/** Whether what is sent there can be read on its way. */
export function isReadable(endpoint: string): boolean {
  const url = URL.parse(endpoint)
  return url?.protocol === 'http:' && !isLoopbackHost(url.hostname)
}
