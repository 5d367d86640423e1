/** `import-quotas`: a configuration file from the client quotas that a Kafka cluster has. */
import { readFileSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { BROKERS_MAX, CONFIG_FILE_BYTES_MAX, OVERRIDES_MAX } from '../bounds.ts'
import { formatAddress } from '../cluster/address-book.ts'
import { type HostPort, parseAddresses } from '../config/addresses.ts'
import { ConfigError } from '../config/config-error.ts'
import { kafkaQuotasDocument, kafkaQuotasYaml, type QuotaSource } from '../config/kafka-quotas-file.ts'
import { readFault, writeFault } from '../file-fault.ts'
import { QueryError } from '../net/broker-connection.ts'
import { type ClusterQuotas, queryQuotas } from '../net/quota-query.ts'
import { SASL_MECHANISMS, type SaslCredentials, type SaslMechanism } from '../net/sasl-login.ts'
import { fixedCredentials } from '../net/upstream.ts'
import { type Translation, translateKafkaQuotas } from '../policy/kafka-quotas.ts'
import { type TlsFlags, tlsOf, withFlagNames, withTlsFlags } from './broker-tls-flags.ts'
import { EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, type Finish } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice import-quotas --bootstrap kafka-0:9092 > sluice.yaml
  $ kafka-sluice import-quotas --bootstrap kafka-0:9092 --multiply --out sluice.yaml
      limits that leave every client what it can have on all brokers together
  $ kafka-sluice import-quotas --bootstrap kafka-0:9094 --user admin --password-file admin.password
      a cluster with logins; the user needs DescribeConfigs on the cluster
  $ kafka-sluice import-quotas --bootstrap kafka-0:9093 --ca-file ca.pem
      a cluster with TLS

The file says in comments what is different. Nothing is changed in the cluster.
`

interface ImportFlags extends TlsFlags {
  readonly bootstrap: readonly HostPort[]
  readonly out?: string
  readonly user?: string
  readonly passwordFile?: string
  readonly mechanism: SaslMechanism
  readonly multiply?: boolean
  readonly brokers?: number
  readonly json?: boolean
}

/** Builds the command. */
export function importQuotasCommand(terminal: Terminal, finish: Finish): Command {
  const command = new Command('import-quotas')
    .description("write a configuration file from a cluster's client quotas")
    .requiredOption('--bootstrap <host:port,...>', 'brokers to ask; the first that answers is believed', parseBootstrap)
    .option('--out <file>', 'where to write; must not exist (default: standard output)')
    .option('--user <name>', 'log in as this user (SASL)')
    .option('--password-file <file>', 'file with the password of --user')
    .addOption(
      new Option('--mechanism <name>', 'how to log in').choices(SASL_MECHANISMS).default(SASL_MECHANISMS.at(-1)),
    )
  return withTlsFlags(command)
    .option('--multiply', 'multiply what Kafka keeps on each broker by the number of brokers')
    .option('--brokers <n>', 'how many brokers there are (default: as the cluster says)', parseCount)
    .option('--json', 'JSON instead of YAML: the quotas, and notes in place of comments')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ImportFlags) => finish(await importQuotas(flags, terminal)))
}

async function importQuotas(flags: ImportFlags, terminal: Terminal): Promise<number> {
  const credentials = readCredentials(flags)
  const tls = tlsOf(flags)
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  terminal.signals.on('SIGINT', stop)
  try {
    const { signal } = stopping
    const login = credentials === undefined ? undefined : fixedCredentials(credentials)
    const found = await queryQuotas({ addresses: flags.bootstrap, credentials: login, tls, signal })
    return write(flags, found, terminal)
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    if (error.reason === 'aborted') return EXIT_INTERRUPTED
    terminal.err(`kafka-sluice: ${withFlags(error.message)}\n`)
    return EXIT_FAILURE
  } finally {
    terminal.signals.off('SIGINT', stop)
  }
}

/** The words of the query, with the names of this command's flags. */
function withFlags(message: string): string {
  return withFlagNames(message)
    .replace('give a user, its password and the mechanism', 'give --user, --password-file and --mechanism')
    .replace('user and password of upstream.sasl', '--user and --password-file')
    .replace('leave the user out, or', 'leave --user out, or')
}

function write(flags: ImportFlags, { quotas, brokersCount }: ClusterQuotas, terminal: Terminal): number {
  const source: QuotaSource = {
    bootstrap: flags.bootstrap.map(formatAddress),
    brokersCount: flags.brokers ?? brokersCount,
    isMultiplied: flags.multiply ?? false,
  }
  const translation = translateKafkaQuotas(quotas, {
    mode: 'enforce',
    times: source.isMultiplied ? source.brokersCount : 1,
  })
  const text = flags.json ? jsonOf(source, translation) : kafkaQuotasYaml(source, translation)
  const tooMuch = tooMuchFor(text, translation)
  if (tooMuch !== undefined) {
    terminal.err(`kafka-sluice: ${tooMuch}; follow the cluster instead, without a file: quotas.followKafka\n`)
    return EXIT_FAILURE
  }
  if (flags.out === undefined) terminal.out(text)
  else writeNew(flags.out, text)
  if (flags.out !== undefined) terminal.out(`wrote ${flags.out}: ${summary(translation)}\n`)
  return EXIT_OK
}

function jsonOf(source: QuotaSource, translation: Translation): string {
  const { brokersCount, isMultiplied } = source
  const document = kafkaQuotasDocument(source, translation)
  return `${JSON.stringify({ ...document, brokers: brokersCount, multiplied: isMultiplied, notes: translation.notes }, undefined, 2)}\n`
}

/** Why no file could hold it. */
function tooMuchFor(text: string, { quotas }: Translation): string | undefined {
  const large = quotas.find(({ rule }) => rule.overrides.length > OVERRIDES_MAX)
  if (large !== undefined) {
    return `the cluster has ${large.rule.overrides.length} quotas of ${large.kafkaKey}, and a quota of a file takes ${OVERRIDES_MAX} overrides`
  }
  const bytes = Buffer.byteLength(text)
  return bytes > CONFIG_FILE_BYTES_MAX
    ? `the file would have ${bytes} bytes, at most ${CONFIG_FILE_BYTES_MAX} are read`
    : undefined
}

function summary({ quotas, notes }: Translation): string {
  const parts = quotas.map(({ rule }) => `${rule.name} with ${counted(rule.overrides.length, 'override')}`)
  const noted = notes.length === 0 ? '' : `; ${counted(notes.length, 'note')} at its top`
  return `${parts.length === 0 ? 'no quotas' : parts.join(', ')}${noted}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Never over another file: somebody may have changed it by hand. */
function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'EEXIST'
        ? `${path} exists; write to another name and compare`
        : `cannot write ${path}: ${writeFault(error)}`
    throw flagError('--out', why)
  }
}

function readCredentials({ user, passwordFile, mechanism }: ImportFlags): SaslCredentials | undefined {
  if (user === undefined && passwordFile === undefined) return undefined
  if (user === undefined) throw flagError('--password-file', 'whose password? Give --user as well')
  if (passwordFile === undefined) throw flagError('--user', 'give the password of this user in --password-file FILE')
  const password = readPassword(passwordFile)
  if (password === '') throw flagError('--password-file', `${passwordFile} is empty`)
  return { user, password, mechanism }
}

/** Without the end of the line that editors and echo put behind it. */
function readPassword(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/u, '')
  } catch (error) {
    throw flagError('--password-file', `cannot read ${path}: ${readFault(error)}`)
  }
}

function flagError(path: string, message: string): ConfigError {
  return new ConfigError([{ path, line: 0, column: 0, message }])
}

function parseBootstrap(text: string): readonly HostPort[] {
  try {
    return parseAddresses(text)
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidArgumentError(error.message)
    throw error
  }
}

function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= BROKERS_MAX) return count
  throw new InvalidArgumentError(`It is a whole number, 1 to ${BROKERS_MAX}.`)
}
