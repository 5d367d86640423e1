/** Lag of a group, as a sluice tells it and as Kafka has it. */
import type { Admin } from 'kafkajs'
import type { SluiceMetrics } from '../../support/sluice-metrics.ts'
import type { RunningSluice } from './sluice.ts'

/** Of a group of the topic's name, now. */
export const told = async (sluice: RunningSluice, metric: string, topic: string): Promise<Map<number, number>> =>
  lagIn(await sluice.metrics(), metric, topic)

/** By partition, what a metric says of a group of the topic's name. */
export function lagIn(metrics: SluiceMetrics, metric: string, topic: string): Map<number, number> {
  const mine = metrics.series(metric).filter(({ labels }) => labels['topic'] === topic && labels['group'] === topic)
  return new Map(mine.map(({ labels, value }) => [Number(labels['partition']), value]))
}

/** By partition, the end less what the group has committed, as Kafka has it. */
export async function lagsOf(admin: Admin, topic: string): Promise<Map<number, number>> {
  const ends = await admin.fetchTopicOffsets(topic)
  const [committed] = await admin.fetchOffsets({ groupId: topic, topics: [topic] })
  return new Map(
    (committed?.partitions ?? [])
      .filter(({ offset }) => Number(offset) >= 0)
      .map(({ partition, offset }) => {
        const end = ends.find((one) => one.partition === partition)?.high ?? '0'
        return [partition, Number(end) - Number(offset)]
      }),
  )
}

export function isSame(one: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>): boolean {
  return one.size > 0 && one.size === other.size && [...one].every(([key, value]) => other.get(key) === value)
}
