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
import { type QuestionFlags, questionOf, textWidth, withQuestionFlags } from './question-flags.ts'
import { readConfig } from './read-config.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice explain
      the clients that came to the sluice that runs here
  $ kafka-sluice explain --config sluice.yaml --client-id checkout-7 --software apache-kafka-java
      what the file means for this client
  $ kafka-sluice explain --client-id checkout-7
      what applies to this one there, and how its buckets stand
  $ kafka-sluice explain --client-id reports --api Metadata --json

Library, user and group are taken from what the running sluice has seen, unless they are given. Without --api, Produce,
Fetch and connections are explained.
`

interface ExplainFlags extends AskFlags, QuestionFlags {
  readonly config?: string
  readonly json?: boolean
}

/** Builds the command. */
export function explainCommand(terminal: Terminal, finish: Finish): Command {
  const command = withAskFlags(
    new Command('explain')
      .description('say which quotas apply to a client, why, and what it will experience')
      .addOption(new Option('--config <file>', 'explain a configuration file').conflicts(['admin', 'tokenFile'])),
    'explain the sluice whose admin pages are there',
  )
  return withQuestionFlags(command, 'client.id of the client; without it, the clients that the sluice knows')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ExplainFlags) => finish(await explain(flags, terminal)))
}

async function explain(flags: ExplainFlags, terminal: Terminal): Promise<number> {
  const { config, json = false } = flags
  const question = questionOf(flags)
  if (config !== undefined) {
    if (question === undefined) {
      terminal.err(`Which client? Give --client-id ID; --client-id "" is one without a client id.\n`)
      return EXIT_USAGE
    }
    return print(explainFile(config, question), json, terminal)
  }
  try {
    const place = placeOf(flags)
    if (question === undefined) return await listClients(place, json, terminal)
    const path = `/api/explain?${questionQuery(question)}`
    return print(await askSluice<Explanation>(place, path, 'requests'), json, terminal)
  } catch (error) {
    if (!(error instanceof AdminFault)) throw error
    terminal.err(`${error.message}\n`)
    return EXIT_FAILURE
  }
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

async function listClients(place: AdminPlace, json: boolean, terminal: Terminal): Promise<number> {
  const known = await askSluice<KnownClients>(place, '/api/explain', 'clients')
  terminal.out(json ? `${JSON.stringify(known, undefined, 2)}\n` : clientsText(known))
  return EXIT_OK
}
