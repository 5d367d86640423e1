/** `demo`: see the main job work on this machine, with nothing to set up. */
import { Command, InvalidArgumentError } from 'commander'
import type { DemoOptions } from '../demo/demo.ts'
import type { Finish } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

const SECONDS_MIN = 5
const SECONDS_MAX = 3_600

const EXAMPLES = `
Examples:
  $ kafka-sluice demo
  $ kafka-sluice demo --seconds 60 --produce-rate 10MB/s
  $ kafka-sluice demo --upstream kafka:9092
      with a Kafka of your own; two topics sluice-demo-… are made and deleted

Without --upstream, Kafka is started by Docker or, failing that, from the Apache jars on local Java.
The exit code is 1 when the limit did not hold or a record was lost.
`

/** Builds the command. */
export function demoCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('demo')
    .description('start a Kafka, the sluice and two applications, and show a limit at work')
    .option('--seconds <n>', 'how long the applications run', parseSeconds, 30)
    .option('--produce-rate <rate>', 'the limit of each client id', '1MB/s')
    .option('--upstream <host:port,...>', 'use this Kafka instead of starting one')
    .option('--json', 'JSON lines instead of a screen')
    .addHelpText('after', EXAMPLES)
    .action(async (options: DemoOptions) => {
      // Loaded only here: the other commands do not need a Kafka.
      const { runDemo } = await import('../demo/demo.ts')
      finish(await runDemo(options, terminal))
    })
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (Number.isInteger(seconds) && seconds >= SECONDS_MIN && seconds <= SECONDS_MAX) return seconds
  throw new InvalidArgumentError(`It is a whole number of seconds, ${SECONDS_MIN} to ${SECONDS_MAX}.`)
}
