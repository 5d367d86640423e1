/**
 * `health`: asks the sluice beside it whether it is ready, for a container's HEALTHCHECK. It is started every few seconds within
 * the container's memory limit, so it loads neither the other commands nor the schema of the configuration.
 */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { dialledHost, parseAddress } from '../config/addresses.ts'
import { ConfigError } from '../config/config-error.ts'
import { DEFAULT_ADMIN } from '../config/defaults.ts'
import { isMapping, mappingAt } from '../config/raw.ts'
import { readFault } from '../file-fault.ts'
import { AdminFault, fetchText, parseAdmin } from './ask-sluice.ts'
import { EXIT_FAILURE, EXIT_OK, type Finish } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice health
      exit code 0 and "ready", or 1 and why not: /readyz of the sluice on this machine
  $ kafka-sluice health --alive
      only whether the process answers (/healthz), whatever the brokers do

Where it asks: --admin, else SLUICE_ADMIN, else admin: of the file that --config or SLUICE_CONFIG names,
else 127.0.0.1:9404.
`

interface HealthFlags {
  readonly admin?: string
  readonly config?: string
  readonly alive?: boolean
}

/** Builds the command. */
export function healthCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('health')
    .description('ask the sluice on this machine whether it is ready; the exit code says it')
    .option('--admin <host:port>', 'where its admin pages are', parseAdmin)
    .option('--config <file>', 'configuration file (YAML) that says where its admin pages are')
    .option('--alive', 'whether the process answers, not whether it is ready')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: HealthFlags) => finish(await health(flags, terminal)))
}

async function health(flags: HealthFlags, terminal: Terminal): Promise<number> {
  const page = flags.alive ? '/healthz' : '/readyz'
  try {
    const { status, body } = await fetchText(await adminAddress(flags, terminal.env), page)
    if (status === 200) {
      terminal.out(flags.alive ? 'alive\n' : 'ready\n')
      return EXIT_OK
    }
    terminal.err(`not ready: ${reasonsIn(body) ?? `${page} answers ${status}; is it a kafka-sluice?`}\n`)
  } catch (error) {
    if (!(error instanceof AdminFault)) throw error
    terminal.err(`${error.message}\n`)
  }
  return EXIT_FAILURE
}

async function adminAddress({ admin, config }: HealthFlags, env: Terminal['env']): Promise<string> {
  if (admin !== undefined) return admin
  const variable = env['SLUICE_ADMIN'] ?? ''
  if (variable === 'off') throw new AdminFault('SLUICE_ADMIN is off: a sluice without admin pages cannot be asked')
  const { host, port } = variable === '' ? await ofFile(config ?? env['SLUICE_CONFIG']) : ofVariable(variable)
  return host.includes(':') ? `[${dialledHost(host)}]:${port}` : `${dialledHost(host)}:${port}`
}

function ofVariable(text: string): { readonly host: string; readonly port: number } {
  try {
    return parseAddress(text, 1, DEFAULT_ADMIN.port)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ConfigError([{ path: 'SLUICE_ADMIN', line: 0, column: 0, message: error.message }])
  }
}

/** What the file says of `admin`, and nothing else of it: faults are the business of whoever runs by it. */
async function ofFile(path: string | undefined): Promise<{ readonly host: string; readonly port: number }> {
  if (path === undefined || path === '') return DEFAULT_ADMIN
  const { YamlFile } = await import('../config/yaml-file.ts')
  const fault = (why: string): AdminFault =>
    new AdminFault(`cannot read where the admin pages are from ${path}: ${why}`)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw fault(readFault(error))
  }
  const { value, faults } = new YamlFile(text)
  if (faults[0] !== undefined) throw fault(`line ${faults[0].line}: ${faults[0].message}`)
  const whole = isMapping(value) ? value : {}
  if (whole['admin'] === 'off' || whole['admin'] === false) {
    throw new AdminFault(`${path} says admin: off: a sluice without admin pages cannot be asked`)
  }
  const { host, port } = mappingAt(whole, 'admin')
  return {
    host: typeof host === 'string' ? host : DEFAULT_ADMIN.host,
    port: typeof port === 'number' ? port : DEFAULT_ADMIN.port,
  }
}

function reasonsIn(body: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(body)
    const reasons = isMapping(answer) ? answer['reasons'] : undefined
    return Array.isArray(reasons) ? reasons.join('; ') : undefined
  } catch {
    return undefined
  }
}
