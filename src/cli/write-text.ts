/** Where a command that makes a page puts it. */
import { writeFileSync } from 'node:fs'
import { writeFault } from '../file-fault.ts'
import { EXIT_FAILURE, EXIT_OK } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

/** To a file, or where there is none to standard output; says the exit code. */
export function writeText(path: string | undefined, text: string, terminal: Terminal): number {
  if (path === undefined) {
    terminal.out(text)
    return EXIT_OK
  }
  try {
    writeFileSync(path, text)
    return EXIT_OK
  } catch (error) {
    terminal.err(`cannot write ${path}: ${writeFault(error)}\n`)
    return EXIT_FAILURE
  }
}
