// The page as HTML: who is limited stands first, everything works by links and forms, and hostile names stay names.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HISTORY_POINTS, PAGE_CLIENTS } from '../../src/bounds.ts'
import { PageAddress } from '../../src/page/address.ts'
import { statusPage } from '../../src/page/page.ts'
import type { ClientNow, StatusDocument } from '../../src/status/status-document.ts'
import { clientNow, limitNow, quotaNow, statusDocument } from '../support/status.ts'

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onfocus='alert(1)",
  'javascript:alert(1)',
  '</title></table><svg onload=alert(1)>',
  '\u202egnp.exe\u0000\u001b[31m',
  '{{7*7}}&lt;b&gt;',
  'x'.repeat(40_000),
] as const

const LIMIT = limitNow({
  bucketPerSecond: 9e5,
  usedPerSecond: 8e5,
  throttleMsPerSecond: 640,
  debtMs: 5000,
  balance: -5e6,
})

function limited(parts: Partial<ClientNow> = {}): ClientNow {
  const limitedBy = { quota: 'producers', dimension: 'produceBytes' } as const
  const { rates } = clientNow()
  return clientNow({
    clientId: 'checkout-7',
    state: 'limited',
    limitedBy,
    limits: [LIMIT],
    rates: { ...rates, throttleMs: 640 },
    ...parts,
  })
}

function page(status: Partial<StatusDocument> = {}, query = '', config: unknown = {}): string {
  const address = new PageAddress(new URLSearchParams(query))
  return statusPage({ address, status: statusDocument(status), config, explanation: undefined })
}

