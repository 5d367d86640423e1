/** A table of text that fits: columns that matter least go first where there is too little room, and one column takes what is left. */
import { cutTo, padTo, textWidth } from './text-width.ts'

export interface Column<Row> {
  readonly title: string
  readonly align: 'left' | 'right'
  /** Least width; of the flexible one, what it should have. */
  readonly width: number
  /** Takes the room that is left. */
  readonly isFlexible?: boolean
  /** 0 stays for ever; the largest goes first. */
  readonly rank: number
  readonly cell: (row: Row) => string
}

export interface TableText {
  readonly heading: string
  readonly rows: readonly string[]
}

const GAP = 2

/** Every line is at most `width` wide. */
export function tableText<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): TableText {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)))
  const wanted = columns.map((column, i) =>
    cells.reduce((most, row) => Math.max(most, textWidth(row[i]!)), Math.max(textWidth(column.title), 1)),
  )
  const shown = fitting(columns, wanted, width)
  const fixed = shown.reduce((sum, i) => sum + GAP + (columns[i]!.isFlexible === true ? 0 : wanted[i]!), -GAP)
  const room = Math.max(1, width - fixed)
  const widths = shown.map((i) => (columns[i]!.isFlexible === true ? Math.min(room, wanted[i]!) : wanted[i]!))
  const line = (texts: readonly string[]): string => {
    const parts = shown.map((i, at) => padTo(cutTo(texts[i]!, widths[at]!), widths[at]!, columns[i]!.align))
    return cutTo(parts.join(' '.repeat(GAP)).trimEnd(), width)
  }
  return { heading: line(columns.map(({ title }) => title)), rows: cells.map(line) }
}

/** Indexes of the columns that have room, in their order. */
function fitting<Row>(columns: readonly Column<Row>[], wanted: readonly number[], width: number): number[] {
  const byRank = columns.map((_column, i) => i).sort((a, b) => columns[a]!.rank - columns[b]!.rank || a - b)
  const shown: number[] = []
  let used = -GAP
  for (const i of byRank) {
    const column = columns[i]!
    const needs = GAP + (column.isFlexible === true ? Math.min(column.width, wanted[i]!) : wanted[i]!)
    if (column.rank > 0 && used + needs > width) continue
    used += needs
    shown.push(i)
  }
  return shown.sort((a, b) => a - b)
}
