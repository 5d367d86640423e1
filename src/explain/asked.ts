/** Who is meant by a question: what was told, and what a running sluice can add because it has seen the client. */
import { type Identity, NOBODY } from '../policy/identity.ts'
import type { ClientStatus } from '../sluice.ts'
import type { ExplainSources, LiveSources } from './explainer.ts'
import type { GroupKnowledge, Question, SeenClient } from './explanation.ts'
import { listWords, shown } from './words.ts'

/** Names that a note lists. */
const NAMES_MAX = 5

export interface Asked {
  readonly identity: Identity
  readonly topic: string
  readonly group: GroupKnowledge
  readonly seen: SeenClient | undefined
  readonly notes: readonly string[]
}

/** Nothing is guessed: where several clients could be meant, what they differ in stays unknown and a note says so. */
export function askedAbout(question: Question, { labels, live, seen }: ExplainSources): Asked {
  const notes: string[] = []
  const meant = live === undefined ? [] : candidates(question, live.clients)
  if (live !== undefined && meant.length === 0) notes.push(strangerNote(question, live.clients))
  const software = question.software ?? only(meant, 'software')
  const principal = question.principal ?? only(meant, 'principal')
  if (software === undefined || principal === undefined) notes.push(severalNote(meant))
  const group = groupOf(question, principal, live)
  if (group.state === 'ambiguous') notes.push(groupsNote(group.groups))
  const groupName = group.state === 'given' || group.state === 'known' ? group.groups[0]! : ''
  return {
    identity: identityOf(question, { principal, software, group: groupName, labels }),
    topic: question.topic ?? '',
    group,
    seen: meant.length === 0 ? seen : summed(meant),
    notes,
  }
}

function identityOf(
  { clientId, softwareVersion = '', address = '', sni = '', labels }: Question,
  learnt: { [Field in 'principal' | 'software' | 'group' | 'labels']?: Identity[Field] | undefined },
): Identity {
  const { principal = '', software = '', group = '' } = learnt
  const allLabels = { ...learnt.labels, ...labels }
  return { ...NOBODY, clientId, softwareVersion, address, sni, principal, software, group, labels: allLabels }
}

function candidates(question: Question, clients: readonly ClientStatus[]): ClientStatus[] {
  const { clientId, principal, software } = question
  return clients.filter(
    (client) =>
      client.clientId === clientId &&
      (principal === undefined || client.principal === principal) &&
      (software === undefined || client.software === software),
  )
}

/** The value that all have; '' where there is none, undefined where they differ. */
function only(clients: readonly ClientStatus[], field: 'software' | 'principal'): string | undefined {
  const values = new Set(clients.map((client) => client[field]))
  if (values.size === 0) return ''
  return values.size === 1 ? [...values][0] : undefined
}

function groupOf(
  { clientId, group }: Question,
  principal: string | undefined,
  live: LiveSources | undefined,
): GroupKnowledge {
  if (group !== undefined) return { state: 'given', groups: [group] }
  const answer = principal === undefined ? undefined : live?.groups?.groupOf(clientId, principal, live.nowMs)
  if (answer === undefined || answer.state === 'none') return { state: 'unknown', groups: [] }
  return answer.state === 'one'
    ? { state: 'known', groups: [answer.group] }
    : { state: 'ambiguous', groups: answer.groups }
}

function strangerNote({ clientId }: Question, clients: readonly ClientStatus[]): string {
  const ids = [...new Set(clients.map((client) => client.clientId))]
  const answer = 'The answer goes by what you told about it.'
  if (ids.includes(clientId)) return `No client named ${shown(clientId)} with that library and user was seen. ${answer}`
  const names = ids.slice(0, NAMES_MAX).map(shown)
  if (ids.length > NAMES_MAX) names.push(`${ids.length - NAMES_MAX} more`)
  const known = ids.length === 0 ? 'It has seen none yet.' : `It has seen ${listWords(names)}.`
  return `This sluice has not seen a client named ${shown(clientId)}. ${known} ${answer}`
}

function severalNote(clients: readonly ClientStatus[]): string {
  const told = clients.slice(0, NAMES_MAX).map(({ software, principal }) => {
    const library = software === '' ? 'a library without a name' : software
    return principal === '' ? library : `${library} as ${shown(principal)}`
  })
  if (clients.length > NAMES_MAX) told.push(`${clients.length - NAMES_MAX} more`)
  return `${clients.length} clients have this client id: ${listWords(told)}. What they differ in counts as unknown here; give --software or --principal.`
}

function groupsNote(groups: readonly string[]): string {
  return `This client is in several groups (${listWords(groups.map(shown))}): a request that names none, as a Fetch, counts as of no group. Give --group to ask about one.`
}

function summed(clients: readonly ClientStatus[]): SeenClient {
  const sum = (name: 'connections' | Exclude<keyof SeenClient, `largest${string}`>): number =>
    clients.reduce((total, client) => total + client[name], 0)
  return {
    connections: sum('connections'),
    producedBytes: sum('producedBytes'),
    fetchedBytes: sum('fetchedBytes'),
    producedRecords: sum('producedRecords'),
    fetchedRecords: sum('fetchedRecords'),
    throttleMs: sum('throttleMs'),
    largestProduceBytes: Math.max(...clients.map((client) => client.largestProduceBytes)),
    largestFetchBytes: Math.max(...clients.map((client) => client.largestFetchBytes)),
  }
}
