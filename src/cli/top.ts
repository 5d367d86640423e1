/** `top`: who is limited, by which quota and how much, live in a terminal; elsewhere as plain text or JSON. */
import { setTimeout as delay } from 'node:timers/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../config/units.ts'
import type { StatusDocument } from '../status/status-document.ts'
import { naturalOrder, SORT_KEYS, type SortKey } from '../status/status-query.ts'
import { runLive } from '../top/live.ts'
import { plainLines } from '../top/screen.ts'
import { FIRST_STATE, queryOf, VIEWS, type View } from '../top/state.ts'
import { type AskFlags, placeOf, withAskFlags } from './ask-flags.ts'
import { AdminFault, askSluice, DEFAULT_ADDRESS } from './ask-sluice.ts'
import { EXIT_FAILURE, EXIT_OK, type Finish } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice top
      the sluice that runs here; ? lists the keys, q leaves
  $ kubectl exec -it POD -c kafka-sluice -- kafka-sluice top
  $ kafka-sluice top --once --view quotas
  $ kafka-sluice top --json --interval 5s --sort fetch --limit 10
      one line of JSON every five seconds; docs/status.md tells what is in it

Without a terminal it prints once, with --interval again and again.
`

const INTERVAL_MS = 2_000
const INTERVAL_MIN_MS = 200
/** Clients that are printed where nobody can scroll. */
const PLAIN_CLIENTS = 50
const PLAIN_COLUMNS = 160

interface TopFlags extends AskFlags {
  readonly view: View
  readonly sort: SortKey
  readonly reverse?: boolean
  readonly filter?: string
  readonly limit?: number
  readonly interval?: number
  readonly once?: boolean
  readonly json?: boolean
}

/** Builds the command. */
export function topCommand(terminal: Terminal, finish: Finish): Command {
  return withAskFlags(new Command('top'), 'the sluice whose admin pages are there')
    .description('show live who is limited, by which quota and how much')
    .addOption(new Option('--view <view>', 'what is shown first').choices(VIEWS).default('clients'))
    .addOption(new Option('--sort <key>', 'order of clients').choices(SORT_KEYS).default('throttle'))
    .option('--reverse', 'the other way round')
    .option('--filter <text>', 'clients with this in their client id, user, group or library')
    .option('--limit <number>', `clients that are printed (default: ${PLAIN_CLIENTS}, with --json all)`, parseLimit)
    .option('--interval <duration>', 'time between two looks (default: 2s)', parseInterval)
    .option('--once', 'print once, and end')
    .option('--json', 'the status as JSON; with --interval a line for each look')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: TopFlags) => finish(await top(flags, terminal)))
}

async function top(flags: TopFlags, terminal: Terminal): Promise<number> {
  const { interactive, isTerminal } = terminal
  const isLive = isTerminal && interactive !== undefined && flags.json !== true && flags.once !== true
  try {
    const ask = askerOf(flags)
    if (isLive) {
      const { intervalMs, address, state } = {
        intervalMs: flags.interval ?? INTERVAL_MS,
        address: addressOf(flags),
        state: stateOf(flags),
      }
      await runLive({ terminal, interactive, ask, address, intervalMs, state })
      return EXIT_OK
    }
    return await print(flags, terminal, ask)
  } catch (error) {
    if (!(error instanceof AdminFault)) throw error
    terminal.err(`${error.message}\n`)
    return EXIT_FAILURE
  }
}

type Ask = (query: string) => Promise<StatusDocument>

function askerOf(flags: TopFlags): Ask {
  const place = placeOf(flags)
  return (query) => askSluice<StatusDocument>(place, `/api/status?${query}`, 'counts')
}

/** Once, or until it is told to stop. Of looks that follow one another one that fails is said, and the next one tried. */
async function print(flags: TopFlags, terminal: Terminal, ask: Ask): Promise<number> {
  const over = new AbortController()
  const end = (): void => over.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) terminal.signals.on(signal, end)
  const isRepeated = flags.interval !== undefined && flags.once !== true
  try {
    do {
      await printOnce(flags, terminal, ask).catch((error: unknown) => {
        if (!(isRepeated && error instanceof AdminFault)) throw error
        terminal.err(`${error.message}\n`)
      })
      if (isRepeated) await delay(flags.interval, undefined, { signal: over.signal }).catch(() => undefined)
    } while (isRepeated && !over.signal.aborted)
    return EXIT_OK
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) terminal.signals.off(signal, end)
  }
}

async function printOnce(flags: TopFlags, terminal: Terminal, ask: Ask): Promise<void> {
  const state = stateOf(flags)
  const { json = false, interval, once = false, limit } = flags
  const rows = limit ?? (json ? undefined : PLAIN_CLIENTS)
  const query = new URLSearchParams(queryOf(state, rows ?? 0))
  if (rows === undefined) query.delete('top')
  const status = await ask(query.toString())
  if (json) {
    const isLine = interval !== undefined && !once
    terminal.out(`${isLine ? JSON.stringify(status) : JSON.stringify(status, undefined, 2)}\n`)
    return
  }
  const columns = terminal.isTerminal ? terminal.columns() : PLAIN_COLUMNS
  const lines = plainLines(status, state, addressOf(flags), columns)
  const left = state.view === 'clients' ? status.counts.matching - status.clients.length : 0
  terminal.out(
    `${[...lines, ...(left > 0 ? [`and ${left} more (--limit)`] : []), ''].join('\n')}${interval === undefined ? '' : '\n'}`,
  )
}

function stateOf({ view, sort, reverse = false, filter = '' }: TopFlags): typeof FIRST_STATE {
  const natural = naturalOrder(sort)
  const order = reverse ? (natural === 'asc' ? 'desc' : 'asc') : natural
  return { ...FIRST_STATE, view, sort, order, filter }
}

function addressOf({ admin = DEFAULT_ADDRESS }: TopFlags): string {
  return admin
}

function parseInterval(text: string): number {
  try {
    const ms = parseDuration(text)
    if (ms >= INTERVAL_MIN_MS) return ms
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new InvalidArgumentError(error.message)
  }
  throw new InvalidArgumentError('It is 200ms at least.')
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,5}$/u.test(text)) throw new InvalidArgumentError('It is a whole number from 1.')
  return Number(text)
}
