/** `injector`: the webhook by which Kubernetes puts the sidecar into pods. */
import { Command } from 'commander'
import { formatAddress } from '../cluster/address-book.ts'
import { parseAddress } from '../config/addresses.ts'
import { ConfigError } from '../config/config-error.ts'
import { LOG_LEVELS, type LogLevel } from '../config/document.ts'
import type { Injector } from '../injector/injector.ts'
import type { InjectorConfig } from '../injector/injector-file.ts'
import type { KubeApi } from '../injector/kube-api.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { readConfigText } from './config-text.ts'
import { EXIT_FAILURE, EXIT_OK, type Finish } from './exit-code.ts'
import { installLastResort } from './last-resort.ts'
import type { SignalSource, Terminal } from './terminal.ts'

const EXAMPLES = `
The chart in helm/kafka-sluice writes the file and everything around it; docs/kubernetes.md tells how it is used.

Examples:
  $ kafka-sluice injector --config /etc/kafka-sluice/injector.yaml
  $ kafka-sluice injector --config injector.yaml --kubernetes https://127.0.0.1:6443 --credentials ./account
      outside of a pod: a directory with token and ca.crt of the service account
`

interface InjectorFlags {
  readonly config: string
  readonly listen?: string
  readonly admin?: string
  readonly logLevel?: string
  readonly kubernetes?: string
  readonly credentials?: string
}

/** Builds the command. */
export function injectorCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('injector')
    .description('run the Kubernetes webhook that puts the sidecar into pods')
    .requiredOption('--config <file>', 'its configuration file (YAML)')
    .option('--listen <host:port>', 'where API servers call, with TLS (default: 0.0.0.0:8443)')
    .option('--admin <host:port>', 'where health and metrics are served (default: 0.0.0.0:9404)')
    .option('--log-level <level>', LOG_LEVELS.join(', '))
    .option('--kubernetes <url>', "the Kubernetes API (default: the pod's own)")
    .option('--credentials <dir>', "token and ca.crt for it (default: the pod's service account)")
    .addHelpText('after', EXAMPLES)
    .action(async (flags: InjectorFlags) => finish(await runInjector(flags, terminal)))
}

async function runInjector(flags: InjectorFlags, terminal: Terminal): Promise<number> {
  // Loaded only here: no other command needs it.
  const [{ Injector }, { loadInjectorFile }, kube] = await Promise.all([
    import('../injector/injector.ts'),
    import('../injector/injector-file.ts'),
    import('../injector/kube-api.ts'),
  ])
  const config = withFlags(loadInjectorFile(flags.config, readConfigText(flags.config)), flags)
  const url = flags.kubernetes ?? kube.apiUrlOf(terminal.env)
  if (config.certificate.kind === 'own' && url === undefined) {
    throw flagFault(
      '--kubernetes',
      'this is no pod, and certificate.secret is kept in Kubernetes; give its URL, or certificate.certFile',
    )
  }
  const credentials = flags.credentials ?? kube.SERVICE_ACCOUNT_DIRECTORY
  const api: KubeApi | undefined = url === undefined ? undefined : new kube.KubeApi({ url, credentials })
  const logger = createLogger({ level: config.log.level, pretty: terminal.isTerminal, colour: terminal.colour })
  const injector = new Injector({ config, logger, api })
  // Before the first look at the certificates, which may wait for an API server that does not answer.
  const stopped = untilStopped(injector, logger, terminal.signals)
  const fault = await startFault(injector, config)
  if (fault !== undefined) {
    logger.log('start_failed', {}, fault)
    injector.kill()
    return EXIT_FAILURE
  }
  installLastResort(process, logger, (exitCode) => process.exit(exitCode))
  logStart(injector, config, logger)
  return stopped
}

function logStart(injector: Injector, { listen, injection }: InjectorConfig, logger: Logger): void {
  const at = formatAddress({ host: listen.host, port: injector.port })
  const admin = injector.admin === undefined ? 'off' : `http://${formatAddress(injector.admin)}`
  logger.log(
    'injector_started',
    { listen: at, admin, image: String(injection.sidecar['image']) },
    `injecting: API servers call https://${at}`,
  )
}

/** Why it cannot start, where that is not our bug. */
async function startFault(injector: Injector, { listen }: InjectorConfig): Promise<string | undefined> {
  try {
    await injector.start()
    return undefined
  } catch (error) {
    const { name, message, code } = error as NodeJS.ErrnoException
    if (name === 'AdminListenError') return message
    if (code === undefined || !['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND'].includes(code)) throw error
    return `cannot listen on ${formatAddress(listen)}: ${message}; choose another address with --listen HOST:PORT`
  }
}

function untilStopped(injector: Injector, logger: Logger, signals: SignalSource): Promise<number> {
  return new Promise((resolve) => {
    let isStopping = false
    const stop = (signal: string): void => {
      if (isStopping) {
        logger.log('second_signal', { signal }, 'second signal: leaving at once')
        injector.kill()
        resolve(EXIT_FAILURE)
        return
      }
      isStopping = true
      logger.log('injector_stopping', { signal }, 'stopping: reviews go on until API servers have heard of it')
      injector.stop().then(
        () => resolve(EXIT_OK),
        (error: unknown) => {
          logger.log('drain_failed', { err: error }, 'stopping failed')
          resolve(EXIT_FAILURE)
        },
      )
    }
    signals.on('SIGTERM', () => stop('SIGTERM'))
    signals.on('SIGINT', () => stop('SIGINT'))
  })
}

function withFlags(config: InjectorConfig, { listen, admin, logLevel }: InjectorFlags): InjectorConfig {
  const at = (flag: string, text: string): { host: string; port: number } => {
    try {
      return parseAddress(text, 0)
    } catch (error) {
      if (error instanceof RangeError) throw flagFault(flag, error.message)
      throw error
    }
  }
  const level = LOG_LEVELS.find((known) => known === logLevel)
  if (logLevel !== undefined && level === undefined)
    throw flagFault('--log-level', `the levels are ${LOG_LEVELS.join(', ')}`)
  return {
    ...config,
    ...(listen === undefined ? {} : { listen: at('--listen', listen) }),
    ...(admin === undefined ? {} : { admin: at('--admin', admin) }),
    log: { level: (level ?? config.log.level) satisfies LogLevel },
  }
}

function flagFault(path: string, message: string): ConfigError {
  return new ConfigError([{ path, line: 0, column: 0, message }])
}
