/** `check-config`: what `run --config` would say of a file, without running. For editors, CI and the operator in doubt. */
import { Command } from 'commander'
import { formatAddress } from '../cluster/address-book.ts'
import { type Config, ConfigError, loadConfig } from '../config/config.ts'
import { readConfigText } from './config-text.ts'
import { describeQuota, matchInWords } from './describe-quota.ts'
import { EXIT_OK, EXIT_USAGE, type Finish } from './exit-code.ts'
import { formatDuration } from './format.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice check-config sluice.yaml
  $ kafka-sluice check-config sluice.yaml --json | jq .faults
  $ kafka-sluice check-config sluice.yaml && kubectl apply -k .

Every fault is named with its line and column; the exit code is 2 when there is one. Flags and variables are not looked
at, and a labelsFile is not read: it may be a file of another machine.
`

/** Builds the command. */
export function checkConfigCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('check-config')
    .description('check a configuration file: every fault with its line, or what it would do, in words')
    .argument('<file>', 'configuration file (YAML)')
    .option('--json', 'the result as JSON')
    .addHelpText('after', EXAMPLES)
    .action((file: string, { json }: { json?: boolean }) => {
      if (json) finish(printJson(file, terminal))
      else {
        terminal.out(`${file} is valid\n${describe(read(file))}`)
        finish(EXIT_OK)
      }
    })
}

/** Without the environment: the file has to stand on its own. */
function read(path: string): Config {
  return loadConfig({ file: { path, text: readConfigText(path) }, flags: {}, env: {} })
}

function printJson(file: string, terminal: Terminal): number {
  const print = (result: object): void => terminal.out(`${JSON.stringify(result, unlimited, 2)}\n`)
  try {
    print({ file, valid: true, config: read(file) })
    return EXIT_OK
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    print({ file, valid: false, faults: error.faults })
    return EXIT_USAGE
  }
}

/** JSON has no infinity. */
function unlimited(_: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? 'unlimited' : value
}

const INDENT = ' '.repeat(12)

function describe(config: Config): string {
  const { listen, upstream, admin, labels, exempt, followKafka, quotas } = config
  const named = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
  const lines = [
    `  listen    ${formatAddress(listen)}`,
    `  upstream  ${upstream.bootstrap.map(formatAddress).join(', ')}`,
    `  admin     ${admin === undefined ? 'off' : formatAddress(admin)}`,
    ...(named.length === 0 ? [] : [`  labels    ${named.join(', ')}`]),
    ...(config.mode === 'observe' ? ['  mode      observe: no quota slows anybody'] : []),
    ...exempt.map((match) => `  exempt    from every quota: whose ${matchInWords(match)}`),
    ...quotas.flatMap((rule) => {
      const [name, ...more] = describeQuota(rule, exempt)
      return [`  quota     ${name}`, ...more.map((line) => INDENT + line)]
    }),
  ]
  if (followKafka !== undefined) {
    const observed = followKafka.mode === 'observe' ? ', and only observes them' : ''
    lines.push(
      `  follows   the quotas of the cluster itself, asked for every ${formatDuration(followKafka.intervalMs)}${observed}`,
    )
  }
  if (quotas.length === 0 && followKafka === undefined) lines.push('  quota     none: a transparent proxy')
  return `${lines.join('\n')}\n`
}
