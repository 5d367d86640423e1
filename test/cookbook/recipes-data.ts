/** Situations in which too many bytes are written or read. */
import { type ClientConfig, runClient } from '../support/clients.ts'
import { type Act, fetched, MEGA, type Recipe, used, written, writtenPanel } from './recipe.ts'

/** Users of the one Kafka that all recipes share. */
export const PASSWORDS = { acme: 'acme-pencil', globex: 'globex-pencil' } as const

const RECORD_BYTES = 1000
/**
 * Clients that want more than they get: their requests are of 64 kB, so that a graph by the second shows a line and no steps, and 4 MB
 * are on their way at most.
 */
const WRITER = {
  librdkafka: { 'batch.num.messages': 64 },
  sarama: { Producer: { Flush: { MaxMessages: 64 } } },
  'franz-go': { ProducerBatchMaxBytes: 65_536 },
} as const
type Writer = keyof typeof WRITER

/** A client begins to write, as much as it may unless told how much. */
export function writes(
  second: number,
  library: Writer,
  config: Omit<ClientConfig, 'bootstrap'>,
  ...label: readonly string[]
): Act {
  const all = { recordBytes: RECORD_BYTES, maxPending: 4000, producer: WRITER[library], ...config }
  return {
    second,
    play: (stage) => stage.start(library, 'produce', all),
    ...(label[0] === undefined ? {} : { label: label[0] }),
  }
}

const acme = { mechanism: 'SCRAM-SHA-256', username: 'acme', password: PASSWORDS.acme } as const
const globex = { mechanism: 'SCRAM-SHA-512', username: 'globex', password: PASSWORDS.globex } as const

const BATCH_JOB: Recipe = {
  name: 'batch-job',
  title: 'A batch job floods a shared cluster',
  description:
    'The export writes 8 MB/s until a limit of 2 MB/s for each client is saved; orders goes on at 0.5 MB/s throughout.',
  seconds: 34,
  topics: [
    { topic: 'orders', partitions: 2 },
    { topic: 'export', partitions: 2 },
  ],
  acts: [
    writes(0, 'librdkafka', { topic: 'orders', clientId: 'orders', bytesPerSecond: MEGA / 2 }),
    writes(
      6,
      'franz-go',
      { topic: 'export', clientId: 'nightly-export', bytesPerSecond: 8 * MEGA },
      'the export starts',
    ),
    { second: 17, label: 'the file is saved', play: (stage) => stage.reload(0) },
  ],
  panels: [
    writtenPanel([written('nightly-export (franz-go)', 'nightly-export'), written('orders (librdkafka)', 'orders')], {
      value: 2,
      label: 'limit 2 MB/s',
    }),
  ],
}

const TENANT: Recipe = {
  name: 'tenant',
  title: 'One noisy tenant, by the user that it logs in as',
  description:
    'Two client ids of acme share 2 MB/s, however they come by it; globex writes its 1 MB/s undisturbed by either.',
  seconds: 32,
  login: true,
  begin: 0,
  topics: [
    { topic: 'acme', partitions: 2 },
    { topic: 'globex', partitions: 2 },
  ],
  acts: [
    writes(0, 'librdkafka', { topic: 'globex', clientId: 'billing', sasl: globex, bytesPerSecond: MEGA }),
    writes(2, 'franz-go', { topic: 'acme', clientId: 'web', sasl: acme }),
    writes(15, 'franz-go', { topic: 'acme', clientId: 'etl', sasl: acme }, 'acme starts a second client'),
  ],
  panels: [
    writtenPanel(
      [
        written('acme, both', 'web', 'etl'),
        written('acme: web', 'web'),
        written('acme: etl', 'etl'),
        written('globex: billing', 'billing'),
      ],
      { value: 2, label: 'limit of acme 2 MB/s' },
    ),
  ],
}

const TOPIC_CAP: Recipe = {
  name: 'topic-cap',
  title: 'A cap on one topic, whoever writes to it',
  description: 'Two clients together write 1 MB/s to clicks; a third writes to sales as it likes.',
  seconds: 32,
  begin: 0,
  topics: [
    { topic: 'clicks', partitions: 2 },
    { topic: 'sales', partitions: 2 },
  ],
  acts: [
    writes(0, 'librdkafka', { topic: 'sales', clientId: 'shop', bytesPerSecond: 1.5 * MEGA }),
    writes(1, 'franz-go', { topic: 'clicks', clientId: 'web' }),
    writes(15, 'franz-go', { topic: 'clicks', clientId: 'app' }, 'the app writes clicks, too'),
  ],
  panels: [
    writtenPanel(
      [
        used('topic clicks, all', 'clicks', MEGA),
        written('web: clicks', 'web'),
        written('app: clicks', 'app'),
        written('shop: sales', 'shop'),
      ],
      { value: 1, label: 'limit of clicks 1 MB/s' },
    ),
  ],
}

