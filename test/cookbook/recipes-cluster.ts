/** Situations in which the cluster suffers from many small things, and the one in which a limit is tried first. */
import { runTool } from '../../src/demo/kafka/run-tool.ts'
import { buildClient } from '../support/clients.ts'
import { startPoller } from './poller.ts'
import { counted, gauge, MEGA, type Recipe, type Stage, used, written, writtenPanel } from './recipe.ts'
import { writes } from './recipes-data.ts'

const STORM_CLIENTS = 40
const TOPICS = 120

const POLLING: Recipe = {
  name: 'polling',
  title: 'A monitor that asks for offsets without pause',
  description: 'The lag exporter makes as many requests as it can until 5 a second of each kind are allowed.',
  seconds: 32,
  topics: [{ topic: 'polled', partitions: 2 }],
  acts: [
    {
      second: 0,
      play: (stage) =>
        Promise.resolve(startPoller(stage, { clientId: 'lag-exporter', topic: 'polled', perSecond: 40 })),
    },
    { second: 14, label: 'the file is saved', play: (stage) => stage.reload(0) },
  ],
  panels: [
    {
      title: 'requests a second',
      lines: [
        counted('ListOffsets', 'sluice_requests_total', { api: 'ListOffsets' }),
        counted('Metadata', 'sluice_requests_total', { api: 'Metadata' }),
      ],
      levels: [{ value: 5, label: 'limit 5/s of each' }],
    },
  ],
}

const STORM: Recipe = {
  name: 'storm',
  title: 'Everybody connects at once after a deploy',
  description: `${STORM_CLIENTS} clients start together; 5 connections a second are let through to the brokers after a burst of 5.`,
  seconds: 34,
  begin: 0,
  topics: [{ topic: 'deployed', partitions: 2 }],
  acts: [
    {
      second: 4,
      label: `${STORM_CLIENTS} clients start`,
      play: (stage) =>
        stage.start('librdkafka', 'produce', {
          topic: 'deployed',
          clientId: 'checkout',
          connections: STORM_CLIENTS,
          bytesPerSecond: 40_000,
        }),
    },
  ],
  panels: [
    {
      title: 'connections open',
      lines: [gauge('of clients', 'sluice_connections'), gauge('to the brokers', 'sluice_broker_connections')],
    },
    {
      title: 'connections a second',
      lines: [
        counted('accepted', 'sluice_connections_total', { result: 'accepted' }),
        counted('closed, to come again', 'sluice_throttled_requests_total', { quota: 'deploy', action: 'refused' }),
      ],
    },
  ],
}

const PARTITIONS: Recipe = {
  name: 'partitions',
  title: 'A script that creates topics by the hundred',
  description: `${TOPICS} topics in one call: 5 a second are created after a burst of 5; the others are refused, and tried again.`,
  seconds: 36,
  begin: 0,
  acts: [{ second: 4, label: `a script creates ${TOPICS} topics`, play: createTopics }],
  panels: [
    {
      title: 'partitions a second',
      lines: [
        used('created', 'mutations'),
        counted('requests that had refused topics', 'sluice_throttled_requests_total', {
          quota: 'mutations',
          action: 'refused',
        }),
      ],
      levels: [{ value: 5, label: 'limit 5/s' }],
    },
  ],
}

async function createTopics(stage: Stage): Promise<void> {
  const { command, args } = await buildClient('java')
  const program = [...args.slice(0, -1), 'CreateTopics', stage.sluice.bootstrap, 'provision', 'made-', String(TOPICS)]
  const done = runTool(command, program, { signal: stage.signal })
  // Its lines are of no interest; the recipe may be over first.
  done.catch(() => undefined)
}

/** Ten minutes are twenty seconds here. */
const RAMP: Recipe = {
  name: 'ramp',
  title: 'Observe a limit, then let it come down',
  description:
    'While the limit is observed the client keeps 6 MB/s and the delay that it would meet is told; then the limit comes down in steps to 2 MB/s.',
  seconds: 44,
  instead: () => ({ '10m': '20s' }),
  topics: [{ topic: 'etl', partitions: 2 }],
  acts: [
    writes(0, 'franz-go', { topic: 'etl', clientId: 'etl', bytesPerSecond: 6 * MEGA }),
    { second: 6, label: 'observed', play: (stage) => stage.reload(0) },
    { second: 16, label: 'enforced, with rampIn', play: (stage) => stage.reload(1) },
  ],
  panels: [
    writtenPanel([written('etl (franz-go)', 'etl')], { value: 2, label: 'limit 2 MB/s' }),
    {
      title: 'delay by quotas, seconds a second',
      lines: [
        counted('would be (etl-trial)', 'sluice_throttle_seconds_total', { quota: 'etl-trial' }),
        counted('is (etl)', 'sluice_throttle_seconds_total', { quota: 'etl' }),
      ],
    },
  ],
}

export const CLUSTER_RECIPES: readonly Recipe[] = [POLLING, STORM, PARTITIONS, RAMP]
