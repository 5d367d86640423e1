/** `explain`: which quotas concern one client, why, how its buckets stand, and what it will experience. */
import { Command, Option } from 'commander'
import { effectiveRules } from '../config/timetable.ts'
import { explainClient } from '../explain/explainer.ts'
import type { Explanation, Question } from '../explain/explanation.ts'
import { explanationText } from '../explain/explanation-text.ts'
import { questionQuery } from '../explain/question.ts'
import { behaviourOf } from '../policy/client-libraries.ts'
import { PolicySet } from '../policy/policy-set.ts'
import { type AskFlags, placeOf, withAskFlags } from './ask-flags.ts'
import { AdminFault, type AdminPlace, askSluice } from './ask-sluice.ts'
import { clientsText, type KnownClients } from './clients-text.ts'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, type Finish } from './exit-code.ts'
import { parseApi, parseLabel, textWidth } from './question-flags.ts'
import { readConfig } from './read-config.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice explain --config sluice.yaml --client-id checkout-7 --software apache-kafka-java
      what the file means for this client
  $ kafka-sluice explain --client-id checkout-7
      the same of the sluice that runs here, and how its buckets stand
  $ kafka-sluice explain --client-id reports --api Metadata --json

Library, user and group are taken from what the running sluice has seen, unless they are given. Without --api, Produce,
Fetch and connections are explained.
`

interface ExplainFlags extends AskFlags {
  readonly config?: string
  readonly clientId?: string
  readonly principal?: string
  readonly group?: string
  readonly topic?: string
  readonly api?: string
  readonly software?: string
  readonly softwareVersion?: string
  readonly address?: string
  readonly sni?: string
  readonly label?: Readonly<Record<string, string>>
  readonly json?: boolean
}

/** Builds the command. */
export function explainCommand(terminal: Terminal, finish: Finish): Command {
  return withAskFlags(
    new Command('explain')
      .description('say which quotas apply to a client, why, and what it will experience')
      .addOption(new Option('--config <file>', 'explain a configuration file').conflicts(['admin', 'tokenFile'])),
    'explain the sluice whose admin pages are there',
  )
    .option('--client-id <id>', 'client.id of the client')
    .option('--principal <user>', 'its SASL user')
    .option('--group <id>', 'its consumer group')
    .option('--topic <name>', 'a topic that its requests carry')
    .option('--api <name>', "Kafka's name of a request: Produce, Metadata …", parseApi)
    .option('--software <name>', 'its library, as it names itself: apache-kafka-java, librdkafka …')
    .option('--software-version <version>', "the library's version")
    .option('--address <ip>', 'where it connects from')
    .option('--sni <name>', 'the server name of its TLS hello')
    .option('--label <key=value>', 'a label of the workload; may be repeated', parseLabel)
    .option('--json', 'the answer as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ExplainFlags) => finish(await explain(flags, terminal)))
}

async function explain(flags: ExplainFlags, terminal: Terminal): Promise<number> {
  const { config, clientId, json = false } = flags
  if (config !== undefined) {
    if (clientId === undefined) {
      terminal.err(`Which client? Give --client-id ID; --client-id "" is one without a client id.\n`)
      return EXIT_USAGE
    }
    return print(explainFile(config, { ...questionOf(flags), clientId }), json, terminal)
  }
  try {
    const place = placeOf(flags)
    if (clientId === undefined) return await askWhich(place, terminal)
    const query = questionQuery({ ...questionOf(flags), clientId })
    const answer = await askSluice(place, `/api/explain?${query}`, 'requests')
    return print(answer as unknown as Explanation, json, terminal)
  } catch (error) {
    if (!(error instanceof AdminFault)) throw error
    terminal.err(`${error.message}\n`)
    return EXIT_FAILURE
  }
}

function questionOf({
  label,
  config: _config,
  admin: _admin,
  tokenFile: _tokenFile,
  json: _json,
  ...fields
}: ExplainFlags): Omit<Question, 'clientId'> {
  return { ...fields, ...(label === undefined ? {} : { labels: label }) }
}

/** As of now: a window of a schedule that is open counts. */
function explainFile(path: string, question: Question): Explanation {
  const { quotas, mode, clients, labels } = readConfig({ config: path }, {})
  const { rules, open } = effectiveRules(quotas, new Date())
  return explainClient(question, {
    policy: new PolicySet(rules, { observe: mode === 'observe' }),
    quotas: rules,
    openWindows: open,
    behaviourOf: (software) => behaviourOf(software, clients),
    labels,
  })
}

function print(explanation: Explanation, json: boolean, terminal: Terminal): number {
  terminal.out(
    json ? `${JSON.stringify(explanation, undefined, 2)}\n` : explanationText(explanation, textWidth(terminal)),
  )
  return EXIT_OK
}

async function askWhich(place: AdminPlace, terminal: Terminal): Promise<number> {
  const known = await askSluice(place, '/api/explain', 'clients')
  terminal.err(clientsText(known as unknown as KnownClients))
  return EXIT_USAGE
}
