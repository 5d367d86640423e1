/** Kafka's own performance tools, as a test's flooding Java clients: started, watched, and stopped when enough was seen. */
import { buildKafkaTools, javaFlags } from './clients.ts'
import { LineProcess } from './processes.ts'

export interface PerfProducerConfig {
  readonly bootstrap: string
  readonly topic: string
  readonly records: number
  readonly recordBytes: number
  /** Records a second; a flood unless given. */
  readonly throughput?: number
  /** Producer settings in Kafka's words. */
  readonly properties?: Readonly<Record<string, string>>
}

export interface PerfConsumerConfig {
  readonly bootstrap: string
  readonly topic: string
  readonly records: number
  readonly group?: string
  /** How long the tool waits for a next record before it gives up. */
  readonly timeoutMs?: number
  readonly properties?: Readonly<Record<string, string>>
}

export interface PerfTool {
  readonly pid: number
  /** What it wrote, line by line. */
  readonly lines: readonly string[]
  /** Lines of its log that tell of requests given up. */
  readonly timeouts: readonly string[]
  /** Lines of its log that tell of lost or failed connections. */
  readonly disconnects: readonly string[]
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  kill(): Promise<void>
}

export interface PerfProducerSummary {
  readonly records: number
  readonly recordsPerSecond: number
  readonly averageMs: number
  readonly maxMs: number
}

/** `org.apache.kafka.tools.ProducerPerformance`. */
export async function startPerfProducer(config: PerfProducerConfig, signal?: AbortSignal): Promise<PerfTool> {
  const { bootstrap, topic, records, recordBytes, throughput = -1 } = config
  return startTool('ProducerPerformance', signal, [
    ...['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', String(records)],
    ...['--record-size', String(recordBytes), '--throughput', String(throughput), '--reporting-interval', '1000'],
    ...commandProperties(config.properties),
  ])
}

/** `org.apache.kafka.tools.ConsumerPerformance`. */
export async function startPerfConsumer(config: PerfConsumerConfig, signal?: AbortSignal): Promise<PerfTool> {
  const { bootstrap, topic, records, group, timeoutMs } = config
  return startTool('ConsumerPerformance', signal, [
    ...['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', String(records)],
    ...(group === undefined ? [] : ['--group', group]),
    ...(timeoutMs === undefined ? [] : ['--timeout', String(timeoutMs)]),
    ...Object.entries(config.properties ?? {}).flatMap(([key, value]) => ['--command-property', `${key}=${value}`]),
  ])
}

/** The producer tool's closing line; undefined while it has not come. */
export function perfProducerSummary(tool: PerfTool): PerfProducerSummary | undefined {
  const pattern =
    /^(\d+) records sent, ([\d.]+) records\/sec .*?, ([\d.]+) ms avg latency, ([\d.]+) ms max latency, .*99/
  const match = tool.lines.map((line) => pattern.exec(line)).find((found) => found !== null)
  if (match === undefined) return undefined
  const [, records, recordsPerSecond, averageMs, maxMs] = match.map(Number)
  return {
    records: records ?? 0,
    recordsPerSecond: recordsPerSecond ?? 0,
    averageMs: averageMs ?? 0,
    maxMs: maxMs ?? 0,
  }
}

/** The producer tool takes all properties after one flag. */
function commandProperties(properties: Readonly<Record<string, string>> = {}): string[] {
  const pairs = Object.entries(properties).map(([key, value]) => `${key}=${value}`)
  return pairs.length === 0 ? [] : ['--command-property', ...pairs]
}

async function startTool(name: string, signal: AbortSignal | undefined, args: readonly string[]): Promise<PerfTool> {
  const classPath = await buildKafkaTools()
  const lines: string[] = []
  const timeouts: string[] = []
  const disconnects: string[] = []
  const child = new LineProcess('java', [...javaFlags(), '-cp', classPath, `org.apache.kafka.tools.${name}`, ...args], {
    signal,
    onLine: (line) => lines.push(line),
    onErrorLine: (line) => {
      if (/request timeout|connection setup timeout|TimeoutException/.test(line)) timeouts.push(line)
      else if (/disconnected\.|could not be established/.test(line)) disconnects.push(line)
    },
  })
  return {
    pid: child.pid,
    lines,
    timeouts,
    disconnects,
    ended: child.ended,
    kill: async () => {
      child.kill()
      await child.ended
    },
  }
}
