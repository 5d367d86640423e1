/** The client program over @platformatic/kafka; contract.ts says what it does. */
import { setTimeout as delay } from 'node:timers/promises'
import { type BaseOptions, Consumer, MessagesStreamModes, Producer, TimeoutError } from '@platformatic/kafka'
import { callsInFlight, main, type Run, sendBatches } from './common.ts'

/** This library does not batch either; see kafkajs.ts. */
const BATCH_RECORDS = 100
const IN_FLIGHT = 5
const POLL_MS = 20

function baseOptions(run: Run): BaseOptions {
  const { bootstrap, clientId, sasl } = run.config
  return {
    clientId: clientId ?? 'platformatic',
    bootstrapBrokers: bootstrap.split(','),
    ...(sasl === undefined ? {} : { sasl }),
  }
}

/** A call fails with all its attempts' errors; timeouts among them count as such. One that a retry made good shows as a lost connection. */
function countTimeouts(run: Run, error: unknown): never {
  if (isTimeout(error)) run.event('timeout', String(error))
  throw error
}

function isTimeout(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isTimeout)
  return error instanceof TimeoutError
}

/** Returns the word to say before closing. */
function watchConnections(run: Run, client: Producer<Buffer, Buffer, Buffer, Buffer> | Consumer): () => void {
  let leaving = false
  const tell = (what: string) => (payload: { broker: unknown }) => {
    if (!leaving) run.event('disconnect', `${what} ${JSON.stringify(payload.broker)}`)
  }
  client.on('client:broker:disconnect', tell('lost'))
  client.on('client:broker:failed', tell('no connection to'))
  return () => {
    leaving = true
  }
}

async function produce(run: Run, instance: number): Promise<void> {
  const { config } = run
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...baseOptions(run),
    ...(config.idempotent === undefined ? {} : { idempotent: config.idempotent }),
    ...(config.compression === undefined ? {} : { compression: config.compression }),
    ...(config.acks === undefined ? {} : { acks: config.acks === 'all' ? -1 : config.acks }),
    ...config.producer,
  })
  const leave = watchConnections(run, producer)
  const inFlight = callsInFlight(run, BATCH_RECORDS, IN_FLIGHT)
  await sendBatches(run, instance, { batchRecords: BATCH_RECORDS, inFlight }, (values) =>
    producer
      .send({ messages: values.map((value) => ({ topic: config.topic, value })) })
      .catch((error: unknown) => countTimeouts(run, error)),
  )
  leave()
  await producer.close(true)
}

async function consume(run: Run, instance: number): Promise<void> {
  const { config } = run
  const groupId = config.group ?? `${run.name}-${instance}`
  const consumer = new Consumer({ ...baseOptions(run), groupId, ...config.consumer })
  const leave = watchConnections(run, consumer as unknown as Consumer)
  let joins = 0
  consumer.on('consumer:group:join', (payload: unknown) => {
    if (joins++ > 0) run.rebalances++
    run.event(
      'assigned',
      JSON.stringify(payload, (_key, value) => (typeof value === 'bigint' ? Number(value) : value)),
    )
  })
  consumer.on('consumer:group:rebalance', () => run.event('revoked', 'rebalancing'))
  consumer.on('consumer:heartbeat:error', ({ error }: { error: Error }) => {
    run.event('error', `heartbeat: ${error.message}`)
  })
  const stream = await consumer.consume({ topics: [config.topic], mode: MessagesStreamModes.EARLIEST })
  stream.on('error', (error: Error) => run.event('error', error.message))
  stream.on('data', ({ partition, value }: { partition: number; value: Buffer }) =>
    run.receivedOne(instance, partition, value),
  )
  while (!run.consumedEnough) await delay(POLL_MS)
  leave()
  await consumer.close(true)
}

await main({ produce, consume })
