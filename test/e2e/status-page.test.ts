/**
 * The status page in a real Chromium, of a sluice that runs in front of a real Kafka, with a flood under a limit, a thousand other
 * clients, and names that try to be markup: without JavaScript, with it, in the dark, by keyboard, and before axe-core.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import axe from 'axe-core'
import { API_KEY } from 'kafka-protocol-codec'
import type { Browser, Page } from 'playwright-core'
import { PAGE_CLIENTS } from '../../src/bounds.ts'
import { createTopic } from '../../src/demo/kafka/index.ts'
import type { StatusDocument } from '../../src/status/status-document.ts'
import { type OpenPage, openPage, requireBrowser } from '../support/browser.ts'
import { connectRaw, type RawClient } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'
import { startProducers } from './support/flood.ts'
import { kafkaFor, type RunningSluice, startSluice } from './support/sluice.ts'

const CLIENTS = 1_000
const AT_ONCE = 50
const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  "'-alert(1)-'",
  '</table><svg/onload=alert(1)>',
  '\u202egnp.exe',
]
const QUOTAS = [
  { name: 'producers', limit: { produceBytes: '200 kB/s' }, match: { clientId: 'flood' }, per: ['clientId'] },
  { name: 'trial', limit: { requests: '1000/s' }, per: ['clientId'], mode: 'observe' },
]
const TICK_MS = 2_000

test('the status page', { timeout: 300_000, concurrency: true }, async (context) => {
  const browser = await requireBrowser(context)
  if (browser === undefined) return
  const kafka = await kafkaFor(context)
  if (kafka === undefined) return
  await createTopic(kafka.internalBootstrap, { topic: 'data', partitions: 1 })
  const sluice = await startSluice(context, { upstream: kafka, quotas: QUOTAS })
  const { bootstrap } = sluice
  await startProducers(context, {
    ...{ library: 'kafkajs', bootstrap, topic: 'data', clientId: 'flood', connections: 1, recordBytes: 1000 },
  })
  await crowd(context, sluice)
  await waitFor('the flood is limited', async () => {
    const text = await (await fetch(`${sluice.adminUrl}/api/status?top=0`)).text()
    return (JSON.parse(text) as { counts: { limited: number } }).counts.limited === 1
  })
  const url = `${sluice.adminUrl}/`
  await waitFor('there are two points to draw a line between', async () =>
    (await (await fetch(url)).text()).includes(LINE),
  )
  const parts: readonly (readonly [string, (browser: Browser, url: string) => Promise<void>])[] = [
    ['without JavaScript', withoutScript],
    ['live, with focus, filter and order kept', live],
    ['in the dark and by day', themes],
    ['by keyboard', keyboard],
    ['before axe-core', accessible],
    ['a sluice that does not answer, and comes back', away],
  ]
  await Promise.all(parts.map(([name, run]) => context.test(name, () => run(browser, url))))
  await context.test('a thousand clients', (t) => fluent(t, browser, url))
})

/** A plot of what was produced, as the page has it. */
const LINE = 'class="line produce"'

/** A thousand connections that each say who they are, the hostile ones among them. */
async function crowd(context: TestContext, { bootstrap }: RunningSluice): Promise<void> {
  const [host = '', port = ''] = bootstrap.split(':')
  const names = [...HOSTILE, ...Array.from({ length: CLIENTS - HOSTILE.length }, (_, i) => `crowd-${i}`)]
  const open: RawClient[] = []
  context.after(() => {
    for (const client of open) client.destroy()
  })
  for (let i = 0; i < names.length; i += AT_ONCE) {
    await Promise.all(
      names.slice(i, i + AT_ONCE).map(async (name) => {
        const client = await connectRaw({ host, port: Number(port) }, name)
        open.push(client)
        await client.request(API_KEY.ApiVersions, 3, { clientSoftwareName: 'crowd', clientSoftwareVersion: '1.0' })
      }),
    )
  }
}

