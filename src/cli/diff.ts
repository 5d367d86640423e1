/** `diff`: what a change of the policy means for clients, before it is made. Exit codes are those of diff(1). */
import { Command } from 'commander'
import { type Config, ConfigError } from '../config/config.ts'
import { comparePolicies, isSame, type PolicyDifference } from '../explain/difference.ts'
import { type ClientDifference, differenceText } from '../explain/difference-text.ts'
import { experience } from '../explain/experience.ts'
import { explainClient } from '../explain/explainer.ts'
import type { Explanation, Question, SeenClient } from '../explain/explanation.ts'
import { type Policy, type PolicyDocument, policyOf } from '../explain/policy-document.ts'
import { questionQuery } from '../explain/question.ts'
import { shown } from '../explain/words.ts'
import { behaviourOf } from '../policy/client-libraries.ts'
import { PolicySet } from '../policy/policy-set.ts'
import { type AskFlags, placeOf, withAskFlags } from './ask-flags.ts'
import { AdminFault, type AdminPlace, askSluice } from './ask-sluice.ts'
import { EXIT_DIFFERENT, EXIT_OK, EXIT_USAGE, type Finish } from './exit-code.ts'
import { type QuestionFlags, questionOf, textWidth, withQuestionFlags } from './question-flags.ts'
import { readConfig } from './read-config.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice diff sluice.yaml sluice-new.yaml
  $ kafka-sluice diff --running sluice-new.yaml
      against the quotas that are in force in the sluice that runs here
  $ kafka-sluice diff sluice.yaml sluice-new.yaml --client-id checkout-7
      and what this client will notice

The exit code is 0 when nothing differs, 1 when something does, 2 when a file is wrong or the sluice cannot be asked.
`

interface DiffFlags extends AskFlags, QuestionFlags {
  readonly running?: boolean
  readonly json?: boolean
}

/** Builds the command. */
export function diffCommand(terminal: Terminal, finish: Finish): Command {
  const command = withAskFlags(
    new Command('diff')
      .description('say what differs between two configurations: new, gone, stricter, looser, and for whom')
      .argument('<files...>', 'OLD and NEW; with --running NEW alone')
      .option('--running', 'compare with the quotas of a running sluice'),
  )
  return withQuestionFlags(command, 'say what this client will notice')
    .option('--json', 'the differences as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (files: string[], flags: DiffFlags) => finish(await diff(files, flags, terminal)))
}

async function diff(files: readonly string[], flags: DiffFlags, terminal: Terminal): Promise<number> {
  const running = flags.running ?? (flags.admin !== undefined || flags.tokenFile !== undefined)
  if (files.length !== (running ? 1 : 2)) {
    const wanted = running ? 'With --running give one file: the new one' : 'Give two files: the old one and the new one'
    terminal.err(`${wanted}, not ${files.length}.\n`)
    return EXIT_USAGE
  }
  try {
    return running ? await diffRunning(files[0]!, flags, terminal) : diffFiles(files[0]!, files[1]!, flags, terminal)
  } catch (error) {
    if (!(error instanceof AdminFault)) throw error
    terminal.err(`${error.message}\n`)
    return EXIT_USAGE
  }
}

function diffFiles(oldPath: string, newPath: string, flags: DiffFlags, terminal: Terminal): number {
  const [before, after] = readBoth(oldPath, newPath)
  const difference = { ...comparePolicies(before, after), restart: otherSections(before, after) }
  return print(difference, clientDifference(before, after, questionOf(flags)), flags, terminal)
}

async function diffRunning(path: string, flags: DiffFlags, terminal: Terminal): Promise<number> {
  const after = readConfig({ config: path }, {})
  const place = placeOf(flags)
  const { policy } = await askSluice<PolicyDocument>(place, '/api/policy', 'policy')
  const before = policyOf(policy)
  const question = questionOf(flags)
  const known = question === undefined ? undefined : await asSeen(question, place)
  const client = clientDifference(before, after, known?.question, known?.seen)
  return print(comparePolicies(before, after), client, flags, terminal)
}

/** Reads both files, and tells the faults of both. */
function readBoth(oldPath: string, newPath: string): [Config, Config] {
  const faults: ConfigError[] = []
  const read = (path: string): Config | undefined => {
    try {
      return readConfig({ config: path }, {})
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      faults.push(error)
      return undefined
    }
  }
  const [before, after] = [read(oldPath), read(newPath)]
  if (before !== undefined && after !== undefined) return [before, after]
  const [first, second] = faults as [ConfigError, ConfigError?]
  if (second === undefined) throw first
  const messages = faults.map((fault) => ({ path: '', line: 0, column: 0, message: fault.format() }))
  throw new ConfigError(messages)
}

/** `exempt` is among the exceptions of every quota. */
const POLICY_SECTIONS = ['quotas', 'mode', 'clients', 'exempt']

/** Sections apart from the policy that differ. The log's level can be reloaded, and concerns no client. */
function otherSections(before: Config, after: Config): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof Config)[]
  return names.filter(
    (name) =>
      name !== 'log' && !POLICY_SECTIONS.includes(name) && JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  )
}

/** With the library, user, group and requests that the running sluice has seen of the client. */
async function asSeen(
  question: Question,
  place: AdminPlace,
): Promise<{ readonly question: Question; readonly seen: SeenClient | undefined }> {
  const path = `/api/explain?${questionQuery(question)}`
  const { client, seen, requests } = await askSluice<Explanation>(place, path, 'client')
  const { software, principal, group } = client
  const known = { ...question, software, principal, group }
  return { question: known, seen: seen && { ...seen, connections: drawingOf(requests) || seen.connections } }
}

/** Connections that draw on its buckets, as explain counts them: a library keeps some that carry no data. 0: none draws now. */
function drawingOf(requests: Explanation['requests']): number {
  const limits = requests.flatMap(({ quotas }) => quotas.flatMap((quota) => quota.limits))
  return Math.max(0, ...limits.map(({ state }) => state?.connections ?? 0))
}

function clientDifference(
  before: Policy,
  after: Config,
  question: Question | undefined,
  seen?: SeenClient,
): ClientDifference | undefined {
  if (question === undefined) return undefined
  const words = (policy: Policy): string[] =>
    experience(
      explainClient(question, {
        policy: new PolicySet(policy.quotas, { observe: policy.mode === 'observe' }),
        quotas: policy.quotas,
        behaviourOf: (software) => behaviourOf(software, policy.clients),
        labels: after.labels,
        seen,
      }),
    )
  return { client: shown(question.clientId), before: words(before), after: words(after) }
}

function print(
  difference: PolicyDifference,
  client: ClientDifference | undefined,
  { json = false }: DiffFlags,
  terminal: Terminal,
): number {
  terminal.out(
    json
      ? `${JSON.stringify({ ...difference, client }, undefined, 2)}\n`
      : differenceText(difference, client, textWidth(terminal)),
  )
  return isSame(difference) ? EXIT_OK : EXIT_DIFFERENT
}