/** Its text without markup. */
function textOf(markup: string): string {
  return markup
    .replace(/<[^>]*>/gu, ' ')
    .replace(/&#(\d+);/gu, (_all, code) => String.fromCharCode(Number(code)))
    .replace(/\s+/gu, ' ')
}

describe('the first three seconds', () => {
  const rows: readonly (readonly [what: string, status: Partial<StatusDocument>, text: RegExp])[] = [
    ['nobody yet', {}, /No client has connected yet/],
    ['nobody limited', { clients: [clientNow(), clientNow({ id: 'b' })] }, /None of 2 clients is limited now/],
    [
      'one, by what and why',
      { clients: [limited()] },
      /1 of 1 client is limited now checkout-7 by producers 900 kB\/s of 1 MB\/s, produced bytes, shared by all that match waits 640 ms in each second, owes 5 s/,
    ],
    [
      'observed only',
      { clients: [limited({ state: 'observed', limits: [{ ...LIMIT, mode: 'observe' }] })] },
      /Nobody is limited; 1 of 1 would be, by quotas that only observe .*only observed: nothing is slowed/,
    ],
    [
      'a floor',
      { clients: [limited({ limits: [{ ...LIMIT, canBeKept: false, floorPerSecond: 4e6 }] })] },
      /below its floor of 4 MB\/s/,
    ],
    ['not ready', { ready: false, reasons: ['no broker answers'] }, /Not ready\. no broker answers/],
    [
      'a broker is lost',
      { brokers: [{ nodeId: 1, host: 'a', port: 1, localPort: 2, reachable: false }] },
      /1 of 1 brokers cannot be reached/,
    ],
  ]
  for (const [what, status, text] of rows) test(what, () => assert.match(textOf(page(status)), text))

  test('more than fit are counted, and linked', () => {
    const clients = Array.from({ length: 8 }, (_, i) => limited({ id: `c${i}`, clientId: `c${i}` }))
    assert.match(page({ clients }), /<a data-nav href="\/\?state=limited#clients">and 3 more<\/a>/)
  })

  test('a file with faults says where they are, and that the old one is in force', () => {
    const fault = { path: 'mode', line: 3, column: 7, message: 'the modes are <enforce> and observe' }
    const report = { valid: false, faults: [fault], since: '2026-11-25T10:00:00.000Z' }
    const text = textOf(page({ config: { report, reloads: { ok: 2, failed: 1 } } }))
    assert.match(text, /The configuration file has faults/)
    assert.match(text, /Reloads: 2 done, 1 refused\. line 3, column 7 mode : the modes are <enforce> and observe/)
  })
})

function assertHarmless(attributes: string): void {
  for (const [, attribute = ''] of attributes.matchAll(/([a-z-]+)(?:="[^"]*")?/giu)) {
    assert.doesNotMatch(attribute, /^(?:on.*|style|srcdoc|formaction)$/iu)
  }
  assert.doesNotMatch(attributes, /\s(?:href|src|action)="(?!\/|#|data:,)/iu)
}

describe('hostile names', () => {
  for (const name of HOSTILE) {
    test(JSON.stringify(name).slice(0, 40), () => {
      const typed = name.slice(0, 500)
      const client = limited({
        clientId: name,
        principal: name,
        software: name,
        softwareVersions: [name],
        groups: [name],
        addresses: [name],
      })
      const named = {
        ...client,
        limits: [{ ...LIMIT, quota: name, key: `clientId=${name}` }],
        limitedBy: { quota: name, dimension: 'produceBytes' as const },
      }
      const markup = page(
        {
          clients: [named],
          client: named,
          quotas: [quotaNow({ name, per: [name] })],
          reasons: [name],
          ready: false,
          brokers: [{ nodeId: 1, host: name, port: 1, localPort: 2, reachable: false }],
        },
        new URLSearchParams({
          filter: typed,
          quota: typed,
          explain: typed,
          group: typed,
          client: 'abc',
          more: typed,
        }).toString(),
        { labels: { team: name } },
      )
      const tags = [...markup.matchAll(/<([a-z0-9]+)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*\/?>/giu)]
      const names = new Set(tags.map(([, tag = '']) => tag.toLowerCase()))
      for (const tag of ['script', 'img', 'iframe', 'object', 'embed', 'style']) {
        assert.equal(tags.filter(([, one]) => one === tag).length, tag === 'script' ? 1 : 0, tag)
      }
      assert.ok(names.has('table'))
      // Every < opens or closes a tag of ours: nothing is left that a browser would repair into something else.
      assert.equal(
        markup.replace(/<\/?[a-z0-9]+(?:\s+[a-zA-Z-]+(?:="[^"<>]*")?)*\s*\/?>|<!doctype html>/giu, '').includes('<'),
        false,
      )
      for (const [, , attributes = ''] of tags) assertHarmless(attributes)
      assert.doesNotMatch(markup, /[\u202a-\u202e]|(?!\n)\p{Cc}/u)
      if (name.length > 1000) assert.ok(markup.length < 300_000, `${markup.length} characters for a name of 40,000`)
    })
  }
})

describe('links and forms do everything', () => {
  test('headings sort, the sorted one says so and turns round', () => {
    const markup = page({ clients: [clientNow()] }, 'filter=a&page=3')
    assert.match(
      markup,
      /<th scope="col" class="number" aria-sort="descending"><a class="sort" data-nav href="\/\?filter=a&#38;sort=throttle&#38;order=asc"/,
    )
    assert.match(markup, /href="\/\?filter=a&#38;sort=client"/)
    assert.match(
      page({}, 'sort=client&order=desc'),
      /aria-sort="descending"><a class="sort" data-nav href="\/\?sort=client">/,
    )
    assert.equal(markup.match(/aria-sort=/gu)?.length, 1)
  })

  test('fifty on a page, with a way to the next and back', () => {
    const counts = { known: 120, limited: 0, observed: 0, active: 0, matching: 120 }
    assert.match(
      page({ counts }),
      /<span class="button off">Previous<\/span>\s*<span>Page 1 of 3<\/span>\s*<a class="button" data-nav href="\/\?page=2">Next/,
    )
    assert.match(
      page({ counts }, 'page=3&sort=fetch'),
      /href="\/\?page=2&#38;sort=fetch">Previous<\/a>\s*<span>Page 3 of 3<\/span>\s*<span class="button off">Next/,
    )
    assert.doesNotMatch(page({ counts: { ...counts, matching: 50 } }), /class="pager"/)
    const { status } = new PageAddress(new URLSearchParams('page=3'))
    assert.deepEqual([status.top, status.skip], [PAGE_CLIENTS, 2 * PAGE_CLIENTS])
  })

  test('forms carry along what they do not ask', () => {
    const markup = page({}, 'sort=fetch&filter=a&explain=b&api=Fetch')
    const form = /<form[^>]* id="filter-form"[\s\S]*?<\/form>/u.exec(markup)?.[0] ?? ''
    assert.deepEqual(
      [...form.matchAll(/type="hidden" name="(\w+)"/gu)].map(([, name]) => name),
      ['sort', 'explain', 'api'],
    )
    assert.match(markup, /name="explain" type="text" value="b"/)
    assert.match(markup, /<details open><summary>More about it/)
  })

  test('an address that makes no sense is told, and shows everything', () => {
    const address = new PageAddress(new URLSearchParams('sort=nothing&page=-7'))
    assert.equal(address.page, 1)
    assert.match(address.fault ?? '', /sort is one of/)
    assert.match(page({}, 'sort=nothing'), /<p class="trouble">sort is one of/)
  })

  test('a question without a client id is one about the nameless', () => {
    assert.equal(
      new PageAddress(new URLSearchParams('explain=&api=Fetch&topic=')).question?.toString(),
      'clientId=&api=Fetch',
    )
    assert.equal(new PageAddress(new URLSearchParams('api=Fetch')).question, undefined)
  })

  test('a client that is forgotten is said to be', () => {
    assert.match(textOf(page({}, 'client=gone')), /This client is not known any more/)
  })
})

test('plots say in words what they show, and draw what is known at the right', () => {
  const rates = [0, 1e6, 5e5]
  const history = {
    stepMs: 5000,
    totals: { producedBytes: rates, fetchedBytes: [], requests: [], throttleMs: [] },
    quotas: [],
  }
  const markup = page({ history })
  assert.match(markup, /aria-label="Produced, the last 15 minutes: Produced now 500 kB\/s, at most 1 MB\/s"/)
  assert.match(markup, /data-words="0 B\/s\|1 MB\/s\|500 kB\/s"/)
  const first = ((HISTORY_POINTS - 3) / (HISTORY_POINTS - 1)) * 360
  assert.match(markup, new RegExp(`class="line produce"[^>]* d="M${Number(first.toFixed(1))} 96L`))
})
