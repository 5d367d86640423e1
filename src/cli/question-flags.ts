/** Flags that describe a client, and how wide what is said of it may be. */
import { isIP } from 'node:net'
import { type Command, InvalidArgumentError } from 'commander'
import { suggestion } from '../config/suggest.ts'
import type { Question } from '../explain/explanation.ts'
import { API_NAMES } from '../policy/api-classes.ts'
import type { Terminal } from './terminal.ts'

const TEXT_COLUMNS_MIN = 40
const TEXT_COLUMNS_MAX = 100

/** Flags of a question as commander gives them; the rest of a command's flags are its own. */
export interface QuestionFlags extends Omit<Partial<Question>, 'labels'> {
  readonly label?: Readonly<Record<string, string>>
}

/** @param client what `--client-id` is for, in this command */
export function withQuestionFlags(command: Command, client: string): Command {
  return command
    .option('--client-id <id>', client)
    .option('--principal <user>', 'its SASL user')
    .option('--group <id>', 'its consumer group')
    .option('--topic <name>', 'a topic that its requests carry')
    .option('--api <name>', "Kafka's name of a request: Produce, Metadata …", parseApi)
    .option('--software <name>', 'its library, as it names itself: apache-kafka-java, librdkafka …')
    .option('--software-version <version>', "the library's version")
    .option('--address <ip>', 'where it connects from', parseIp)
    .option('--sni <name>', 'the server name of its TLS hello')
    .option('--label <key=value>', 'a label of the workload; may be repeated', parseLabel)
}

/** The question that flags ask; undefined where they name no client. */
export function questionOf(flags: QuestionFlags): Question | undefined {
  const { clientId, principal, group, topic, api, software, softwareVersion, address, sni, label: labels } = flags
  if (clientId === undefined) return undefined
  return { clientId, principal, group, topic, api, software, softwareVersion, address, sni, labels }
}

function parseIp(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('It is an IP address, without a port: 10.0.0.1 or 2001:db8::1.')
  return text
}

/** Kafka's name of an API, whatever its upper and lower case. */
function parseApi(text: string): string {
  const api = API_NAMES.find((name) => name.toLowerCase() === text.toLowerCase())
  if (api === undefined) throw new InvalidArgumentError(`Kafka has no API of that name${nearest(text)}`)
  return api
}

/** Of the many APIs there are only a near one is worth naming. */
function nearest(text: string): string {
  const near = suggestion(text, API_NAMES)
  return near.startsWith('; did you mean') ? near : '; the names are those of Kafka: Produce, Fetch, Metadata …'
}

/** Collects `key=value`. */
function parseLabel(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It is written key=value.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/** Columns that text is broken at: the terminal's, within what is pleasant to read. */
export function textWidth(terminal: Terminal): number {
  const columns = terminal.isTerminal ? terminal.columns() : TEXT_COLUMNS_MAX
  return Math.min(TEXT_COLUMNS_MAX, Math.max(TEXT_COLUMNS_MIN, columns))
}
