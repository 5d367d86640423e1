/** `check-config`: what `run --config` would say of a file, without running. For editors, CI and the operator in doubt. */
import { Command } from 'commander'
import { formatAddress } from '../cluster/address-book.ts'
import type { Config } from '../config/config.ts'
import { EXIT_OK, type Finish } from './exit-code.ts'
import { formatLimit } from './format.ts'
import { readConfig } from './read-config.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice check-config sluice.yaml
  $ kafka-sluice check-config sluice.yaml && kill -HUP "$(pidof kafka-sluice)"

Every fault is named with its line and column; the exit code is 2 when there is one.
`

/** Builds the command. */
export function checkConfigCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('check-config')
    .description('check a configuration file: every fault with its line, or what it means')
    .argument('<file>', 'configuration file (YAML)')
    .addHelpText('after', EXAMPLES)
    .action((file: string) => {
      // Without the environment: the file has to stand on its own.
      const config = readConfig({ config: file }, {})
      terminal.out(`${file} is valid\n${describe(config)}`)
      finish(EXIT_OK)
    })
}

function describe(config: Config): string {
  const lines = [
    `  listen    ${formatAddress(config.listen)}`,
    `  upstream  ${config.upstream.bootstrap.map(formatAddress).join(', ')}`,
    `  admin     ${config.admin === undefined ? 'off' : formatAddress(config.admin)}`,
    ...config.quotas.map(({ name, limit, mode }) => {
      const limits = Object.entries(limit).map(([dimension, value]) => `${dimension} ${formatLimit(dimension, value)}`)
      return `  quota     ${name}: ${limits.join(', ')}${config.mode === 'observe' || mode === 'observe' ? ' (observe)' : ''}`
    }),
  ]
  if (config.quotas.length === 0) lines.push('  quota     none: a transparent proxy')
  return `${lines.join('\n')}\n`
}
