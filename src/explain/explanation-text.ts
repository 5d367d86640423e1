/** An explanation as a page of text: what applies and why, how the buckets stand, and what it comes to in plain words. */
import { formatBytes, formatDuration } from '../cli/format.ts'
import type { Dimension } from '../policy/dimensions.ts'
import { experience } from './experience.ts'
import type { ExplainedApi, ExplainedLimit, ExplainedQuota, ExplainedWindow, Explanation } from './explanation.ts'
import {
  amountWords,
  fieldWords,
  keyFields,
  limitWords,
  listWords,
  overrideWords,
  rampWords,
  shown,
  whenWords,
  wrapped,
} from './words.ts'

/** Column in which what is said of a quota begins. */
const LABEL_COLUMNS = 14

/** The page, with its final newline. */
export function explanationText(explanation: Explanation, width: number): string {
  const parts = [
    headOf(explanation, width),
    ...explanation.requests.map((api) => apiText(api, width)),
    ...connectionsText(explanation.connections, width),
    ...elsewhereText(explanation, width),
    ['In plain words', ...experience(explanation).map((paragraph) => wrapped(paragraph, width, '  '))].join('\n'),
    ...explanation.notes.map((note) => wrapped(`Note: ${note}`, width)),
  ]
  return `${parts.join('\n\n')}\n`
}

function headOf(explanation: Explanation, width: number): string {
  const { client, library, group, seen, isRunning } = explanation
  const named =
    client.software === ''
      ? 'no name of its own'
      : [client.software, client.softwareVersion]
          .filter((text) => text !== '')
          .map(shown)
          .join(' ')
  const rows: [string, string][] = [
    ['client', client.clientId === '' ? 'without a client id' : shown(client.clientId)],
    ...(client.principal === '' ? [] : [['user', shown(client.principal)] as [string, string]]),
    ['library', `${library.name} (${named}): ${library.reason}`],
  ]
  if (isRunning || group.state === 'given') rows.push(['group', groupWords(explanation)])
  if (client.topic !== '') rows.push(['topic', shown(client.topic)])
  if (client.address !== '') rows.push(['address', client.address])
  if (seen !== undefined) rows.push(['seen', seenWords(seen)])
  return rows.map(([label, text]) => labelled(label, text, width, '')).join('\n')
}

function groupWords({ group }: Explanation): string {
  const names = listWords(group.groups.map(shown))
  if (group.state === 'given') return names
  if (group.state === 'known') return `${names}, as its own requests say`
  return group.state === 'ambiguous' ? `ambiguous: ${names}` : 'unknown'
}

function seenWords({ connections, producedBytes, fetchedBytes, throttleMs }: NonNullable<Explanation['seen']>): string {
  const open = connections === 1 ? '1 connection' : `${connections} connections`
  const moved = `${formatBytes(producedBytes)} produced, ${formatBytes(fetchedBytes)} fetched`
  return `${open}, ${moved}, throttled for ${formatDuration(throttleMs)}`
}

function apiText({ api, exempt, quotas, holdMs, stampMs }: ExplainedApi, width: number): string {
  const times =
    holdMs === 0
      ? 'never held back'
      : `held ${formatDuration(holdMs)} at most, throttle told ${stampMs === 0 ? 'never' : `up to ${formatDuration(stampMs)}`}`
  const head = `${api}: ${times}`
  const lines = quotas.flatMap((quota) => quotaLines(quota, width))
  if (lines.length === 0) lines.push(wrapped(exempt === undefined ? 'no quota' : `no quota: ${exempt}`, width, '  '))
  return [head, ...lines].join('\n')
}

function quotaLines({ quota, applies, why, limits, schedule }: ExplainedQuota, width: number): string[] {
  const verdict = applies ? `applies (${why})` : `does not apply: ${why}`
  return [
    wrapped(`${quota} ${verdict}`, width, '  '),
    ...limits.flatMap((limit) => limitLines(limit, width)),
    ...schedule.map((window) => labelled('schedule', windowWords(window), width, '    ')),
  ]
}

function limitLines(limit: ExplainedLimit, width: number): string[] {
  const { dimension, mode, key, burst, state, floor } = limit
  const parts = [limitWords(dimension, limit.limit)]
  if (burst !== undefined) parts.push(`burst ${amountWords(dimension, burst)}`)
  parts.push(key === '' ? 'one bucket for all that match' : `bucket of ${shownKey(key)}`)
  if (mode === 'observe') parts.push('observed only')
  const lines = [labelled(dimension, parts.join(', '), width, '    ')]
  if (limit.level !== undefined) lines.push(labelled('now', levelWords(limit), width, '    '))
  if (state !== undefined) lines.push(labelled('now', stateWords(limit), width, '    '))
  if (limit.share !== undefined) lines.push(labelled('share', shareWords(limit), width, '    '))
  // That a limit on requests can be kept goes without saying.
  if (floor === undefined || (floor.from === 'request' && floor.canBeKept)) return lines
  const times = `${floor.connections} × ${amountWords(dimension, floor.largest)} ÷ ${formatDuration(floor.holdMs)}`
  const verdict = floor.canBeKept ? 'below the limit' : 'above the limit, which cannot be kept'
  return [
    ...lines,
    labelled('floor', `${limitWords(dimension, floor.perSecond)} (${times}), ${verdict}`, width, '    '),
  ]
}

