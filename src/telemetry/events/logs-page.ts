/** `docs/logs.md` and the answers of `kafka-sluice events`, made from the list of events so that they cannot say anything else. */

import { BROKER_EVENTS } from './broker-events.ts'
import { CONNECTION_EVENTS, ENDING_EVENTS } from './connection-events.ts'
import type { EventDefinition, EventMetric } from './definition.ts'
import { type EventName, eventOf } from './events.ts'
import { FIELDS } from './fields.ts'
import { INJECTOR_EVENTS } from './injector-events.ts'
import { POLICY_EVENTS } from './policy-events.ts'
import { PROCESS_EVENTS } from './process-events.ts'

const GROUPS: readonly (readonly [title: string, about: string, events: Readonly<Record<string, EventDefinition>>])[] =
  [
    ['The policy', 'Who changed what, and what quotas refused.', POLICY_EVENTS],
    [
      'Connections that end by a fault',
      'Named as the reason in `sluice_disconnects_total{reason}`. One line for each peer a minute.',
      ENDING_EVENTS,
    ],
    ['Connections', '', CONNECTION_EVENTS],
    ['Brokers, certificates and secrets', '', BROKER_EVENTS],
    ['The process and its admin pages', '', PROCESS_EVENTS],
    ['The injector', 'Of `kafka-sluice injector`, a process of its own.', INJECTOR_EVENTS],
  ]

/** The whole page, in Markdown. */
export function renderLogsPage(): string {
  const groups = GROUPS.map(([title, about, events]) => groupText(title, about, events))
  const fields = Object.entries(FIELDS).map(([name, [, meaning]]) => `| \`${name}\` | ${cell(meaning)} |`)
  return `${PREFACE}\n${groups.join('\n')}\n## Fields\n\n| field | meaning |\n|---|---|\n${fields.join('\n')}\n`
}

/** One event, for a terminal. */
export function eventText(name: EventName): string {
  const { level, meaning, action, metric, audit, fields } = eventOf(name)
  return [
    `${name} (${level}${audit === true ? ', audit' : ''})`,
    `  means   ${plain(meaning)}`,
    ...(action === undefined ? [] : [`  do      ${plain(action)}`]),
    ...(metric === undefined ? [] : [`  metric  ${seriesText(metric)}`]),
    ...(fields.length === 0 ? [] : [`  fields  ${fields.join(', ')}`]),
    '',
  ].join('\n')
}

function groupText(title: string, about: string, events: Readonly<Record<string, EventDefinition>>): string {
  const rows = Object.entries(events).map(([name, { level, meaning, action, metric, audit, fields }]) => {
    const told = action === undefined ? meaning : `${meaning} **Do:** ${action}`
    const series = metric === undefined ? '' : ` Counted in \`${seriesText(metric)}\`.`
    const flags = audit === true ? `${level}, audit` : level
    return `| \`${name}\` | ${flags} | ${cell(told + series)} | ${fields.map((field) => `\`${field}\``).join(' ')} |`
  })
  const head = about === '' ? '' : `${about}\n\n`
  return `## ${title}\n\n${head}| event | level | meaning | fields |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

/** `sluice_throttled_requests_total{quota, action="refused"}`. */
function seriesText({ name, labels = [], fixed = {} }: EventMetric): string {
  const pairs = [...labels, ...Object.entries(fixed).map(([label, value]) => `${label}="${value}"`)]
  return pairs.length === 0 ? name : `${name}{${pairs.join(', ')}}`
}

/** Without Markdown's marks. */
function plain(text: string): string {
  return text.replaceAll(/\[([^\]]*)\]\([^)]*\)/gu, '$1').replaceAll('`', '')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

const PREFACE = `# The log

Generated from the list of events by \`npm run docs:logs\`; do not edit. \`kafka-sluice events NAME\` tells of one event in a terminal.

JSON on standard output, one line for each event; on a terminal short lines for people. Nothing but the events below is ever logged,
and their names and fields are an interface, as the names of metrics are: an event or field that goes is told in CHANGELOG.md.

\`\`\`json
{"level":"warn","time":"2026-11-25T19:50:02.113Z","event":"connection_quota","quota":"per-pod","peer":"10.1.4.7:51844",
 "reason":"connection_quota","connection":812,"clientId":"checkout-7","software":"apache-kafka-java",
 "metric":"sluice_throttled_requests_total{quota=\\"per-pod\\",action=\\"refused\\"}","audit":true,
 "msg":"quota per-pod allows 100 connections at a time; a connection of client \\"checkout-7\\" was closed after 3 s"}
\`\`\`

Every line has \`level\`, \`time\` (ISO 8601, UTC), \`event\` and \`msg\`: what happened in words, with what mends it. \`msg\` is for people and
may change. \`log.level\` says from which level lines are written; \`debug\` tells of each connection.

## From a line to a metric to the page

- \`metric\` is the series that counts the event, with the labels of this line: paste it into Prometheus.
- \`quota\` is the label \`quota\` of \`sluice_throttled_requests_total\`, \`sluice_quota_used_total\` and the others, and the quota's name in
  the status page and in the configuration.
- \`clientId\` is the client's row in the status page and in \`/api/status\`; \`kafka-sluice explain --client-id ID\` says what applies to it.
- \`connection\` is the same number on all lines of one connection. Lines at \`debug\` say of each who it is (\`client_identified\`) and how
  it ended (\`disconnected\`); \`peer\` has its port, so the broker's log and tcpdump tell of the same one.
- \`reason\` is the label \`reason\` of \`sluice_disconnects_total\`. The other way round, from a reason or a quota in a graph to its lines:

\`\`\`sh
kubectl logs POD -c kafka-sluice | jq -c 'select(.reason == "client_login_failed")'
\`\`\`

## Repeats

What a client may cause at will (refusals, faults of its connections, requests below the floor) has a line a minute for each event
and peer or client id. The others are counted: a line with \`suppressed\`, the same fields and \`N more like it, not logged\` follows
when the minute is over, and at the end. Of one event 100 peers or clients have lines in a
minute; those beyond share one count. The metric counts all of them.

## Audit

Lines with \`"audit": true\` say who changed or was denied what. They are written whatever \`log.level\` is, unless that is \`silent\`.

- Each change of the policy: \`trigger\` (\`file\`, \`SIGHUP\`, \`POST /api/reload\` with the \`peer\` that sent it, \`followKafka\`, \`schedule\`), the
  file and its \`sha256\`, and \`added\`, \`removed\` and \`changed\` in the words of \`kafka-sluice diff\`. Above 500 quotas and overrides they
  are names only. Each text that was refused, with its hash and faults. The start, with the limits in force.
- Each refusal: a connection by a quota or a bound, topics of a mutation, a login, a certificate, a page of \`/api\`. Repeats are counted as above.
- Each certificate, key, password, token or list of users that was read again.

\`\`\`sh
kubectl logs POD -c kafka-sluice | jq -c 'select(.audit)'
\`\`\`

A request that is told to wait, or waits, is no refusal and has no line: \`sluice_throttled_requests_total\` counts those.

## Secrets

No line has a password, token or key: they are in files only, of which the log has the paths (\`test/app/secrets-in-logs.test.ts\` greps
everything that a sluice with secrets everywhere prints). Client ids, users, topics and addresses are in it.
`
