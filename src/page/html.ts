/**
 * HTML as a value. Whatever is put into a template is escaped unless it is HTML itself, so a client id, a broker's host or an
 * error message can never become markup: to forget it is not possible. Attributes are written in double quotes, always.
 */

/** Markup that is what it says. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Nothing of `false` and undefined; lists one after the other. */
export type Piece = string | number | Html | false | undefined | readonly Piece[]

export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = strings[0]!
  for (const [i, piece] of pieces.entries()) text += textOf(piece) + strings[i + 1]!
  return new Html(text)
}

/** What turns a line of text round, or is no character at all. */
const UNSEEN = /(?![\n\t])\p{Cc}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

export function escapeHtml(text: string): string {
  return text.replace(UNSEEN, '\ufffd').replace(/[&<>"'`]/gu, (character) => `&#${character.charCodeAt(0)};`)
}

function textOf(piece: Piece): string {
  if (piece === false || piece === undefined) return ''
  if (piece instanceof Html) return piece.text
  if (typeof piece === 'object') return piece.map(textOf).join('')
  return escapeHtml(String(piece))
}
