/** How many columns of a terminal a text takes, and texts cut and padded by that: a name in Chinese must not push the table aside. */

const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60\u3000-\u303f]/u
const NO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u
const PLAIN = /^[\u0020-\u007e\u00a0-\u02ff\u2010-\u25ff]*$/u

export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const character of text) width += NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return width
}

/** At most so wide, with a mark where something is missing. */
export function cutTo(text: string, widthMax: number): string {
  if (textWidth(text) <= widthMax) return text
  if (widthMax <= 0) return ''
  let kept = ''
  let width = 0
  for (const character of text) {
    width += textWidth(character)
    if (width > widthMax - 1) break
    kept += character
  }
  return `${kept}…`
}

export function padTo(text: string, width: number, side: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)))
  return side === 'left' ? text + space : space + text
}
