// Nothing that is put into a template becomes markup.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeHtml, html } from '../../src/page/html.ts'

test('texts are escaped, HTML is not, nothing is nothing, lists follow one another', () => {
  const bold = html`<b>${'<i>'}</b>`
  assert.equal(
    html`<p title="${'"\'`'}">${bold}${false}${undefined}${[1, 'a&b', [bold]]}</p>`.text,
    '<p title="&#34;&#39;&#96;"><b>&#60;i&#62;</b>1a&#38;b<b>&#60;i&#62;</b></p>',
  )
})

const seen = (text: string): string =>
  text.replace(/(?![\n\t])\p{Cc}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')

test('no text has a character left that means something, or turns the line round; the others can be read back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { text: written } = html`${text}`
      assert.doesNotMatch(written, /[<>"'`]|[\u202a-\u202e\u2066-\u2069]|(?![\n\t])\p{Cc}/u)
      assert.equal(written, escapeHtml(text))
      assert.equal(
        written.replace(/&#(\d+);/gu, (_all, code) => String.fromCharCode(Number(code))),
        seen(text),
      )
    }),
  )
})
