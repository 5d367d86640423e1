/** The command line: one program, one file a command, and the exit code that comes of a run. */
import { Command, CommanderError } from 'commander'
import { ConfigError } from '../config/config-error.ts'
import { packageVersion } from '../version.ts'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, type Finish } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

/** Builds one command of the program. */
export type MakeCommand = (terminal: Terminal, finish: Finish) => Command

const EXAMPLES = `
Examples:
  $ kafka-sluice demo
      a Kafka, a limit and two applications: watch it work
  $ kafka-sluice run --upstream kafka:9092 --produce-rate 5MB/s
      every client id may produce 5 MB/s; applications use localhost:9092
  $ kafka-sluice check-config sluice.yaml

Exit codes: 0 done, 1 failed while running, 2 wrong command line or configuration.
`

/** Runs one command line (without node and script) and says its exit code. Never throws for what a user may do wrong. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = EXIT_OK
  const program = buildProgram(await commandsFor(args[0]), terminal, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(meant(args, program), { from: 'user' })
    return exitCode
  } catch (error) {
    return exitCodeOf(error, terminal)
  }
}

/** `help nope` is as wrong as `nope`; commander would print the help of everything, and not what is wrong. */
function meant(args: readonly string[], program: Command): readonly string[] {
  const [first, name] = args
  const isWrong = first === 'help' && name !== undefined && !program.commands.some((command) => command.name() === name)
  return isWrong && name !== 'help' && !name.startsWith('-') ? [name] : args
}

/** The one that stays, and the one that is run every few seconds, do not load all the others. */
async function commandsFor(name: string | undefined): Promise<readonly MakeCommand[]> {
  if (name === 'run') return [(await import('./run.ts')).runCommand]
  if (name === 'health') return [(await import('./health.ts')).healthCommand]
  return (await import('./commands.ts')).COMMANDS
}

function buildProgram(commands: readonly MakeCommand[], terminal: Terminal, finish: Finish): Command {
  const program = new Command('kafka-sluice')
    .description('Rate-limits Kafka clients without touching them: a sidecar that speaks the Kafka protocol.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .addHelpText('after', EXAMPLES)
  for (const command of commands) program.addCommand(command(terminal, finish))
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .showHelpAfterError('(--help lists what there is)')
      .configureOutput({ writeOut: terminal.out, writeErr: terminal.err, getOutHelpWidth: terminal.columns })
  }
  return program
}

/** A fault that a user can mend is a message; anything else is our bug and shows its stack. */
function exitCodeOf(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
  if (error instanceof ConfigError) {
    terminal.err(`${error.format()}\n`)
    return EXIT_USAGE
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  terminal.err(`kafka-sluice: this is a bug: ${text}\n`)
  return EXIT_FAILURE
}
