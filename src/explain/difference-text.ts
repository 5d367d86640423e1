/** A difference of two policies as a page of text. */
import type { Change } from './change.ts'
import { isSame, type PolicyDifference, type QuotaDifference } from './difference.ts'
import { wrapped } from './words.ts'

const LABEL_COLUMNS = 14

/** What one client experiences before and after, in the words of explain. */
export interface ClientDifference {
  readonly client: string
  readonly before: readonly string[]
  readonly after: readonly string[]
}

/** The page, with its final newline. */
export function differenceText(
  difference: PolicyDifference,
  client: ClientDifference | undefined,
  width: number,
): string {
  const parts = isSame(difference) ? ['no difference'] : [summary(difference), ...details(difference, width)]
  if (client !== undefined) parts.push(clientText(client, width))
  return `${parts.join('\n\n')}\n`
}

function details({ quotas, settings, restart }: PolicyDifference, width: number): string[] {
  const parts = quotas.map((quota) => quotaText(quota, width))
  if (settings.length > 0) parts.push(['for all quotas', ...changeLines(settings, width)].join('\n'))
  if (restart.length > 0) {
    parts.push(wrapped(`${restart.join(', ')}: differs too; a reload refuses that, it needs a restart`, width))
  }
  return parts
}

/** `1 new, 1 gone, 2 stricter`. */
function summary({ quotas, settings, restart }: PolicyDifference): string {
  const counts = new Map<string, number>()
  for (const { kind, effect } of quotas) {
    const word = kind !== 'changed' ? kind : effect === 'other' || effect === 'mixed' ? 'changed' : effect
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const order = ['new', 'gone', 'renamed', 'stricter', 'looser', 'changed']
  const parts = order.filter((word) => counts.has(word)).map((word) => `${counts.get(word)} ${word}`)
  const other = settings.length + restart.length
  const quotasPart = parts.length === 0 ? [] : [`quotas: ${parts.join(', ')}`]
  return [...quotasPart, ...(other === 0 ? [] : [`other settings: ${other}`])].join('; ')
}

export const EFFECTS: Readonly<Record<QuotaDifference['effect'], string>> = {
  stricter: 'stricter',
  looser: 'looser',
  mixed: 'stricter in one, looser in another',
  other: 'changed',
}

function quotaText({ kind, quota, formerly, effect, whom, changes }: QuotaDifference, width: number): string {
  const what =
    kind === 'renamed'
      ? `was ${formerly}; its buckets start full under the new name${changes.length === 0 ? '' : `; ${EFFECTS[effect]}`}`
      : kind === 'changed'
        ? EFFECTS[effect]
        : kind
  const isListing = kind === 'new' || kind === 'gone'
  return [wrapped(`${quota}: ${what} (${whom})`, width), ...changeLines(changes, width, isListing)].join('\n')
}

/** @param isListing what is there on one side only is no change */
function changeLines(changes: readonly Change[], width: number, isListing = false): string[] {
  return changes.map((change) => {
    const start = `  ${change.what.padEnd(LABEL_COLUMNS)} `
    const body = wrapped(changeWords(change, isListing), width, ' '.repeat(start.length))
    return start + body.slice(start.length)
  })
}

/** `produceBytes 5 MB/s → 4 MB/s (−20 %), burst …`, for a line of the log. */
export function changesOnOneLine(changes: readonly Change[], isListing: boolean): string {
  return changes.map((change) => `${change.what} ${changeWords(change, isListing)}`).join(', ')
}

function changeWords({ from = 'none', to = 'none', percent, whom }: Change, isListing: boolean): string {
  const values = isListing ? to : `${from} → ${to}`
  const by = percent === undefined ? '' : ` (${percentWords(percent)})`
  return `${values}${by}${whom === undefined ? '' : ` for ${whom}`}`
}

/** `+300 %`, `−20 %`. */
function percentWords(percent: number): string {
  const size = Math.abs(percent)
  const digits = size >= 10 ? Math.round(size) : Number(size.toPrecision(2))
  return `${percent < 0 ? '−' : '+'}${digits} %`
}

function clientText({ client, before, after }: ClientDifference, width: number): string {
  const paragraphs = (lines: readonly string[]): string[] => lines.map((line) => wrapped(line, width, '    '))
  if (before.join() === after.join()) {
    return [`For client ${client} nothing changes:`, ...paragraphs(after)].join('\n')
  }
  return [`For client ${client}`, '  before', ...paragraphs(before), '  after', ...paragraphs(after)].join('\n')
}
