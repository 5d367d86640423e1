/** Everything that is wrong with a configuration, at once, each fault with its place (design.md §10: the operator's fault). */

/** One fault. */
export interface Fault {
  /** Where in the document: `quotas[0].limit.produceBytes`; or the flag or variable: `--listen`, `SLUICE_LISTEN`; '' for the whole. */
  readonly path: string
  /** Line and column in the file, from 1; 0 where the fault is not in a file. */
  readonly line: number
  readonly column: number
  /** What is wrong and what would be right. */
  readonly message: string
}

/** A configuration that cannot be used. `run` exits with 2; a reload keeps the old one. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly Fault[]
  /** The file that was read; undefined if there was none. */
  readonly file: string | undefined

  constructor(faults: readonly Fault[], file?: string) {
    super(faults.map((fault) => formatFault(fault, file)).join('\n'))
    this.faults = faults
    this.file = file
  }

  /** For people and editors, a line a fault: `sluice.yaml:3:12: quotas[0].name: …`. */
  format(): string {
    return this.message
  }
}

function formatFault({ path, line, column, message }: Fault, file: string | undefined): string {
  const parts = path === '' ? [message] : [path, message]
  const isOfFile = !/^(--|SLUICE_|POD_)/u.test(path)
  if (line > 0) parts.unshift(`${file ?? 'line'}:${line}:${column}`)
  else if (file !== undefined && isOfFile) parts.unshift(file)
  return parts.join(': ')
}
