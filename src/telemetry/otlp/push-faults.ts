/** Why a push came to nothing, and what mends it, in words for the operator. What a collector answers may be anything: it is not repeated. */

/** As the exporter gives it: with a status where the collector answered. */
interface PushError {
  readonly message?: string
  readonly code?: number | string
  readonly cause?: unknown
}

export function pushFault(error: unknown, url: string): string {
  const { origin } = new URL(url)
  const { code, message = String(error) } = (error ?? {}) as PushError
  if (typeof code === 'number') return `${origin} answers ${code}${STATUS[code] ?? (code >= 500 ? UNWELL : '')}`
  const system = systemCode(error)
  if (system !== undefined) return `${origin} cannot be reached: ${SYSTEM[system] ?? system}`
  if (/retryable status/u.test(message)) return `${origin} ${BUSY}`
  if (/timed? ?out|export limit reached/iu.test(message)) return `${origin} ${SLOW}`
  return `${origin}: ${message.slice(0, MESSAGE_CHARS_MAX)}`
}

const MESSAGE_CHARS_MAX = 200

/** What the exporter repeats, and then tells without the status. */
const BUSY =
  'answers 429, 502, 503 or 504, also when asked again: the collector is overloaded, or what is behind it; or raise telemetry.otlp.interval'
/** The exporter's time-outs, and what a push comes to while the one before is still under way. */
const SLOW = 'does not answer in time; is it overloaded, or telemetry.otlp.timeout too short?'
const WHO =
  ': it wants to know who we are; give the header in telemetry.otlp.headersFile, or OTEL_EXPORTER_OTLP_HEADERS'
const UNWELL = ': the collector is not well, or overloaded'

const STATUS: Readonly<Record<number, string>> = {
  400: ': it does not understand us; is it a receiver of OTLP over HTTP?',
  401: WHO,
  403: WHO,
  404: ': there is no receiver at this path; /v1/metrics is added to telemetry.otlp.endpoint, and nothing else',
  405: ': there is no receiver at this path',
  413: ': it takes no push of this size; lower metrics.clientsMax and its neighbours, or raise its max_request_body_size',
  415: ': it does not take this protocol; try the other telemetry.otlp.protocol',
}

const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name does not resolve at the moment',
  ECONNRESET: 'it ended the connection; does it speak HTTP there, and TLS where we do?',
  EPROTO: 'it does not speak TLS; write http:// in telemetry.otlp.endpoint',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; write http:// in telemetry.otlp.endpoint',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is not trusted here: OTEL_EXPORTER_OTLP_CERTIFICATE names the file of its authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is not trusted here: OTEL_EXPORTER_OTLP_CERTIFICATE names the file of its authority',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate is not trusted here: OTEL_EXPORTER_OTLP_CERTIFICATE names the file of its authority',
  HPE_INVALID_CONSTANT: 'what listens there does not speak HTTP',
}

/** The code of the error itself, or of what caused it, or of one of several attempts. */
function systemCode(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const { code } = at as NodeJS.ErrnoException
    if (typeof code === 'string') return code
    if (at instanceof AggregateError) return systemCode(at.errors[0])
  }
  return undefined
}
