/** `advise`: from what a running sluice has seen of its clients, the limits that would fit them. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { ADVICE_OBSERVED_MIN_MS } from '../bounds.ts'
import { type Advice, adviseFrom } from '../explain/advice.ts'
import { adviceText } from '../explain/advice-text.ts'
import { adviceYaml } from '../explain/advice-yaml.ts'
import { type PolicyDocument, policyOf } from '../explain/policy-document.ts'
import type { Observation } from '../observe/observation.ts'
import { type AskFlags, placeOf, withAskFlags } from './ask-flags.ts'
import { AdminFault, askSluice } from './ask-sluice.ts'
import { EXIT_FAILURE, EXIT_OK, type Finish } from './exit-code.ts'
import { formatDuration } from './format.ts'
import { textWidth } from './question-flags.ts'
import type { Terminal } from './terminal.ts'

const HEADROOM = '30%'
const HEADROOM_MAX_PERCENT = 1000

const EXAMPLES = `
Examples:
  $ kafka-sluice advise
      limits for every client that the sluice here has seen, 30 % over what it did
  $ kafka-sluice advise --headroom 50% --yaml > sluice.yaml
      the same as a configuration file in observe mode

A limit is the 99th percentile of the client's rates over 10 s and the headroom; its burst lets the busiest second
through. The sluice has to have observed for ${ADVICE_OBSERVED_MIN_MS / 1000} s, and should have seen a busy day. It need not limit
anything meanwhile.
`

interface AdviseFlags extends AskFlags {
  readonly headroom: number
  readonly force?: boolean
  readonly json?: boolean
  readonly yaml?: boolean
}

/** Builds the command. */
export function adviseCommand(terminal: Terminal, finish: Finish): Command {
  return withAskFlags(new Command('advise'))
    .description('propose limits from what a running sluice has observed of its clients')
    .addOption(
      new Option('--headroom <percent>', 'how much a limit is over what was seen')
        .argParser(parseHeadroom)
        .default(parseHeadroom(HEADROOM), HEADROOM),
    )
    .option('--force', 'advise on less than a minute of observation')
    .addOption(new Option('--yaml', 'a configuration file in observe mode').conflicts('json'))
    .option('--json', 'the advice as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: AdviseFlags) => finish(await advise(flags, terminal)))
}

async function advise(flags: AdviseFlags, terminal: Terminal): Promise<number> {
  try {
    const place = placeOf(flags)
    const observation = await askSluice<Observation>(place, '/api/observed', 'observedMs')
    const document = await askSluice<PolicyDocument>(place, '/api/policy', 'policy')
    const advice = adviseFrom(observation, policyOf(document.inForce), flags.headroom)
    const fault = tooLittle(advice, flags)
    if (fault !== undefined) throw new AdminFault(fault)
    terminal.out(formOf(advice, document, flags, terminal))
    return EXIT_OK
  } catch (error) {
    if (!(error instanceof AdminFault)) throw error
    terminal.err(`${error.message}\n`)
    return EXIT_FAILURE
  }
}

/** Why there is nothing to advise on; undefined if there is. */
function tooLittle({ observedMs, clients }: Advice, { force }: AdviseFlags): string | undefined {
  const has = `this sluice has observed for ${formatDuration(Math.round(observedMs / 1000) * 1000)} and seen ${clientsWords(clients.length)} at work`
  if (clients.length === 0) return `${has}: there is nothing to advise on yet`
  if (observedMs >= ADVICE_OBSERVED_MIN_MS || force) return undefined
  const leftMs = Math.ceil((ADVICE_OBSERVED_MIN_MS - observedMs) / 1000) * 1000
  return `${has}; advice on less than ${ADVICE_OBSERVED_MIN_MS / 1000} s would be a guess. Ask again in ${formatDuration(leftMs)}, or guess with --force`
}

function clientsWords(count: number): string {
  if (count === 0) return 'no client'
  return count === 1 ? '1 client' : `${count} clients`
}

function formOf(advice: Advice, { upstream }: PolicyDocument, { json, yaml }: AdviseFlags, terminal: Terminal): string {
  if (json === true) return `${JSON.stringify(advice, undefined, 2)}\n`
  return yaml === true ? adviceYaml(advice, upstream) : adviceText(advice, textWidth(terminal), terminal.colour)
}

/** `30%` as 0.3. */
function parseHeadroom(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/u.exec(text)
  if (match === null) throw new InvalidArgumentError('It is a percentage: 30%.')
  const percent = Number(match[1])
  if (percent > HEADROOM_MAX_PERCENT) throw new InvalidArgumentError(`It is ${HEADROOM_MAX_PERCENT}% at most.`)
  return percent / 100
}
