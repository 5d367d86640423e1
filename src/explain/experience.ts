/** In plain words what one client will experience: what it may do, what happens beyond that, and whether the limit can be kept. */
import { CONNECTION_HOLD_MS } from '../bounds.ts'
import { formatDuration } from '../cli/format.ts'
import type { Dimension } from '../policy/dimensions.ts'
import type { ExplainedApi, ExplainedFloor, ExplainedLimit, Explanation } from './explanation.ts'
import { defaultLargestSetting } from './floor.ts'
import { amountWords, fieldWords, keyFields, limitWords, listWords, rampWords, shown, whenWords } from './words.ts'

/** How a library takes a throttle that it is told. */
const STAMP_TAKEN: Readonly<Record<string, string>> = {
  java: 'Java obeys that',
  librdkafka: 'librdkafka ignores the stamp and is slowed by the wait alone',
  sarama: 'Sarama obeys that',
  'franz-go': 'franz-go obeys that',
  'kafka-python': 'kafka-python obeys that',
  platformatic: '@platformatic/kafka ignores the stamp and is slowed by the wait alone',
}
const STAMP_TAKEN_BY_ANY = 'a library that gives no name may ignore the stamp, and is then slowed by the wait alone'

/** KIP-599. */
const MUTATIONS_REFUSED =
  'Topics over its quota of partitions are refused with THROTTLING_QUOTA_EXCEEDED (error 89), as the broker does, in versions that know that error.'
const CONNECTIONS_WAIT = `The first request of one more waits for its place, ${formatDuration(CONNECTION_HOLD_MS)} at most; then the connection is closed.`

/** One paragraph for each kind of request that was asked about, and one for connections where they are limited. */
export function experience(explanation: Explanation): string[] {
  const paragraphs = explanation.requests.map((api) => apiParagraph(api, explanation))
  const connections = connectionsParagraph(explanation)
  return connections === undefined ? paragraphs : [...paragraphs, connections]
}

function apiParagraph(explained: ExplainedApi, explanation: Explanation): string {
  const who = subjectOf(explained.api, explanation)
  const limits = explained.quotas.flatMap((quota) => quota.limits)
  const enforced = strictest(limits.filter(({ mode }) => mode === 'enforce'))
  const sentences = mayDo(who, explained, enforced)
  if (enforced.some(({ burst }) => burst !== undefined)) {
    sentences.push(beyond(explained, explanation.library.name))
    if (enforced.some(({ dimension }) => dimension === 'mutations')) sentences.push(MUTATIONS_REFUSED)
    sentences.push(...floorSentences(enforced, explained, explanation))
    sentences.push(...nowSentences(limits))
  }
  return [...sentences, ...observedOnly(limits)].join(' ')
}

/** `A producer named checkout-7 (java)`. */
function subjectOf(api: string, { client, library }: Explanation): string {
  const kind = api === 'Produce' ? 'producer' : api === 'Fetch' || api === 'ShareFetch' ? 'consumer' : 'client'
  const name = client.clientId === '' ? 'without a client id' : `named ${shown(client.clientId)}`
  const user = client.principal === '' ? '' : `, user ${shown(client.principal)}`
  return `A ${kind} ${name} (${library.name === 'unnamed' ? 'no library name' : library.name}${user})`
}

function mayDo(who: string, { api, exempt }: ExplainedApi, enforced: readonly ExplainedLimit[]): string[] {
  if (enforced.length > 0) {
    const verb = api === 'Produce' ? 'may send' : api === 'Fetch' ? 'may read' : `may make ${api} requests:`
    return [`${who} ${verb} ${limitsShared(enforced)}.`]
  }
  if (exempt !== undefined) return [`${who} is never held back for ${api}: ${exempt}.`]
  const what = api === 'Produce' ? 'sends' : api === 'Fetch' ? 'reads' : `asks for with ${api}`
  return [`Nothing limits what ${who.replace(/^A /u, 'a ')} ${what}.`]
}

/** All limits, and who else draws on their buckets: told once where it is the same of all. */
function limitsShared(limits: readonly ExplainedLimit[]): string {
  const shared = limits.map(({ key }) => sharedBy(key))
  const [first] = shared
  if (shared.every((words) => words === first)) {
    return listWords(limits.map(limitClause)) + (first === undefined ? '' : `, ${first}`)
  }
  return listWords(limits.map((limit, i) => limitClause(limit) + (shared[i] === undefined ? '' : ` (${shared[i]})`)))
}

/** `5 MB/s in bursts of 10 MB`. */
function limitClause({ dimension, limit, burst }: ExplainedLimit): string {
  if (dimension === 'inFlight') return `${limitWords(dimension, limit)} waiting at the broker`
  const rate = limitWords(dimension, limit)
  return burst === undefined ? rate : `${rate} in bursts of ${amountWords(dimension, burst)}`
}

/** With whom a bucket is shared; undefined where it is the client's own. */
function sharedBy(key: string): string | undefined {
  const fields = keyFields(key)
  if (fields === undefined) return /[\]}]$/u.test(key) ? 'together with all that its override matches' : undefined
  if (fields.length === 0) return 'together with all others that the quota matches'
  if (fields.some(([field]) => field === 'clientId')) return undefined
  return `together with all of ${fieldWords(fields)}`
}

