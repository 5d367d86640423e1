/**
 * The subject of an X.509 certificate as Kafka sees it: Java's `X500Principal.getName()`, which is RFC 2253, from the last name to
 * the first. Mapping rules written for a broker then mean the same here. Reads the certificate's DER itself, because
 * no other form of it keeps order, types and escapes.
 */

const SEQUENCE = 0x30
const SET = 0x31
const OBJECT_IDENTIFIER = 0x06
const EXPLICIT_VERSION = 0xa0
/** UTF8, Printable, T61, IA5, General and BMP strings: what Java writes as text and not in hex. */
const TEXT_TAGS: ReadonlySet<number> = new Set([0x0c, 0x13, 0x14, 0x16, 0x1b, 0x1e])
/** What RFC 2253 has names for; others are told by their number. */
const KEYWORDS: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
}
const ESCAPED = /[,=+<>#;"\\]/gu

interface Element {
  readonly tag: number
  /** With tag and length. */
  readonly whole: Uint8Array
  readonly content: Uint8Array
}

/** @param certificate DER; @throws RangeError when it is none */
export function subjectName(certificate: Uint8Array): string {
  const [outer] = elementsOf(certificate)
  const [signed] = elementsOf(outer?.content ?? certificate)
  const fields = elementsOf(signed?.content ?? certificate)
  // version (optional), serial number, signature algorithm, issuer, validity, subject
  const subject = fields[fields[0]?.tag === EXPLICIT_VERSION ? 5 : 4]
  if (subject?.tag !== SEQUENCE) throw new RangeError('the certificate has no subject')
  return elementsOf(subject.content)
    .map(({ tag, content }) => {
      if (tag !== SET) throw new RangeError('the subject of the certificate cannot be read')
      return elementsOf(content).map(attributeText).join('+')
    })
    .reverse()
    .join(',')
}

function attributeText({ content }: Element): string {
  const [type, value] = elementsOf(content)
  if (type?.tag !== OBJECT_IDENTIFIER || value === undefined) {
    throw new RangeError('the subject of the certificate cannot be read')
  }
  const number = dotted(type.content)
  const keyword = KEYWORDS[number]
  if (keyword === undefined || !TEXT_TAGS.has(value.tag)) return `${keyword ?? number}=#${hex(value.whole)}`
  return `${keyword}=${escapeText(new TextDecoder().decode(value.content))}`
}

/** Spaces count only at the ends. */
function escapeText(text: string): string {
  const escaped = text.replaceAll(ESCAPED, (character) => `\\${character}`).replaceAll('\0', '\\00')
  const trimmed = escaped.replace(/^ +/u, (spaces) => '\\ '.repeat(spaces.length))
  if (/^(?:\\ )*$/u.test(trimmed)) return trimmed
  return trimmed.replace(/ +$/u, (spaces) => '\\ '.repeat(spaces.length))
}

function dotted(bytes: Uint8Array): string {
  const numbers: number[] = []
  let number = 0
  for (const byte of bytes) {
    number = number * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    numbers.push(number)
    number = 0
  }
  const [first = 0, ...rest] = numbers
  const root = Math.min(2, Math.floor(first / 40))
  return [root, first - root * 40, ...rest].join('.')
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The elements that follow each other in `bytes`. */
function elementsOf(bytes: Uint8Array): readonly Element[] {
  const elements: Element[] = []
  let at = 0
  while (at < bytes.length) {
    const { contentAt, length } = lengthAt(bytes, at + 1)
    const end = contentAt + length
    if (end > bytes.length) throw new RangeError('the certificate ends before its fields do')
    elements.push({
      tag: bytes[at] as number,
      whole: bytes.subarray(at, end),
      content: bytes.subarray(contentAt, end),
    })
    at = end
  }
  return elements
}

function lengthAt(bytes: Uint8Array, at: number): { readonly contentAt: number; readonly length: number } {
  const first = bytes[at]
  if (first === undefined) throw new RangeError('the certificate ends before its fields do')
  if (first < 0x80) return { contentAt: at + 1, length: first }
  const size = first & 0x7f
  if (size === 0 || size > 4) throw new RangeError('the certificate has a length that DER does not know')
  let length = 0
  for (let i = 1; i <= size; i++) length = length * 256 + (bytes[at + i] ?? 0)
  return { contentAt: at + 1 + size, length }
}
