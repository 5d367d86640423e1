/** A monitor as many clusters have one: asks for the newest offsets of a topic again and again, by kafkajs' own admin client. */
import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import type { Stage } from './recipe.ts'

export interface PollerOptions {
  readonly clientId: string
  readonly topic: string
  /** Most questions a second; each is several requests. */
  readonly perSecond: number
}

/** Starts it; it ends with the stage. A question that fails is asked again: a monitor does not give up. */
export function startPoller({ sluice, after }: Stage, { clientId, topic, perSecond }: PollerOptions): void {
  const admin = new Kafka({ clientId, brokers: [sluice.bootstrap], logLevel: logLevel.NOTHING }).admin()
  let isOver = false
  const polling = (async () => {
    await admin.connect()
    while (!isOver) {
      const pause = delay(1000 / perSecond)
      await admin.fetchTopicOffsets(topic).catch(() => undefined)
      await pause
    }
    await admin.disconnect()
  })()
  after(async () => {
    isOver = true
    await polling
  })
}