function observedOnly(limits: readonly ExplainedLimit[]): string[] {
  const observed = limits.filter(({ mode }) => mode === 'observe')
  return [...new Set(observed.map(({ quota }) => quota))].map((name) => {
    const clauses = observed.filter(({ quota }) => quota === name).map(limitClause)
    return `The quota ${name} only observes: it counts what ${listWords(clauses)} would do and slows nobody.`
  })
}

/** Of several limits of one dimension the lowest counts: every one applies, so it is the one that binds. */
function strictest(limits: readonly ExplainedLimit[]): ExplainedLimit[] {
  const lowest = new Map<string, ExplainedLimit>()
  for (const limit of limits) {
    const other = lowest.get(limit.dimension)
    if (other === undefined || limit.limit < other.limit) lowest.set(limit.dimension, limit)
  }
  return [...lowest.values()]
}

function beyond({ api, holdMs, stampMs }: ExplainedApi, library: string): string {
  const wait = `the next request waits up to ${formatDuration(holdMs)} in the sluice`
  if (stampMs === 0) {
    return `Over it, ${wait}; answers tell no throttle, because ${library} would take it for an error.`
  }
  const stamp = `answers say throttle_time_ms up to ${formatDuration(stampMs)}`
  const less =
    api === 'Fetch' ? ' A Fetch asks for no more than its bucket can bear: the sluice lowers its max_bytes.' : ''
  return `Over it, ${stamp} and ${wait}; ${STAMP_TAKEN[library] ?? STAMP_TAKEN_BY_ANY}.${less}`
}

function floorSentences(
  enforced: readonly ExplainedLimit[],
  { api }: ExplainedApi,
  { library, seen }: Explanation,
): string[] {
  // That a limit on requests can be kept goes without saying.
  const sentences = enforced.flatMap(({ dimension, floor }) =>
    floor === undefined || (floor.from === 'request' && floor.canBeKept)
      ? []
      : [floorSentence(dimension, floor, api, library.name)],
  )
  const needsSize = enforced.some(({ dimension, floor }) => dimension.endsWith('Bytes') && floor === undefined)
  if (!needsSize) return sentences
  const why = seen === undefined ? 'was not observed' : 'has not been observed yet'
  const size = api === 'Fetch' ? 'How large its answers are' : 'How large its requests are'
  return [...sentences, `${size} ${why}, so the least rate that it can be held to is not known.`]
}

function floorSentence(dimension: Dimension, floor: ExplainedFloor, api: string, library: string): string {
  const { perSecond, connections, canBeKept, holdMs, settings } = floor
  const rate = limitWords(dimension, perSecond)
  const what = `${floorCause(dimension, floor, api, library)} over ${connections === 1 ? 'one connection' : `${connections} connections`}`
  if (canBeKept) return `${what}: the limit is above the floor (${rate}), it can be kept.`
  const less = settings === undefined ? 'fewer connections make' : `${settings}, or fewer connections, make`
  return (
    `${what}: the limit is below the floor (${rate}) and cannot be kept without breaking the client; its requests are ` +
    `let go after ${formatDuration(holdMs)}. In the client, ${less} it reachable.`
  )
}

/** `Requests of 1 MB`. */
function floorCause(dimension: Dimension, { largest, from }: ExplainedFloor, api: string, library: string): string {
  if (from === 'request') return `${api} requests, one after the other`
  const size = amountWords(dimension, largest)
  if (from === 'default') return `Requests of up to ${size} (${defaultLargestSetting(library)} by default)`
  return api === 'Fetch' ? `Answers of ${size}` : `Requests of ${size}`
}

/** When the next request may start, by every bucket, and what stands out: a limit that comes down, a table that is full. */
function nowSentences(limits: readonly ExplainedLimit[]): string[] {
  const states = limits.flatMap(({ mode, dimension, limit, state }) =>
    state === undefined || mode === 'observe' ? [] : [{ dimension, limit, state }],
  )
  if (states.length === 0) return []
  const deepest = Math.max(...states.map(({ state }) => state.debtMs))
  const sentences = [`Right now its next request may start ${whenWords(deepest)}.`]
  for (const { dimension, limit, state } of states) {
    if (state.ramp !== undefined) {
      const [from, to] = [rampWords(dimension, state.ramp.limit), limitWords(dimension, limit)]
      sentences.push(`The limit comes down step by step: now ${from}, in ${formatDuration(state.ramp.leftMs)} ${to}.`)
    }
    if (state.isOverflow) {
      sentences.push('The table of buckets is full: it shares one with all that came too late (limits.bucketsMax).')
    }
  }
  return sentences
}

function connectionsParagraph(explanation: Explanation): string | undefined {
  const { connections } = explanation
  if (connections.length === 0) return undefined
  const enforced = strictest(connections.filter(({ mode }) => mode === 'enforce'))
  const clauses = enforced.map(({ dimension, limit }) =>
    dimension === 'connections'
      ? `have ${limitWords(dimension, limit)} at a time`
      : `open ${limitWords(dimension, limit)}`,
  )
  const may =
    clauses.length === 0 ? [] : [`${subjectOf('', explanation)} may ${listWords(clauses)}. ${CONNECTIONS_WAIT}`]
  return [...may, ...observedOnly(connections)].join(' ')
}
