/** `events`: what the log can say, and what to do about it, where no documentation is at hand. */
import { Command } from 'commander'
import { suggestion } from '../config/suggest.ts'
import { EVENTS, isEvent } from '../telemetry/events/events.ts'
import { eventText, renderLogsPage } from '../telemetry/events/logs-page.ts'
import { EXIT_USAGE, type Finish } from './exit-code.ts'
import type { Terminal } from './terminal.ts'
import { writeText } from './write-text.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice events floor_exceeded
      what a log line with this event means, and what to do
  $ kafka-sluice events --markdown --out logs.md
`

interface EventsFlags {
  readonly markdown?: boolean
  readonly json?: boolean
  readonly out?: string
}

/** Builds the command. */
export function eventsCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('events')
    .description('say what the events of the log mean and what to do about them')
    .argument('[event]', 'one of them')
    .option('--markdown', 'all of them as a page')
    .option('--json', 'all of them as JSON')
    .option('--out <file>', 'write it to a file')
    .addHelpText('after', EXAMPLES)
    .action((event: string | undefined, flags: EventsFlags) => finish(tell(event, flags, terminal)))
}

function tell(event: string | undefined, { markdown, json, out }: EventsFlags, terminal: Terminal): number {
  if (event !== undefined) {
    if (isEvent(event)) return writeText(out, eventText(event), terminal)
    terminal.err(`there is no event ${event}${suggestion(event, Object.keys(EVENTS))}\n`)
    return EXIT_USAGE
  }
  if (json) return writeText(out, `${JSON.stringify(EVENTS, undefined, 2)}\n`, terminal)
  if (markdown) return writeText(out, renderLogsPage(), terminal)
  return writeText(out, Object.keys(EVENTS).filter(isEvent).map(eventText).join('\n'), terminal)
}
