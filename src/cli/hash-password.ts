/** `hash-password`: an entry for the file of users that `listen.sasl` verifies logins with. The password is read, never an argument. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { stringify } from 'yaml'
import { ConfigError } from '../config/config.ts'
import { formatVerifier } from '../config/users-file.ts'
import { readFault } from '../file-fault.ts'
import { verifierOf } from '../net/user-verifier.ts'
import { EXIT_OK, type Finish } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ head -c 24 /dev/urandom | base64 > alice.password
  $ kafka-sluice hash-password alice --password-file alice.password >> users.yaml
  $ pass kafka/alice | kafka-sluice hash-password alice >> users.yaml
      without --password-file the password is the first line of standard input

The entry has no password in it: what a login must fit, by SCRAM-SHA-256 and SCRAM-SHA-512; PLAIN is verified by it too.
`

const STANDARD_INPUT = 0

interface HashFlags {
  readonly passwordFile?: string
}

/** Builds the command. */
export function hashPasswordCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('hash-password')
    .description('print an entry for the file of users that listen.sasl.usersFile names')
    .argument('<user>', 'name of the user')
    .option('--password-file <file>', 'file with the password (default: the first line of standard input)')
    .addHelpText('after', EXAMPLES)
    .action(async (user: string, { passwordFile }: HashFlags) => {
      terminal.out(await entryOf(user, readFile(passwordFile ?? STANDARD_INPUT)))
      finish(EXIT_OK)
    })
}

async function entryOf(user: string, text: string): Promise<string> {
  const [password = ''] = text.split(/\r?\n/u)
  if (password === '') throw fault('--password-file', 'the password is empty: its first line counts')
  if (user === '' || /[\0\n]/u.test(user)) throw fault('user', 'a user has a name of one line')
  const verifiers = [await verifierOf('SCRAM-SHA-256', password), await verifierOf('SCRAM-SHA-512', password)]
  return stringify({ [user]: verifiers.map(formatVerifier) }, { lineWidth: 0 })
}

function readFile(path: string | number): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw fault('--password-file', `cannot read ${path === 0 ? 'standard input' : path}: ${readFault(error)}`)
  }
}

function fault(path: string, message: string): ConfigError {
  return new ConfigError([{ path, line: 0, column: 0, message }])
}
