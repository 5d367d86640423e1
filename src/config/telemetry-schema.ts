/** The keys of the section `telemetry`. */
import * as z from 'zod'
import { OTLP_INTERVAL_MAX_MS, OTLP_INTERVAL_MIN_MS } from '../bounds.ts'
import { DURATION, named, section, string, text } from './schema-parts.ts'
import {
  HEADER_NAME,
  OTLP_PROTOCOLS,
  type OtlpDocument,
  parseHeaderName,
  parseHeaderValue,
  parseOtlpUrl,
  type TelemetryDocument,
} from './telemetry.ts'
import { parseDuration } from './units.ts'

function time(minMs: number, maxMs: number): z.ZodType<number> {
  return text((value) => {
    const ms = parseDuration(value)
    if (ms >= minMs && ms <= maxMs) return ms
    throw new RangeError(`"${value}" is not from ${minMs / 1000}s to ${maxMs / 60_000}m`)
  }, DURATION)
}

const anyName = (name: string): string => {
  if (name === '') throw new RangeError('the name is empty')
  return name
}

const otlp: z.ZodType<OtlpDocument> = section(
  {
    endpoint: string(parseOtlpUrl, { examples: ['http://otel-collector:4318'] })
      .optional()
      .describe(
        'Collector, OTLP over HTTP; /v1/metrics is added. Default OTEL_EXPORTER_OTLP_ENDPOINT, or http://localhost:4318.',
      ),
    protocol: z
      .enum(OTLP_PROTOCOLS, { error: `expected ${OTLP_PROTOCOLS.join(' or ')}; gRPC is not spoken` })
      .optional()
      .describe('Default OTEL_EXPORTER_OTLP_PROTOCOL, or http/protobuf.'),
    interval: time(OTLP_INTERVAL_MIN_MS, OTLP_INTERVAL_MAX_MS)
      .optional()
      .describe('How often. Default OTEL_METRIC_EXPORT_INTERVAL, or 60s.'),
    timeout: time(OTLP_INTERVAL_MIN_MS, OTLP_INTERVAL_MAX_MS)
      .optional()
      .describe(
        'How long one push may take, repeats included; no longer than the interval. Default OTEL_EXPORTER_OTLP_TIMEOUT, or 10s.',
      ),
    headers: named(parseHeaderName, { pattern: HEADER_NAME.source }, string(parseHeaderValue))
      .optional()
      .describe('Headers of each push, such as X-Scope-OrgID; no secrets.'),
    headersFile: string(anyName, { examples: ['/run/secrets/otlp-headers'] })
      .optional()
      .describe(
        'File of headers, a line of "Name: value" each: Authorization and API keys. Read again when it changes.',
      ),
    resource: named(
      anyName,
      {},
      string((value) => value),
    )
      .optional()
      .describe('Attributes of the resource; they win over OTEL_RESOURCE_ATTRIBUTES.'),
  },
  { url: 'did you mean endpoint?', header: 'did you mean headers?' },
)

export const telemetrySchema: z.ZodType<TelemetryDocument> = section({
  otlp: z
    .union([z.boolean({ error: 'expected true' }), otlp], {
      error: 'expected true, or a mapping with endpoint and others',
    })
    .optional()
    .describe(
      'Metrics are pushed by OTLP: true, where OTEL_* variables say to whom, or a mapping. Default: they are not.',
    ),
}).describe('Metrics for OpenTelemetry.')
