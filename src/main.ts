/** The process: one command line in, one exit code out, and the last resort for what nobody caught. */
import { EXIT_FAILURE } from './cli/exit-code.ts'
import { runCli } from './cli/program.ts'
import { processTerminal } from './cli/terminal.ts'
import { writeFault } from './file-fault.ts'

// `kafka-sluice demo | head`: whoever reads has gone; that is no fault of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    process.stderr.write(`kafka-sluice: cannot write the output: ${writeFault(error)}\n`)
    process.exit(EXIT_FAILURE)
  })
}

process.exitCode = await runCli(process.argv.slice(2), processTerminal())
// Listeners that a failed start left behind must not keep the process; stdout is flushed first.
process.stdout.write('', (error) => {
  // With one, its event above says so.
  if (error == null) process.exit()
})
