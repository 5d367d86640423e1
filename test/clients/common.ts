/** What the two Node programs share: the records, their checking, the counting, and the talk on stdin and stdout. */
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { ClientConfig, ClientCounts, ClientEventKind, ClientMode } from './contract.ts'

const POOL_BYTES = 1 << 20
const PROGRESS_EVERY_MS = 1000
const LATENCY_LEAST_MS = 0.01
const LATENCY_GROWTH = 1.05
const RECORD_BYTES = 1024
/** A sender that runs ahead of its rate sleeps in steps, so that it stops soon when asked. */
const PACE_STEP_MS = 50

/** The records of one instance in one run, in order. */
export class RecordSource {
  readonly #run: string
  readonly #instance: number
  readonly #recordBytes: number
  readonly #pool: Buffer
  #next = 0

  constructor(run: string, instance: number, recordBytes: number) {
    this.#run = run
    this.#instance = instance
    this.#recordBytes = recordBytes
    this.#pool = fillerPool(Math.max(POOL_BYTES, recordBytes * 2))
  }

  next(): Buffer {
    const sequence = this.#next++
    const prefix = `${this.#run} ${this.#instance} ${sequence} `
    const fillerBytes = Math.max(0, this.#recordBytes - prefix.length - 9)
    const from = (sequence * 7919) % (this.#pool.length - fillerBytes)
    const filler = this.#pool.subarray(from, from + fillerBytes)
    return Buffer.concat([Buffer.from(`${prefix}${crc32(filler).toString(16).padStart(8, '0')} `), filler])
  }
}

/** Bytes that do not compress, the same in every run. */
function fillerPool(bytes: number): Buffer {
  const pool = Buffer.allocUnsafe(bytes)
  let state = 0x9e3779b9
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    pool[i] = state >>> 24
  }
  return pool
}

/** Looks at every record received: whole, new, in order? */
export class RecordChecker {
  readonly #run: string | undefined
  readonly #seen = new Map<string, Set<number>>()
  readonly #highest = new Map<string, number>()
  readonly #lastInPartition = new Map<string, number>()
  distinct = 0
  duplicates = 0
  outOfOrder = 0
  corrupt = 0

  constructor(run: string | undefined) {
    this.#run = run
  }

