/**
 * Labels of the workload that this process stands beside: from the file, from what Kubernetes' downward API writes, from
 * variables, from flags. Names are Kubernetes' names, with or without a prefix: `app`, `app.kubernetes.io/name`.
 */
import { LABEL_NAME_CHARS_MAX, LABEL_VALUE_CHARS_MAX, LABELS_MAX } from '../bounds.ts'

/** What a name of a label looks like. */
export const LABEL_NAME: RegExp = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$/u

/** Labels that a pod's own variables give, by the names that the Kubernetes documentation uses for them. */
export const POD_VARIABLES: Readonly<Record<string, string>> = {
  POD_NAMESPACE: 'namespace',
  POD_NAME: 'pod',
  POD_SERVICE_ACCOUNT: 'serviceAccount',
}

/** @throws RangeError */
export function parseLabelName(name: string): string {
  if (LABEL_NAME.test(name) && name.length <= LABEL_NAME_CHARS_MAX) return name
  throw new RangeError(
    `"${name}" is no name of a label: letters, digits, . _ - / and a letter or digit at both ends, as in app.kubernetes.io/name`,
  )
}

/** @throws RangeError */
export function parseLabelValue(value: string): string {
  if (value.length <= LABEL_VALUE_CHARS_MAX) return value
  throw new RangeError(`a label of ${value.length} characters; at most ${LABEL_VALUE_CHARS_MAX}`)
}

/**
 * `app=shop,tier=web`.
 * @throws RangeError
 */
export function parseLabels(text: string): Record<string, string> {
  const parts = text.split(',').filter((part) => part.trim() !== '')
  return Object.fromEntries(parts.map(parseLabel))
}

function parseLabel(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 0) throw new RangeError(`"${text}" is no label; write name=value, as in app=shop`)
  return [parseLabelName(text.slice(0, at).trim()), parseLabelValue(text.slice(at + 1).trim())]
}

/**
 * The file that a downward API volume makes of `metadata.labels`: a line `name="value"` each, quoted as Go does.
 * @throws RangeError that names the line
 */
export function parseLabelsFile(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [i, line] of text.split(/\r?\n/u).entries()) {
    if (line.trim() === '') continue
    const match = /^\s*([^="]+)="((?:[^"\\]|\\.)*)"\s*$/u.exec(line)
    if (match === null) throw new RangeError(`line ${i + 1} is no label as Kubernetes writes it: name="value"`)
    try {
      labels[parseLabelName(match[1]!.trim())] = parseLabelValue(unquote(match[2]!))
    } catch (error) {
      throw error instanceof RangeError ? new RangeError(`line ${i + 1}: ${error.message}`) : error
    }
  }
  const count = Object.keys(labels).length
  if (count > LABELS_MAX) throw new RangeError(`${count} labels; at most ${LABELS_MAX}`)
  return labels
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** Go's `%q` undone. Bytes that were no UTF-8 (`\xff`) become the character of that number. */
function unquote(quoted: string): string {
  return quoted.replaceAll(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gu,
    (whole, x, u, long, one) => {
      const hex: string | undefined = x ?? u ?? long
      if (hex === undefined) return ESCAPES[one as string] ?? (one as string)
      const code = Number.parseInt(hex, 16)
      if (code > 0x10_ff_ff) throw new RangeError(`${whole} is no character`)
      return String.fromCodePoint(code)
    },
  )
}
