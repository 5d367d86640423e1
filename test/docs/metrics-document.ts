/**
 * `docs/metrics.md`, made from the catalogue of metrics, so that it cannot say what `/metrics` does not, and from the chart's rules and
 * dashboards, so that it cannot say who uses what.
 */
import type { Definitions, MetricDefinition } from '../../src/telemetry/catalogue/definition.ts'
import { CHAPTERS } from '../../src/telemetry/catalogue/index.ts'
import { markdownTable } from '../limits/document.ts'
import { CONSUMER_NAMES, GROUP_NAMES, type JavaName, PRODUCER_NAMES } from './java-names.ts'
import { type MetricUses, metricUses } from './metric-uses.ts'

/** The whole page, in Markdown. */
export function metricsDocument(): string {
  const uses = metricUses()
  const chapters = CHAPTERS.map(([title, definitions]) => `## ${title}\n\n${chapterTable(definitions, uses)}`)
  return `${PREFACE}\n${chapters.join('\n\n')}\n\n${JAVA}\n`
}

const PREFACE = `# Metrics

Generated from the catalogue (\`src/telemetry/catalogue/\`) by \`npm run docs:metrics\`; do not edit.

\`/metrics\` on the admin port (9404 by default) has what follows, and the process' own metrics (\`process_*\`, \`nodejs_*\`: CPU,
memory, event loop). Everything is read from the wire as it passes; applications are not touched, and brokers are asked nothing
for it. Names, types and labels are an interface: they are changed only with a note in the changelog. *Used by* names the chart's alerts
([what to do](operations.md)) and, by dashboard, its panels.

## How many series

Labels that clients choose are bounded by the configuration (defaults shown); a change needs a restart:

\`\`\`yaml
metrics:
  clientsMax: 200       # client ids with series of their own, about 40 lines each
  groupsMax: 100        # consumer groups, about 45 lines each
  partitionsMax: 2000   # partitions of groups whose lag is told, 2 lines each; 0: lag is not followed
  idle: 15m             # how long series stay that nobody hears of
\`\`\`

A client that finds no room is counted under \`client_id="(other)"\`, a group under \`group="(other)"\`; partitions beyond the bound have no
series. \`sluice_metrics_folded_total\` counts that. Every 10 s it is looked who is busiest (bytes, and 4 KiB for each request): a client
under \`(other)\` that does twice as much as the idlest one with series takes its place. A client that is gone keeps its series for
\`idle\`, unless a new one needs the place. Names longer than 256 characters are cut and end in a hash. What counts here was counted
from the moment on at which its series began, so \`rate()\` and \`increase()\` are right, and no counter falls.
`

const JAVA = `## What the Java client calls it

For dashboards that were made for the Java client's metrics (JMX, Micrometer). \`…\` is the name of the client or group.

### Producer

${javaTable(PRODUCER_NAMES)}

### Consumer

${javaTable(CONSUMER_NAMES)}

### Group

${javaTable(GROUP_NAMES)}`

function chapterTable(definitions: Definitions, uses: ReadonlyMap<string, MetricUses>): string {
  const rows = Object.entries(definitions).map(([name, definition]) => [
    `\`${name}\`<br>${definition.type}${labelsOf(definition)}`,
    meaningOf(definition),
    cell(definition.source),
    cell(definition.bounds),
    usersOf(uses.get(name)),
  ])
  return markdownTable(['metric', 'meaning', 'where it comes from', 'series', 'used by'], rows)
}

function labelsOf({ labels }: MetricDefinition): string {
  return labels.length === 0 ? '' : ` by ${labels.map((label) => `\`${label}\``).join(', ')}`
}

function meaningOf({ help, caveat }: MetricDefinition): string {
  return cell(caveat === undefined ? help : `${help} <br>*Note:* ${caveat}`)
}

/** Alerts first, with what to do about them; then panels by dashboard. */
function usersOf(uses: MetricUses | undefined): string {
  if (uses === undefined) return '–'
  const alerts = uses.alerts.map((alert) => `[${alert}](operations.md#${alert.toLowerCase()})`)
  const panels = [...uses.panels].map(([dashboard, titles]) => `*${dashboard}*: ${titles.map(cell).join(', ')}`)
  return [...(alerts.length === 0 ? [] : [alerts.join(', ')]), ...panels].join('<br>')
}

function javaTable(names: readonly JavaName[]): string {
  const rows = names.map(({ java, query, difference = '' }) => [
    java
      .split(', ')
      .map((name) => name.replace(/^[\w-]+/u, '`$&`'))
      .join(', '),
    query === 'none' ? '–' : `\`${cell(query)}\``,
    cell(difference),
  ])
  return markdownTable(['Java', 'here', 'difference'], rows)
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
