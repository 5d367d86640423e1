/** The consuming half of a demo application: a consumer group of one that checks every record. */
import type { Consumer, Kafka } from 'kafkajs'
import type { AppConfig, SequenceCounts } from './app-messages.ts'
import { SequenceCheck } from './sequence.ts'

/** Until the group has its member; a broker that is slow to start a group takes some seconds. */
const JOIN_DEADLINE_MS = 60_000
/** kafkajs leaves only when its last Fetch is answered; with its 5 s the demo would end in a silence of 5 s. */
const FETCH_WAIT_MS = 500

/** The consumer group that reads a topic. */
export function readersOf(topic: string): string {
  return `${topic}-readers`
}

/** Reads the application's own topic from its beginning. */
export class CheckingConsumer {
  readonly #consumer: Consumer
  readonly #checks: SequenceCheck[]
  readonly #topic: string
  #received = 0

  constructor(kafka: Kafka, config: AppConfig) {
    this.#consumer = kafka.consumer({ groupId: readersOf(config.topic), maxWaitTimeInMs: FETCH_WAIT_MS })
    this.#checks = Array.from({ length: config.partitions }, () => new SequenceCheck())
    this.#topic = config.topic
  }

  /** Resolves once the group has assigned the partitions. */
  async start(): Promise<void> {
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topic: this.#topic, fromBeginning: true })
    const joined = this.#joined()
    await this.#consumer.run({
      eachBatch: ({ batch }) => {
        const check = this.#checks[batch.partition]
        for (const { value } of batch.messages) if (value !== null) check?.see(value)
        this.#received += batch.messages.length
        return Promise.resolve()
      },
    })
    await joined
  }

  receivedRecords(): number {
    return this.#received
  }

  counts(): SequenceCounts {
    const sum = { lost: 0, doubled: 0, reordered: 0, damaged: 0 }
    for (const check of this.#checks) {
      const { lost, doubled, reordered, damaged } = check.counts()
      sum.lost += lost
      sum.doubled += doubled
      sum.reordered += reordered
      sum.damaged += damaged
    }
    return sum
  }

  async stop(): Promise<void> {
    await this.#consumer.disconnect()
  }

  #joined(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the consumer group did not form')), JOIN_DEADLINE_MS)
      const settle = (act: () => void) => (): void => {
        clearTimeout(timer)
        act()
      }
      this.#consumer.on(this.#consumer.events.GROUP_JOIN, settle(resolve))
      // A group that a slow broker cannot serve yet is a crash to kafkajs, from which it restarts by itself.
      this.#consumer.on(this.#consumer.events.CRASH, ({ payload: { error, restart } }) => {
        if (!restart) settle(() => reject(error))()
      })
    })
  }
}
