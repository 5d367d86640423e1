/**
 * One client application of the demo, a process of its own: kafkajs as it comes, told of no Kafka but the sluice.
 * It takes its orders over IPC, ends when the demo ends in whatever way, and ignores Ctrl-C, which is the demo's.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, Kafka } from 'kafkajs'
import { CheckingConsumer, readersOf } from './app-consumer.ts'
import type { AppConfig, AppProgress, FromApp, ToApp } from './app-messages.ts'
import { LoadProducer } from './app-producer.ts'
import { FrameMeter } from './frame-meter.ts'

const PROGRESS_EVERY_MS = 250
/** The consumer may be behind when producing ends; it is given up only when it stands still this long. */
const STANDSTILL_MS = 10_000
const TOPIC_DEADLINE_MS = 30_000

class App {
  readonly #config: AppConfig
  readonly #kafka: Kafka
  readonly #producer: LoadProducer
  readonly #consumer: CheckingConsumer

  constructor(config: AppConfig, kafka: Kafka, meter: FrameMeter) {
    this.#config = config
    this.#kafka = kafka
    this.#producer = new LoadProducer(kafka, config, meter)
    this.#consumer = new CheckingConsumer(kafka, config)
  }

  async start(): Promise<void> {
    await this.#withAdmin((admin) => createTopic(admin, this.#config))
    await this.#consumer.start()
    await this.#producer.start()
    await send({ t: 'ready' })
    setInterval(() => void send({ t: 'progress', progress: this.#progress() }), PROGRESS_EVERY_MS).unref()
  }

  /** The last records are consumed before the last figures are sent. */
  async finish(): Promise<void> {
    await this.#producer.stop()
    await this.#catchUp()
    const progress = this.#progress()
    await this.leave()
    await send({ t: 'done', progress })
  }

  async leave(): Promise<void> {
    await Promise.all([this.#producer.disconnect(), this.#consumer.stop()])
    const { topic, deleteTopic } = this.#config
    if (!deleteTopic) return
    await this.#withAdmin(async (admin) => {
      await admin.deleteGroups([readersOf(topic)])
      await admin.deleteTopics({ topics: [topic] })
    })
  }

  async #catchUp(): Promise<void> {
    let seen = -1
    let movedMs = performance.now()
    while (this.#consumer.receivedRecords() < this.#producer.ackedRecords()) {
      const received = this.#consumer.receivedRecords()
      if (received !== seen) {
        seen = received
        movedMs = performance.now()
      }
      if (performance.now() - movedMs > STANDSTILL_MS) return
      await sleep(20)
    }
  }

  #progress(): AppProgress {
    const ackedRecords = this.#producer.ackedRecords()
    return {
      acks: this.#producer.takeAcks(),
      ackedRecords,
      ackedBytes: ackedRecords * this.#config.recordBytes,
      receivedRecords: this.#consumer.receivedRecords(),
      check: this.#consumer.counts(),
      errors: this.#producer.errors(),
      latencyP50Ms: this.#producer.latencyMs(0.5),
      latencyP99Ms: this.#producer.latencyMs(0.99),
    }
  }

  async #withAdmin(act: (admin: Admin) => Promise<unknown>): Promise<void> {
    const admin = this.#kafka.admin()
    await admin.connect()
    await act(admin)
    await admin.disconnect()
  }
}

/** Resolves once the brokers know the topic; kafkajs' own waiting gives up on a broker that has not heard of it yet. */
async function createTopic(admin: Admin, { topic, partitions }: AppConfig): Promise<void> {
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: false })
  const deadlineMs = performance.now() + TOPIC_DEADLINE_MS
  for (;;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      if (topics[0]?.partitions.every(({ leader }) => leader >= 0)) return
      throw new Error(`topic ${topic} has partitions without a leader`)
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
      await sleep(50)
    }
  }
}

/** kafkajs comes with a checkout, not with the published package. */
async function makeApp(config: AppConfig): Promise<App> {
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
  const kafkajs = await import('kafkajs').catch(() => {
    throw new Error('the demo applications need the package kafkajs: run the demo from a checkout after npm ci')
  })
  const { Kafka: KafkaClient, logLevel } = kafkajs.default ?? kafkajs
  const meter = new FrameMeter()
  const { socketFactory } = meter
  const kafka = new KafkaClient({
    clientId: config.name,
    brokers: [config.bootstrap],
    logLevel: logLevel.NOTHING,
    socketFactory,
  })
  return new App(config, kafka, meter)
}

/** Resolves when the message is out. After the demo's end nobody listens, and 'disconnect' below ends this process. */
function send(message: FromApp): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve())
    else resolve()
  })
}

function fail(error: unknown): void {
  void send({ t: 'failed', message: error instanceof Error ? error.message : String(error) })
}

let app: Promise<App> | undefined

async function obey(message: ToApp): Promise<void> {
  if (message.t === 'start') {
    app = makeApp(message.config)
    await (await app).start()
    return
  }
  if (message.t === 'stop') await (await app)?.finish()
  else await (await app)?.leave()
  process.disconnect()
}

process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())
process.on('message', (message: ToApp) => {
  obey(message).catch(fail)
})