  check(reader: number, partition: number, value: Buffer): void {
    // The header is short; only the filler may hold any byte, so it is looked for from the front.
    const header = value.subarray(0, 120).toString('latin1').split(' ', 4)
    const [run, instance, sequenceText, checksum] = header
    if (run === undefined || instance === undefined || sequenceText === undefined || checksum === undefined) {
      this.corrupt++
      return
    }
    if (this.#run !== undefined && run !== this.#run) return
    const filler = value.subarray(header.join(' ').length + 1)
    if (crc32(filler) !== Number.parseInt(checksum, 16)) this.corrupt++
    this.#place(`${reader} ${run} ${instance}`, partition, Number(sequenceText))
  }

  get gaps(): number {
    let gaps = 0
    for (const [source, highest] of this.#highest) gaps += highest + 1 - (this.#seen.get(source)?.size ?? 0)
    return gaps
  }

  #place(source: string, partition: number, sequence: number): void {
    const seen = this.#seen.get(source) ?? new Set()
    this.#seen.set(source, seen)
    if (seen.has(sequence)) {
      this.duplicates++
      return
    }
    seen.add(sequence)
    this.distinct++
    this.#highest.set(source, Math.max(sequence, this.#highest.get(source) ?? -1))
    const lane = `${source} ${partition}`
    if (sequence < (this.#lastInPartition.get(lane) ?? -1)) this.outOfOrder++
    else this.#lastInPartition.set(lane, sequence)
  }
}

/** Percentiles from buckets that grow by 5 %. */
class Latencies {
  readonly #counts: number[] = []
  #total = 0

  add(ms: number): void {
    const bucket = Math.max(0, Math.round(Math.log(ms / LATENCY_LEAST_MS) / Math.log(LATENCY_GROWTH)))
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total++
  }

  percentile(share: number): number {
    let left = this.#total * share
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count ?? 0
      if (left <= 0 && this.#total > 0) return Number((LATENCY_LEAST_MS * LATENCY_GROWTH ** bucket).toFixed(2))
    }
    return 0
  }
}

/** One run of a program: its configuration, its counters, its voice. */
export class Run {
  readonly config: ClientConfig
  readonly mode: ClientMode
  readonly name: string
  readonly connections: number
  readonly recordBytes: number
  readonly checker: RecordChecker
  readonly latencies: Latencies = new Latencies()
  sent = 0
  acked = 0
  bytes = 0
  errors = 0
  timeouts = 0
  disconnects = 0
  rebalances = 0
  received = 0
  receivedBytes = 0
  lost: number | undefined
  /** From outside: stop now. */
  stopAsked = false
  readonly #startedMs = performance.now()

  constructor(mode: ClientMode, config: ClientConfig) {
    this.mode = mode
    this.config = config
    this.connections = config.connections ?? 1
    this.recordBytes = config.recordBytes ?? RECORD_BYTES
    this.name = config.run ?? Math.random().toString(36).slice(2, 10)
    this.checker = new RecordChecker(config.run ?? (mode === 'roundtrip' ? this.name : undefined))
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.#startedMs) / 1000
  }

  /** True when it is time to go, by the clock or by request. */
  get over(): boolean {
    return this.stopAsked || (this.config.seconds !== undefined && this.elapsedSeconds >= this.config.seconds)
  }

  /** How many records this instance is to send; the count is spread over the instances. */
  share(instance: number): number {
    const { count } = this.config
    if (count === undefined) return Number.POSITIVE_INFINITY
    return Math.floor(count / this.connections) + (instance < count % this.connections ? 1 : 0)
  }

  receivedOne(instance: number, partition: number, value: Buffer): void {
    this.received++
    this.receivedBytes += value.length
    this.checker.check(this.config.group === undefined ? instance : 0, partition, value)
  }

  get consumedEnough(): boolean {
    const { count, group } = this.config
    const readers = group === undefined && this.mode === 'consume' ? this.connections : 1
    return this.over || (count !== undefined && this.checker.distinct >= count * readers)
  }

  /** Waits until the bytes sent so far are due at the configured rate. */
  async pace(): Promise<void> {
    const { bytesPerSecond } = this.config
    if (bytesPerSecond === undefined) return
    while (!this.over) {
      const aheadMs = ((this.sent * this.recordBytes) / bytesPerSecond - this.elapsedSeconds) * 1000
      if (aheadMs <= 0) return
      await delay(Math.min(aheadMs, PACE_STEP_MS))
    }
  }

  event(kind: ClientEventKind, text: string): void {
    if (kind === 'error') this.errors++
    if (kind === 'timeout') this.timeouts++
    if (kind === 'disconnect') this.disconnects++
    print({ t: 'event', kind, text: text.slice(0, 500) })
  }

  /** Fails of single records after we left are of our making. */
  recordFailed(error: unknown, records: number): void {
    if (this.over && this.config.drain !== true) return
    this.errors += records - 1
    this.event('error', error instanceof Error ? `${error.name}: ${error.message}` : String(error))
  }

  counts(): ClientCounts {
    const { sent, acked, bytes, errors, timeouts, disconnects, rebalances, received, receivedBytes, checker } = this
    return {
      ...{
        seconds: Number(this.elapsedSeconds.toFixed(3)),
        sent,
        acked,
        bytes,
        errors,
        timeouts,
        disconnects,
        rebalances,
      },
      ...{ p50Ms: this.latencies.percentile(0.5), p99Ms: this.latencies.percentile(0.99), received, receivedBytes },
      ...{ duplicates: checker.duplicates, outOfOrder: checker.outOfOrder, corrupt: checker.corrupt },
      lost: this.lost ?? checker.gaps,
    }
  }
}

export interface Library {
  produce(run: Run, instance: number): Promise<void>
  consume(run: Run, instance: number): Promise<void>
}

/** The body of a program: reads, runs the mode, reports. */
export async function main(library: Library): Promise<void> {
  const mode = process.argv[2] as ClientMode
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const given = process.argv[3]
  const config = JSON.parse(given ?? String((await lines.next()).value)) as ClientConfig
  const run = new Run(mode, config)
  if (given === undefined) {
    void lines.next().then(() => {
      run.stopAsked = true
    })
  }
  const progress = setInterval(() => print({ t: 'progress', ...run.counts() }), PROGRESS_EVERY_MS)
  try {
    await runMode(run, library)
    print({ t: 'result', ...run.counts() })
    process.exitCode = 0
  } catch (error) {
    print({ t: 'error', message: (error as Error).stack ?? String(error) })
    process.exitCode = 1
  }
  clearInterval(progress)
  // Libraries keep timers and sockets; what had to be said is written, because pipes and files are synchronous here.
  process.exit()
}

async function runMode(run: Run, library: Library): Promise<void> {
  const each = (work: (run: Run, instance: number) => Promise<void>): Promise<unknown> =>
    Promise.all(Array.from({ length: run.connections }, (_, instance) => work(run, instance)))
  if (run.mode === 'produce') return void (await each(library.produce))
  if (run.mode === 'consume') return void (await each(library.consume))
  if (run.mode !== 'roundtrip') throw new Error(`unknown mode ${run.mode}`)
  await each(library.produce)
  await library.consume(run, 0)
  run.lost = (run.config.count ?? run.acked) - run.checker.distinct
}

function print(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/**
 * A flood or a paced stream for libraries whose `send` takes a batch and answers when it is stored: up to `inFlight` calls
 * of `batchRecords` each are under way.
 */
export async function sendBatches(
  run: Run,
  instance: number,
  shape: { readonly batchRecords: number; readonly inFlight: number },
  send: (values: readonly Buffer[]) => Promise<unknown>,
): Promise<void> {
  const source = new RecordSource(run.name, instance, run.recordBytes)
  const pending = new Set<Promise<void>>()
  let left = run.share(instance)
  while (left > 0 && !run.over) {
    const values = Array.from({ length: Math.min(left, shape.batchRecords) }, () => source.next())
    left -= values.length
    run.sent += values.length
    const call = sendOne(run, values, send).finally(() => pending.delete(call))
    pending.add(call)
    // The delay is there so that a sender whose answers do not come still notices that it is time to go.
    while (pending.size >= shape.inFlight && !run.over) await Promise.race([...pending, delay(PACE_STEP_MS)])
    await run.pace()
  }
  if (run.config.count !== undefined || run.config.drain === true) await Promise.all(pending)
}

async function sendOne(run: Run, values: readonly Buffer[], send: (values: readonly Buffer[]) => Promise<unknown>) {
  const sentMs = performance.now()
  try {
    await send(values)
    run.acked += values.length
    for (const value of values) run.bytes += value.length
    run.latencies.add(performance.now() - sentMs)
  } catch (error) {
    run.recordFailed(error, values.length)
  }
}

/**
 * How many `send` calls may be under way. These libraries keep the order of the records inside a call and promise nothing
 * between calls, so an application that wants order waits for each: as a roundtrip does, which checks it.
 */
export function callsInFlight(run: Run, batchRecords: number, usual: number): number {
  if (run.mode === 'roundtrip') return 1
  const { maxPending } = run.config
  return maxPending === undefined ? usual : Math.ceil(maxPending / batchRecords)
}
