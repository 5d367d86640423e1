/**
 * A member that joins a group and leaves it, again and again, in a process of its own: `node restless-member.ts BOOTSTRAP GROUP TOPIC`. It
 * lives until it is killed, or its stdin ends.
 */
import { Kafka, logLevel } from 'kafkajs'

const [, , bootstrap = '', groupId = '', topic = ''] = process.argv
const kafka = new Kafka({ clientId: groupId, brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })

process.stdin.on('end', () => process.exit()).resume()
for (;;) {
  const consumer = kafka.consumer({ groupId })
  const joined = Promise.withResolvers<void>()
  consumer.on('consumer.group_join', () => joined.resolve())
  await consumer.connect()
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: () => Promise.resolve() })
  await joined.promise
  await consumer.disconnect()
}
