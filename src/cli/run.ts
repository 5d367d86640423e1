/** `run`: the sidecar itself. Two flags are a working limiter, a file is the whole thing. */
import { Command } from 'commander'
import type { SluiceDependencies } from '../app.ts'
import { formatAddress } from '../cluster/address-book.ts'
import type { Config } from '../config/config.ts'
import { LOG_LEVELS } from '../config/document.ts'
import { FileWatch } from '../config/watch.ts'
import { monotonicMs } from '../net/clock.ts'
import { Counters } from '../session/counters.ts'
import type { Sluice } from '../sluice.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { type ConfigFile, configFileOf, loadWithoutFile, readWatch } from './config-file.ts'
import type { RunFlags } from './config-text.ts'
import { EXIT_FAILURE, type Finish } from './exit-code.ts'
import { formatLimit } from './format.ts'
import { collectGarbage, collectWhenIdle } from './idle-memory.ts'
import { installLastResort } from './last-resort.ts'
import { Reloader, sha256 } from './reload.ts'
import { startFault } from './start-fault.ts'
import { supervise } from './supervise.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice run --upstream kafka:9092
      a transparent proxy on localhost:9092, nothing limited
  $ kafka-sluice run --upstream kafka-0:9092,kafka-1:9092 --produce-rate 5MB/s --observe
      what a limit of 5 MB/s for each client id would do, in the metrics; nothing is slowed
  $ kafka-sluice run --config sluice.yaml
      a change of the file is taken at once if it has no fault; kill -HUP reloads it too

Each flag has an environment variable: --produce-rate is SLUICE_PRODUCE_RATE, --label is SLUICE_LABELS (a,b). Flags
win over the environment, the environment over the file.
`

/** Builds the command. */
export function runCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('run')
    .description('listen where applications point bootstrap.servers, and forward to the brokers within the quotas')
    .option('--upstream <host:port,...>', 'bootstrap addresses of the brokers')
    .option('--listen <host:port>', 'where applications connect (default: 127.0.0.1:9092)')
    .option('--broker-ports <first-last>', 'ports that stand for the brokers, one each (default: 19092-19191)')
    .option('--admin <host:port>', 'where health and metrics are served, or off (default: 127.0.0.1:9404)')
    .option('--config <file>', 'configuration file (YAML)')
    .option('--no-watch', 'do not reload the file when it changes; kill -HUP still does')
    .option('--produce-rate <rate>', 'what each client id may produce: 5MB/s, 512KiB/s')
    .option('--fetch-rate <rate>', 'what each client id may fetch')
    .option('--request-rate <rate>', 'requests of each client id: 100/s')
    .option('--observe', 'compute every quota and report it, but slow nobody')
    .option('--label <name=value>', 'a label of this workload, for quotas to match; may be repeated', collect)
    .option('--labels-file <file>', "labels of this workload, as Kubernetes' downward API writes them")
    .option('--log-level <level>', LOG_LEVELS.join(', '))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: RunFlags) => finish(await run(flags, terminal)))
}

function collect(label: string, before: readonly string[] = []): readonly string[] {
  return [...before, label]
}

async function run(flags: RunFlags, terminal: Terminal): Promise<number> {
  const file = configFileOf(flags, terminal.env)
  const text = file?.readText()
  const isWatched = file !== undefined && readWatch(flags, terminal.env)
  const config = text === undefined ? await loadWithoutFile(flags, terminal.env) : await file!.load(text)
  const logger = createLogger({ level: config.log.level, pretty: terminal.isTerminal, colour: terminal.colour })
  const counters = new Counters()
  const reloader = new Reloader({ file, text, config, counters, logger })
  const sluice = await start(config, {
    logger,
    counters,
    env: terminal.env,
    configReport: () => reloader.report(),
    reload: (peer) => reloader.reload('POST /api/reload', peer),
  })
  if (sluice === undefined) return EXIT_FAILURE
  reloader.attach(sluice)
  installLastResort(process, logger, (exitCode) => process.exit(exitCode))
  logStart(
    logger,
    config,
    sluice,
    file === undefined || text === undefined ? {} : { file: file.path, sha256: sha256(text) },
  )
  collectGarbage()
  const idle = collectWhenIdle(() => counters.requests.reduce((sum, count) => sum + count, 0))
  const watch = isWatched ? watchConfig(file, reloader, logger) : undefined
  try {
    return await supervise({ sluice, logger, signals: terminal.signals, nowMs: monotonicMs, reloader })
  } finally {
    watch?.close()
    clearInterval(idle)
  }
}

function watchConfig({ path }: ConfigFile, reloader: Reloader, logger: Logger): FileWatch {
  return new FileWatch({
    path,
    changed: () => void reloader.reload('file'),
    unwatched: (error) =>
      logger.log(
        'config_unwatched',
        { file: path, err: error },
        `${path} sends no events; it is looked at every few seconds instead`,
      ),
  })
}

/** Loaded only here, so that help and check-config do not pay for the data path. */
async function start(config: Config, dependencies: SluiceDependencies): Promise<Sluice | undefined> {
  const { startSluice } = await import('../app.ts')
  try {
    return await startSluice(config, dependencies)
  } catch (error) {
    const fault = startFault(error, config)
    if (fault === undefined) throw error
    dependencies.logger.log('start_failed', {}, fault)
    return undefined
  }
}

/** The one line that says what this process does. */
function logStart(
  logger: Logger,
  config: Config,
  sluice: Sluice,
  origin: { readonly file?: string; readonly sha256?: string },
): void {
  const upstream = config.upstream.bootstrap.map(formatAddress)
  const quotas = sluice.status().quotas.map(({ name, dimension, limitPerSecond, mode }) => {
    const observed = mode === 'observe' ? ' (observe)' : ''
    return `${name}: ${dimension} ${formatLimit(dimension, limitPerSecond ?? Number.POSITIVE_INFINITY)}${observed}`
  })
  const admin = sluice.admin === undefined ? 'off' : `http://${formatAddress(sluice.admin)}`
  const listen = formatAddress(sluice.listen)
  logger.log(
    'started',
    { listen, upstream, quotas, admin, ...origin },
    `listening on ${listen} for ${upstream.join(', ')}`,
  )
}
