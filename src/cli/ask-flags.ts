/** Flags of commands that ask a running sluice: where it is, and the token that opens its pages where that is another machine. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parseAdminToken } from '../admin/token.ts'
import { readFault } from '../file-fault.ts'
import { AdminFault, type AdminPlace, DEFAULT_ADDRESS, parseAdmin } from './ask-sluice.ts'

export interface AskFlags {
  readonly admin?: string
  readonly tokenFile?: string
}

/** @param what `--admin` is for, in this command */
export function withAskFlags(command: Command, what = 'where its admin pages are'): Command {
  return command
    .option('--admin <host:port>', `${what} (default: ${DEFAULT_ADDRESS})`, parseAdmin)
    .option('--token-file <file>', 'token of admin.tokenFile, for a sluice on another machine')
}

/** @throws AdminFault for a file that has no token */
export function placeOf({ admin = DEFAULT_ADDRESS, tokenFile }: AskFlags): AdminPlace {
  return { address: admin, token: tokenFile === undefined ? undefined : readToken(tokenFile) }
}

function readToken(path: string): string {
  try {
    return parseAdminToken(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new AdminFault(
      error instanceof RangeError
        ? `--token-file ${path}: ${error.message}`
        : `--token-file ${path} cannot be read: ${readFault(error)}`,
    )
  }
}
