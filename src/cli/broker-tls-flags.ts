/** Flags of commands that ask a cluster over TLS, and what they come to. */
import type { Command } from 'commander'
import { ConfigError } from '../config/config-error.ts'
import { BrokerTls } from '../net/broker-tls.ts'
import { faultOf, readSecret } from '../secret-keeper.ts'

export interface TlsFlags {
  readonly tls?: boolean
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  readonly serverName?: string
  readonly insecureSkipVerify?: boolean
}

export function withTlsFlags(command: Command): Command {
  return command
    .option('--tls', 'TLS to the brokers, trusting the authorities that Node knows; any of the following means it too')
    .option('--ca-file <file>', "PEM of the authorities that sign the brokers' certificates")
    .option('--cert-file <file>', 'PEM of our own certificate, where brokers ask for one')
    .option('--key-file <file>', 'PEM of its private key')
    .option(
      '--server-name <host>',
      "name that every broker's certificate must have (default: the host that is dialled)",
    )
    .option('--insecure-skip-verify', 'take any certificate; for experiments only')
}

/** Undefined: plaintext. @throws ConfigError for files that cannot be used */
export function tlsOf(flags: TlsFlags): BrokerTls | undefined {
  const { tls, caFile, certFile, keyFile, serverName, insecureSkipVerify } = flags
  if ([tls, caFile, certFile, keyFile, serverName, insecureSkipVerify].every((flag) => flag === undefined))
    return undefined
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [given, missing] = certFile === undefined ? ['--key-file', '--cert-file'] : ['--cert-file', '--key-file']
    throw fault(given, `give ${missing} as well: a certificate and its private key`)
  }
  const verify = insecureSkipVerify === true ? 'nothing' : 'full'
  const texts = {
    ...textOf('caFile', '--ca-file', caFile),
    ...textOf('certFile', '--cert-file', certFile),
    ...textOf('keyFile', '--key-file', keyFile),
  }
  try {
    return new BrokerTls({ caFile, certFile, keyFile, serverName, verify, minVersion: 'TLSv1.2' }, texts)
  } catch (error) {
    throw fault(caFile === undefined ? '--cert-file' : '--ca-file', withFlagNames(faultOf(error)))
  }
}

/** Words made for the configuration file, with the names of these flags. */
export function withFlagNames(message: string): string {
  return message
    .replaceAll('upstream.tls.certFile and keyFile', '--cert-file and --key-file')
    .replaceAll(/(?:upstream\.tls\.)?caFile/gu, '--ca-file')
    .replaceAll(/(?:upstream\.tls\.)?certFile/gu, '--cert-file')
    .replaceAll(/(?:upstream\.tls\.)?keyFile/gu, '--key-file')
    .replaceAll('upstream.tls.serverName', '--server-name')
    .replaceAll('configure upstream.tls', 'give --tls')
    .replaceAll('upstream.tls', '--tls')
}

function textOf(key: string, flag: string, path: string | undefined): Readonly<Record<string, string>> {
  if (path === undefined) return {}
  try {
    return { [key]: readSecret(path) }
  } catch (error) {
    if (error instanceof RangeError) throw fault(flag, error.message)
    throw error
  }
}

function fault(path: string, message: string): ConfigError {
  return new ConfigError([{ path, line: 0, column: 0, message }])
}