const WEIGHTS: Recipe = {
  name: 'weights',
  title: 'One uplink, shared by weight',
  description:
    'Three floods share 3.5 MB/s as 4 to 2 to 1; when the heaviest stops, the others take its part as 2 to 1.',
  seconds: 34,
  begin: 0,
  topics: ['gold', 'silver', 'basic'].map((topic) => ({ topic, partitions: 2 })),
  acts: [
    writes(0, 'franz-go', { topic: 'gold', clientId: 'gold-app', seconds: 18 }),
    writes(0, 'franz-go', { topic: 'silver', clientId: 'silver-app' }),
    writes(0, 'franz-go', { topic: 'basic', clientId: 'basic-app' }),
    { second: 18, label: 'gold-app stops', play: () => Promise.resolve() },
  ],
  panels: [
    writtenPanel(
      [
        used('all together', 'uplink', MEGA),
        written('gold-app', 'gold-app'),
        written('silver-app', 'silver-app'),
        written('basic-app', 'basic-app'),
      ],
      { value: 3.5, label: 'limit 3.5 MB/s' },
    ),
  ],
}

const NIGHT_OPENS_SECOND = 16

/** The window of the page is the night; that of the run is a minute that begins in the middle of it. */
const NIGHT: Recipe = {
  name: 'night',
  title: 'A window at night for backfills',
  description: 'The backfill writes 1 MB/s by day and 4 MB/s from the moment at which the window opens.',
  seconds: 32,
  begin: 0,
  beginsAtSecond: 60 - NIGHT_OPENS_SECOND,
  instead: (begins) => ({
    '* 22-23,0-4 * * *': `${new Date(begins.getTime() + NIGHT_OPENS_SECOND * 1000).getMinutes()} * * * *`,
  }),
  topics: [{ topic: 'history', partitions: 2 }],
  acts: [
    writes(0, 'franz-go', { topic: 'history', clientId: 'backfill-2024' }),
    { second: NIGHT_OPENS_SECOND, label: 'the window opens', play: () => Promise.resolve() },
  ],
  panels: [
    writtenPanel(
      [written('backfill-2024 (franz-go)', 'backfill-2024')],
      { value: 1, label: 'by day 1 MB/s' },
      { value: 4, label: 'at night 4 MB/s' },
    ),
  ],
}

const BACKLOG_RECORDS = 120_000

const REPLAY: Recipe = {
  name: 'replay',
  title: 'A replay after an outage beside a live consumer',
  description: 'The replay takes what the live group leaves of 3 MB/s; the live group goes on at its 0.8 MB/s.',
  seconds: 34,
  begin: 0,
  topics: [
    { topic: 'payments', partitions: 2 },
    { topic: 'archive', partitions: 2 },
  ],
  prepare: async ({ kafka: { internalBootstrap: bootstrap } }) => {
    const backlog = { bootstrap, topic: 'archive', count: BACKLOG_RECORDS, recordBytes: RECORD_BYTES }
    await runClient('platformatic', 'produce', backlog)
  },
  acts: [
    writes(0, 'franz-go', { topic: 'payments', clientId: 'payments', bytesPerSecond: 0.8 * MEGA }),
    {
      second: 0,
      play: (stage) =>
        stage.start('librdkafka', 'consume', { topic: 'payments', clientId: 'live-billing', group: 'live-billing' }),
    },
    {
      second: 13,
      label: 'the replay starts',
      play: (stage) =>
        stage.start('franz-go', 'consume', {
          ...{ topic: 'archive', clientId: 'reports', group: 'reports' },
          consumer: { FetchMaxPartitionBytes: 131_072 },
        }),
    },
  ],
  panels: [
    {
      title: 'read, MB/s',
      lines: [
        used('both', 'consumers', MEGA),
        fetched('reports, the replay (franz-go)', 'reports'),
        fetched('live-billing (librdkafka)', 'live-billing'),
      ],
      levels: [{ value: 3, label: 'limit 3 MB/s' }],
    },
  ],
}

export const DATA_RECIPES: readonly Recipe[] = [BATCH_JOB, TENANT, TOPIC_CAP, WEIGHTS, NIGHT, REPLAY]
