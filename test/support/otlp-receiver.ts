/** A receiver of OTLP over HTTP in JSON, that answers as a test says; and what it was sent, as series like those of `/metrics`. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import type { Surroundings } from './surroundings.ts'

export interface ReceivedPush {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** What a receiver does with a push: a status, or nothing at all. */
export type Receive = (push: ReceivedPush) => number | 'silence'

export interface OtlpReceiver {
  readonly url: string
  readonly port: number
  readonly pushes: ReceivedPush[]
  receive: Receive
}

export async function startOtlpReceiver(context: Pick<Surroundings, 'after'>, port = 0): Promise<OtlpReceiver> {
  const pushes: ReceivedPush[] = []
  const server = createServer(async (request, response) => {
    const raw = Buffer.concat(await request.toArray())
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
    const push = { path: request.url ?? '', headers: request.headers, body }
    pushes.push(push)
    const status = receiver.receive(push)
    if (status === 'silence') return
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end('{}')
  })
  server.listen({ host: '127.0.0.1', port })
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port: taken } = server.address() as AddressInfo
  const receiver: OtlpReceiver = { url: `http://127.0.0.1:${taken}`, port: taken, pushes, receive: () => 200 }
  return receiver
}

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string }
}
/** What is 0 or empty may be left out. */
interface Point {
  readonly attributes?: readonly Attribute[]
  readonly startTimeUnixNano: string
  readonly timeUnixNano: string
  readonly asDouble?: number
  readonly count?: number | string
  readonly sum?: number
  readonly bucketCounts?: readonly (number | string)[]
  readonly explicitBounds?: readonly number[]
}
interface Metric {
  readonly name: string
  readonly description: string
  readonly unit: string
  readonly gauge?: { readonly dataPoints: readonly Point[] }
  readonly sum?: {
    readonly dataPoints: readonly Point[]
    readonly isMonotonic: boolean
    readonly aggregationTemporality: number | string
  }
  readonly histogram?: { readonly dataPoints: readonly Point[]; readonly aggregationTemporality: number | string }
}

/** ExportMetricsServiceRequest in OTLP's JSON. */
export interface PushedMetrics {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeMetrics: readonly { readonly scope: { readonly name: string }; readonly metrics: readonly Metric[] }[]
  }[]
}

export function metricsOf(pushed: PushedMetrics): Metric[] {
  return pushed.resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
}

export function resourceOf(pushed: PushedMetrics): Record<string, string | undefined> {
  const attributes = pushed.resourceMetrics[0]?.resource.attributes ?? []
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]))
}

/** Every series as a line of `/metrics` would have it, labels in order of their names. */
export function seriesOf(pushed: PushedMetrics): Map<string, number> {
  const series = new Map<string, number>()
  const add = (name: string, { attributes = [] }: Point, value: number, le?: string): void => {
    const labels = attributes.map(({ key, value: { stringValue = '' } }) => [key, stringValue] as const)
    series.set(seriesName(name, [...labels, ...(le === undefined ? [] : [['le', le] as const])]), value)
  }
  for (const { name, gauge, sum, histogram } of metricsOf(pushed)) {
    for (const point of [...(gauge?.dataPoints ?? []), ...(sum?.dataPoints ?? [])])
      add(name, point, point.asDouble ?? 0)
    for (const point of histogram?.dataPoints ?? []) addHistogram(name, point, add)
  }
  return series
}

function addHistogram(
  name: string,
  point: Point,
  add: (name: string, point: Point, value: number, le?: string) => void,
): void {
  let total = 0
  for (const [i, count] of (point.bucketCounts ?? []).entries()) {
    total += Number(count)
    add(`${name}_bucket`, point, total, String(point.explicitBounds?.[i] ?? '+Inf'))
  }
  add(`${name}_sum`, point, point.sum ?? 0)
  add(`${name}_count`, point, Number(point.count ?? 0))
}

/** The same of a text of `/metrics`. */
export function seriesOfText(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const [, name = '', labels = '', value = ''] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/u.exec(line) ?? []
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/gu)].map(
        ([, key = '', text = '']) =>
          [key, text.replaceAll(/\\(.)/gu, (_, c: string) => (c === 'n' ? '\n' : c))] as const,
      )
      return [seriesName(name, pairs), Number(value.replace('+Inf', 'Infinity'))] as const
    }),
  )
}

function seriesName(name: string, labels: readonly (readonly [string, string])[]): string {
  return `${name} ${JSON.stringify(labels.toSorted(([a], [b]) => (a < b ? -1 : 1)))}`
}
