/** A process that starts a Kafka, tells about it, and waits to be killed: test/demo/kafka-cluster.test.ts looks what remains. */
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { startKafka } from '../../src/demo/kafka/kafka.ts'

const kafka = await startKafka()
const pid = kafka.brokers[0]?.pid ?? 0
const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
const configFile = commandLine.find((argument) => argument.endsWith('server.properties')) ?? ''
process.stdout.write(`${JSON.stringify({ pid, directory: dirname(dirname(configFile)) })}\n`)
setInterval(() => undefined, 60_000)
