/** The client program over kafkajs; contract.ts says what it does. */
import { connect, isIP, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import {
  CompressionTypes,
  type ISocketFactoryArgs,
  Kafka,
  type KafkaConfig,
  logLevel,
  type ProducerConfig,
  type SASLOptions,
} from 'kafkajs'
import { callsInFlight, main, type Run, sendBatches } from './common.ts'

/** kafkajs has no batching of its own: this is what an application that cares would do. */
const BATCH_RECORDS = 100
const IN_FLIGHT = 5
const POLL_MS = 20
const KEEP_ALIVE_MS = 60_000

const COMPRESSION = new Map([
  ['none', CompressionTypes.None],
  ['gzip', CompressionTypes.GZIP],
])

/** One instance, and a word to say before closing it: from then on its sockets may end. */
function open(run: Run): { kafka: Kafka; leave: () => void } {
  const { bootstrap, clientId, sasl } = run.config
  let leaving = false
  const socketFactory = ({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket => {
    const servername = isIP(host) === 0 ? { servername: host } : {}
    const socket = ssl
      ? connectTls({ host, port, ...servername, ...ssl }, onConnect)
      : connect({ host, port }, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('end', () => leaving || run.event('disconnect', `${host}:${port} closed the connection`))
    socket.on('error', (error) => leaving || run.event('disconnect', `${host}:${port}: ${error.message}`))
    return socket
  }
  const config: KafkaConfig = {
    brokers: bootstrap.split(','),
    logLevel: logLevel.ERROR,
    logCreator: () => (entry) => {
      if (!leaving) process.stderr.write(`${entry.namespace}: ${entry.log.message}\n`)
    },
    socketFactory,
    ...(clientId === undefined ? {} : { clientId }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl, mechanism: sasl.mechanism.toLowerCase() } as SASLOptions }),
  }
  return {
    kafka: new Kafka(config),
    leave: () => {
      leaving = true
    },
  }
}

async function produce(run: Run, instance: number): Promise<void> {
  const { config } = run
  const { kafka, leave } = open(run)
  const producer = kafka.producer({
    ...(config.idempotent === undefined ? {} : { idempotent: config.idempotent }),
    ...(config.producer as ProducerConfig | undefined),
  })
  producer.on('producer.network.request_timeout', ({ payload }) => run.event('timeout', payload.apiName))
  await producer.connect()
  const compression = COMPRESSION.get(config.compression ?? 'none')
  if (compression === undefined) throw new Error(`kafkajs has no ${config.compression} without a plugin`)
  const acks = config.acks === undefined ? {} : { acks: config.acks === 'all' ? -1 : config.acks }
  const inFlight = callsInFlight(run, BATCH_RECORDS, IN_FLIGHT)
  await sendBatches(run, instance, { batchRecords: BATCH_RECORDS, inFlight }, (values) =>
    producer.send({
      topic: config.topic,
      ...(config.compression === undefined ? {} : { compression }),
      ...acks,
      messages: values.map((value) => ({ value })),
    }),
  )
  leave()
  // It waits for every send under way, and of a flood that is left nobody else does.
  if (config.count !== undefined || config.drain === true) await producer.disconnect()
}

async function consume(run: Run, instance: number): Promise<void> {
  const { config } = run
  const { kafka, leave } = open(run)
  const groupId = config.group ?? `${run.name}-${instance}`
  const consumer = kafka.consumer({ groupId, ...config.consumer })
  let joins = 0
  consumer.on('consumer.network.request_timeout', ({ payload }) => run.event('timeout', payload.apiName))
  consumer.on('consumer.crash', ({ payload }) => run.event('error', `crash: ${payload.error.message}`))
  consumer.on('consumer.rebalancing', () => run.event('revoked', 'rebalancing'))
  consumer.on('consumer.group_join', ({ payload }) => {
    if (joins++ > 0) run.rebalances++
    run.event('assigned', JSON.stringify(payload.memberAssignment))
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [config.topic], fromBeginning: true })
  await consumer.run({
    eachMessage: ({ partition, message }) => {
      run.receivedOne(instance, partition, message.value ?? Buffer.alloc(0))
      return Promise.resolve()
    },
  })
  while (!run.consumedEnough) await delay(POLL_MS)
  leave()
  await consumer.disconnect()
}

await main({ produce, consume })