async function withoutScript(browser: Browser, url: string): Promise<void> {
  const { page, context, complaints } = await openPage(browser, url, { javaScriptEnabled: false })
  assert.match(await page.locator('#verdict').innerText(), /^1 of 1,?\d+ clients is limited now$/)
  assert.match(await page.locator('.causes').innerText(), /flood\s+by producers[\s\S]*of 200 kB\/s, produced bytes/)
  assert.ok(await page.locator('.tile svg path.line.produce').count(), 'a plot is drawn')
  assert.equal(await page.locator('#pause').isVisible(), false)

  await page.locator('#filter').fill('<img')
  await page.locator('#filter-form button').click()
  assert.match(await page.locator('#client-rows').innerText(), /"<img src=x onerror=alert\(1\)>"/)
  assert.equal(await page.locator('img').count(), 0)
  await page.locator('#client-rows a').first().click()
  assert.match(await page.locator('#client').innerText(), /^"<img/)
  assert.equal(await page.locator('#filter').inputValue(), '<img', 'the filter is kept')

  await page.goto(url)
  await page.getByRole('link', { name: 'Client', exact: true }).click()
  assert.match(page.url(), /\?sort=client$/)
  assert.equal(await page.locator('th[aria-sort="ascending"]').innerText(), 'Client↑')
  await page.getByRole('link', { name: 'Next' }).click()
  assert.match(await page.locator('.pager').innerText(), /Page 2 of \d+/)

  await page.locator('#ask').fill('flood')
  await page.locator('#explain-form button').click()
  assert.match(
    await page.locator('#answer').innerText(),
    /A producer named flood \(no library name\) may send 200 kB\/s/,
  )
  assert.match(page.url(), /page=2/)
  assert.deepEqual(complaints, [])
  await context.close()
}

/** When the page was made that is shown. */
function asOf(page: Page): Promise<string | null> {
  return page.locator('.top time').getAttribute('datetime')
}

async function refreshed(page: Page): Promise<void> {
  const before = await asOf(page)
  await waitFor('the page has changed in place', async () => (await asOf(page)) !== before)
}

/** Marks the document, so that a reload would be seen. */
async function marked(page: Page): Promise<() => Promise<void>> {
  await page.evaluate('document.body.dataset.mark = "same"')
  return async () =>
    assert.equal(await page.locator('body').getAttribute('data-mark'), 'same', 'the page was not reloaded')
}

async function live(browser: Browser, url: string): Promise<void> {
  const { page, context, complaints } = await openPage(browser, url)
  const isSame = await marked(page)
  await refreshed(page)
  await page.locator('#filter').pressSequentially('onload')
  await waitFor('one row is left', async () => (await page.locator('#client-rows tr').count()) === 1)
  await refreshed(page)
  assert.equal(await page.evaluate('document.activeElement.id'), 'filter', 'focus stays')
  assert.equal(await page.locator('#filter').inputValue(), 'onload')
  await page.locator('#filter').fill('flood')
  await waitFor('another row', async () => /flood/.test(await page.locator('#client-rows').innerText()))
  await page.locator('#client-rows a').first().click()
  await waitFor('the client is shown', async () => (await page.locator('#client').innerText()) === 'flood')
  await waitFor('and has the focus', async () => (await page.evaluate('document.activeElement.id')) === 'client')
  assert.match(await page.locator('section.client table').innerText(), /producers\s*produced bytes/)

  await page.locator('#config-text summary').click()
  await refreshed(page)
  assert.equal(await page.locator('#config-text').getAttribute('open'), '', 'what is open stays open')
  await page.getByRole('link', { name: 'Produces', exact: true }).click()
  await waitFor(
    'it is sorted',
    async () =>
      /sort=produce/.test(page.url()) && (await page.locator('th[aria-sort]').innerText()).startsWith('Produces'),
  )
  await page.goBack()
  await waitFor('the order is as before', async () =>
    (await page.locator('th[aria-sort]').innerText()).startsWith('Throttle'),
  )

  await page.locator('#ask').fill('flood')
  await page.keyboard.press('Enter')
  await waitFor('the answer is there', async () => /may send 200 kB\/s/.test(await page.locator('#answer').innerText()))
  await page.locator('.tile svg').first().hover()
  await waitFor('the plot says what it had', async () =>
    /\d/.test(await page.locator('.tile .plot-at').first().innerText()),
  )
  await page.locator('#pause').click()
  const stopped = await asOf(page)
  await page.waitForTimeout(TICK_MS * 1.5)
  assert.equal(await asOf(page), stopped, 'a paused page stands still')
  await isSame()
  assert.deepEqual(complaints, [])
  await context.close()
}

async function backOf(page: Page): Promise<string> {
  return page.evaluate('getComputedStyle(document.body).backgroundColor')
}

async function themes(browser: Browser, url: string): Promise<void> {
  const { page, context } = await openPage(browser, url, { colorScheme: 'dark' })
  const dark = await backOf(page)
  await page.emulateMedia({ colorScheme: 'light' })
  const light = await backOf(page)
  assert.notEqual(dark, light)
  await page.locator('#theme').click()
  assert.equal(await backOf(page), dark)
  await page.reload()
  await waitFor('the choice is remembered', async () => (await backOf(page)) === dark)
  assert.equal(await page.locator('#theme').innerText(), 'Light')
  await context.close()
}

async function keyboard(browser: Browser, url: string): Promise<void> {
  const { page, context } = await openPage(browser, url)
  const isSame = await marked(page)
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.activeElement.id'), 'main')
  await page.keyboard.press('/')
  assert.equal(await page.evaluate('document.activeElement.id'), 'filter')
  await page.getByRole('link', { name: 'Client', exact: true }).focus()
  await page.keyboard.press('Enter')
  await waitFor('it is sorted', async () => (await page.locator('th[aria-sort="ascending"]').count()) === 1)
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Client↑', 'the heading keeps the focus')
  await isSame()
  await context.close()
}

async function accessible(browser: Browser, url: string): Promise<void> {
  const { clients } = (await (await fetch(`${url}api/status?filter=flood`)).json()) as StatusDocument
  for (const [colorScheme, width, query] of [
    ['light', 1280, 'explain=flood'],
    ['dark', 1280, 'explain=flood'],
    ['light', 420, 'state=limited'],
  ] as const) {
    const address = `${url}?${query}&client=${clients[0]?.id}`
    const { page, context } = await openPage(browser, address, { colorScheme, viewport: { width, height: 900 } })
    assert.equal(await page.locator('section.client table').count(), 1)
    await page.evaluate(axe.source)
    const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
    const told = violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .map(({ html }) => html.slice(0, 120))
          .slice(0, 3)
          .join(' | ')}`,
    )
    assert.deepEqual(told, [], `${colorScheme} ${width}`)
    assert.equal(
      await page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
      true,
      `${width} is wide enough`,
    )
    await context.close()
  }
}

async function away(browser: Browser, url: string): Promise<void> {
  const { page, context }: OpenPage = await openPage(browser, url)
  await page.route('**/*', (route) => route.abort())
  await waitFor('it says so', () => page.locator('#trouble').isVisible())
  assert.match(await page.locator('#trouble').innerText(), /does not answer .*what is shown is old/)
  assert.match(await page.locator('.causes').innerText(), /flood/)
  await page.unroute('**/*')
  await waitFor('and that it is back', async () => !(await page.locator('#trouble').isVisible()))
  await context.close()
}

async function fluent(t: TestContext, browser: Browser, url: string): Promise<void> {
  const { page, context } = await openPage(browser, url)
  assert.equal(await page.locator('#client-rows tr').count(), PAGE_CLIENTS)
  assert.match(await page.locator('.pager').innerText(), /Page 1 of 2\d/)
  const startedMs = performance.now()
  const sizeBytes = (await (await fetch(url)).text()).length
  const answeredMs = performance.now() - startedMs
  // The longest time between two frames while the page changes twice.
  const frames = page.evaluate(`new Promise((resolve) => {
    const ends = performance.now() + ${TICK_MS * 2.5}; let last = performance.now(), longest = 0
    const frame = (now) => { longest = Math.max(longest, now - last); last = now; now < ends ? requestAnimationFrame(frame) : resolve(longest) }
    requestAnimationFrame(frame)
  })`)
  await refreshed(page)
  const longestMs = (await frames) as number
  t.diagnostic(
    `${CLIENTS} clients: the page is ${Math.round(sizeBytes / 1000)} kB, made in ${answeredMs.toFixed(0)} ms; longest frame while it changes ${longestMs.toFixed(0)} ms`,
  )
  assert.ok(sizeBytes < 400_000, `${sizeBytes} bytes`)
  await context.close()
}
