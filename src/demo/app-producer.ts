/**
 * The producing half of a demo application. One loop for each partition, so that every partition's records keep their
 * order and a flood has as many requests under way as partitions. Library defaults: nothing here knows of limits.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kafka, Producer } from 'kafkajs'
import type { Ack, AppConfig } from './app-messages.ts'
import type { FrameMeter } from './frame-meter.ts'
import { RecentSamples } from './measure.ts'
import { RecordMaker } from './sequence.ts'

/** Sends that latency figures look back on. */
const LATENCY_SAMPLES = 200

/** Sends until told to stop. */
export class LoadProducer {
  readonly #producer: Producer
  readonly #config: AppConfig
  readonly #meter: FrameMeter
  readonly #latency = new RecentSamples(LATENCY_SAMPLES)
  #running: Promise<unknown> = Promise.resolve()
  #stopped = false
  #ackedRecords = 0
  #errors = 0

  constructor(kafka: Kafka, config: AppConfig, meter: FrameMeter) {
    this.#producer = kafka.producer({ allowAutoTopicCreation: false })
    this.#config = config
    this.#meter = meter
    const { REQUEST, REQUEST_TIMEOUT, DISCONNECT } = this.#producer.events
    this.#producer.on(REQUEST, (event) => meter.answered(event))
    this.#producer.on(REQUEST_TIMEOUT, () => this.#errors++)
    this.#producer.on(DISCONNECT, () => {
      if (!this.#stopped) this.#errors++
    })
  }

  async start(): Promise<void> {
    await this.#producer.connect()
    const loops = Array.from({ length: this.#config.partitions }, (_, partition) => this.#load(partition))
    this.#running = Promise.all(loops)
  }

  /** Sends no more; resolves when the last answer is in. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async disconnect(): Promise<void> {
    this.#stopped = true
    await this.#producer.disconnect()
  }

  takeAcks(): Ack[] {
    return this.#meter.takeAcks()
  }

  ackedRecords(): number {
    return this.#ackedRecords
  }

  errors(): number {
    return this.#errors
  }

  latencyMs(share: number): number | null {
    return this.#latency.percentile(share)
  }

  async #load(partition: number): Promise<void> {
    const { recordBytes, batchRecords, bytesPerSecond, partitions } = this.#config
    const maker = new RecordMaker(recordBytes)
    const everyMs = bytesPerSecond === undefined ? 0 : (batchRecords * recordBytes * partitions * 1000) / bytesPerSecond
    let dueMs = performance.now()
    while (!this.#stopped) {
      await this.#send(partition, maker)
      dueMs += everyMs
      const waitMs = dueMs - performance.now()
      if (everyMs > 0 && waitMs > 0) await sleep(waitMs)
    }
  }

  async #send(partition: number, maker: RecordMaker): Promise<void> {
    const { topic, batchRecords } = this.#config
    const messages = Array.from({ length: batchRecords }, () => ({ value: maker.next(), partition }))
    const startedMs = performance.now()
    try {
      await this.#producer.send({ topic, messages })
      this.#ackedRecords += batchRecords
      this.#latency.add(performance.now() - startedMs)
    } catch {
      // Counted, and a gap in the numbers shows it: the demo fails, and going on shows whether it was a blip.
      this.#errors++
    }
  }
}
