/**
 * A member that joins a group and leaves it, again and again, in a process of its own: `node restless-member.ts BOOTSTRAP GROUP TOPIC`. It
 * lives until it is killed, or its stdin ends.
 */
import { Kafka, logLevel } from 'kafkajs'

const [, , bootstrap = '', groupId = '', topic = ''] = process.argv
const kafka = new Kafka({ clientId: groupId, brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })

/** One that is cut off while it leaves is waited for, by the group, no longer than this: with kafkajs' own 60 s the group would settle. */
const PATIENCE = { sessionTimeout: 6_000, rebalanceTimeout: 1_000, heartbeatInterval: 500 }

process.stdin.on('end', () => process.exit()).resume()
for (;;) {
  const consumer = kafka.consumer({ groupId, ...PATIENCE })
  const joined = Promise.withResolvers<void>()
  consumer.on('consumer.group_join', () => joined.resolve())
  await consumer.connect()
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: () => Promise.resolve() })
  await joined.promise
  await consumer.disconnect()
}
