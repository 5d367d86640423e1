/** What makes each of the main alerts fire for real, and what ends it: five at once in front of one Kafka, and a dead broker at last. */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { KafkaCluster } from '../../../src/demo/kafka/index.ts'
import { LineProcess } from '../../support/processes.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { startProgram } from './program-flood.ts'
import type { RunningSluice } from './sluice.ts'

/** One client id produces and consumes, so that all panels of its dashboard have something to show. */
export const CLIENT = 'checkout'
export const GROUP = 'billing'
export const TOPIC = 'orders'
/** The group that does not settle. */
export const RESTLESS = 'restless'
const RESTLESS_MEMBER = fileURLToPath(new URL('restless-member.ts', import.meta.url))
const RECORD_BYTES = 500
const FLOODED = { name: 'flooded', limit: { produceBytes: '300 kB/s' }, match: { clientId: CLIENT } }
/** A sixth of what the flood produces under its limit. */
const SLOW = { name: 'slow', limit: { fetchBytes: '50 kB/s' }, match: { clientId: CLIENT } }
/** One request of 500 kB is worth 25 s of it, and none is held so long. */
const TOO_SMALL = { name: 'too-small', limit: { produceBytes: '20 kB/s' }, match: { clientId: 'bulk' } }

export const QUOTAS: readonly object[] = [FLOODED, SLOW, TOO_SMALL]
/** What the consumer needs to catch up. */
const LIFTED: readonly object[] = [FLOODED, TOO_SMALL]

export interface AlertScene {
  readonly alert: string
  /** Of the series that it fires for. */
  readonly labels: Readonly<Record<string, string>>
  begin(): Promise<void>
  end(): Promise<void>
}

/** The scenes that play at the same time. */
export function scenesAtOnce(context: Surroundings, sluice: RunningSluice): AlertScene[] {
  const produce = { bootstrap: sluice.bootstrap, topic: TOPIC }
  const flood = program(context, 'platformatic', { ...produce, clientId: CLIENT, recordBytes: RECORD_BYTES })
  const bulk = program(context, 'kafkajs', { ...produce, clientId: 'bulk', recordBytes: 5_000, connections: 4 })
  return [
    { alert: 'SluiceClientFlood', labels: { client_id: CLIENT }, ...flood },
    { alert: 'SluiceLagGrowing', labels: { group: GROUP, topic: TOPIC }, ...lag(context, sluice) },
    { alert: 'SluiceFloorExceeded', labels: { quota: 'too-small' }, ...bulk },
    {
      ...{ alert: 'SluiceConfigInvalid', labels: {} },
      begin: () => writeFile(sluice.configFile, 'quotas: [{ name: no-limit }]\n'),
      end: () => sluice.reload(LIFTED),
    },
    { alert: 'SluiceRebalanceLoop', labels: { group: RESTLESS }, ...churn(context, sluice) },
  ]
}

/** A consumer that may not read as fast as others write. It catches up when the quota is gone, with the configuration that `end`s another scene. */
function lag(context: Surroundings, { bootstrap }: RunningSluice): Pick<AlertScene, 'begin' | 'end'> {
  return {
    begin: async () => {
      await startProgram(context, 'kafkajs', 'consume', { bootstrap, topic: TOPIC, clientId: CLIENT, group: GROUP })
    },
    end: () => Promise.resolve(),
  }
}

function churn(context: Surroundings, { bootstrap }: RunningSluice): Pick<AlertScene, 'begin' | 'end'> {
  let member: LineProcess | undefined
  const end = async (): Promise<void> => {
    member?.kill()
    await member?.ended
  }
  context.after(end)
  return {
    begin: () => {
      member = new LineProcess(process.execPath, [RESTLESS_MEMBER, bootstrap, RESTLESS, TOPIC], {
        onLine: () => undefined,
      })
      return Promise.resolve()
    },
    end,
  }
}

/** The broker is killed, and comes back, under a client that keeps asking for it. */
export function deadBroker(context: Surroundings, kafka: KafkaCluster, { bootstrap }: RunningSluice): AlertScene {
  const id = kafka.brokers[0]!.id
  const config = { bootstrap, topic: TOPIC, clientId: 'patient', recordBytes: RECORD_BYTES, bytesPerSecond: 5_000 }
  return {
    ...{ alert: 'SluiceBrokerDown', labels: { node: String(id) } },
    begin: async () => {
      await startProgram(context, 'kafkajs', 'produce', config)
      await kafka.killBroker(id)
    },
    end: () => kafka.startBroker(id),
  }
}

function program(
  context: Surroundings,
  library: 'kafkajs' | 'platformatic',
  config: Parameters<typeof startProgram>[3],
): Pick<AlertScene, 'begin' | 'end'> {
  let running: Awaited<ReturnType<typeof startProgram>> | undefined
  return {
    begin: async () => {
      running = await startProgram(context, library, 'produce', config)
    },
    end: async () => {
      running?.client.kill()
    },
  }
}