function levelWords({ dimension, level = 0, waiting = 0 }: ExplainedLimit): string {
  return `${amountWords(dimension, level)}${waiting === 0 ? '' : `, ${waiting} waiting for a place`}`
}

function stateWords({ dimension, burst = 0, state }: ExplainedLimit): string {
  const { balance, debtMs, connections, isOverflow, ramp } = state!
  const level =
    debtMs > 0
      ? `in debt by ${amountWords(dimension, -balance)} (${formatDuration(debtMs)})`
      : `${amountWords(dimension, balance)} of ${amountWords(dimension, burst)} left`
  const users =
    connections === 0
      ? 'nobody draws on it'
      : connections === 1
        ? '1 connection draws on it'
        : `${connections} connections draw on it`
  const parts = [level, `next request ${whenWords(debtMs)}`, users]
  if (ramp !== undefined)
    parts.push(`comes down from ${rampWords(dimension, ramp.limit)} for ${formatDuration(ramp.leftMs)} yet`)
  if (isOverflow) parts.push('the bucket of those that found no room of their own')
  return parts.join(', ')
}

/** `weight 2 of 7, priority normal, as clientId checkout-7; 2 of 3 keys wait with 120 kB, its next request for about 40 ms`. */
function shareWords({ dimension, share }: ExplainedLimit): string {
  const { key, weight, priority, minimum, line } = share!
  const whom = key === '' ? 'one part for all that match' : `as ${shownKey(key)}`
  const sure = priority === 'low' ? '' : `, lower priorities are sure of ${Math.round(minimum * 100)} %`
  const isAlone = line === undefined || line.keys < 2
  const terms = `weight ${weight}${isAlone ? '' : ` of ${line.weights}`}, priority ${priority}${sure}, ${whom}`
  if (line === undefined) return terms
  if (isAlone) return `${terms}; no other draws on the bucket, so all of it is to be had`
  if (line.waiting === 0) return `${terms}; ${line.keys} draw on the bucket and nobody waits`
  const queued = `${line.waiting} of ${line.keys} wait with ${amountWords(dimension, line.queuedUnits)}`
  const own = line.ownQueuedUnits === 0 ? '' : ` (${amountWords(dimension, line.ownQueuedUnits)} of it its own)`
  return `${terms}; ${queued} in line${own}, a request of its would wait about ${formatDuration(line.waitMs)}`
}

function windowWords({ during, timeZone, limit, isOpen }: ExplainedWindow): string {
  const limits = Object.entries(limit).map(
    ([dimension, value]) => `${dimension} ${limitWords(dimension as Dimension, value)}`,
  )
  const state = isOpen === undefined ? '' : isOpen ? ', open now' : ', not now'
  return `"${during}" ${timeZone}: ${listWords(limits)}${state}`
}

function connectionsText(limits: readonly ExplainedLimit[], width: number): string[] {
  if (limits.length === 0) return []
  const quotas = new Map(limits.map(({ quota, why }) => [quota, why]))
  const lines = [...quotas].flatMap(([quota, why]) => [
    wrapped(`${quota} applies (${why})`, width, '  '),
    ...limits.filter((limit) => limit.quota === quota).flatMap((limit) => limitLines(limit, width)),
  ])
  return [['Connections', ...lines].join('\n')]
}

function elsewhereText({ elsewhere }: Explanation, width: number): string[] {
  if (elsewhere.length === 0) return []
  const lines = elsewhere.map(({ quota, apis }) => wrapped(`${quota} applies to ${listWords(apis)}`, width, '  '))
  return [['Other requests (--api NAME explains them)', ...lines].join('\n')]
}

function shownKey(key: string): string {
  const fields = keyFields(key)
  return fields === undefined ? (overrideWords(key) ?? shown(key)) : fieldWords(fields)
}

/** A label and its text, whose further lines stand under the first. */
function labelled(label: string, text: string, width: number, indent: string): string {
  const start = `${indent}${label.padEnd(LABEL_COLUMNS)} `
  const body = wrapped(text, width, ' '.repeat(start.length))
  return start + body.slice(start.length)
}
