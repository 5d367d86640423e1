/** A real Chromium, without a window: the one that is installed. What a page complains of fails the test. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Surroundings } from './surroundings.ts'

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome'] as const
const REQUIRE_ALL = process.env['SLUICE_REQUIRE_ALL'] === '1'
/** As in wait.ts: it notices what never comes, and does not judge speed. */
const PATIENCE_MS = 120_000

/** Undefined, and the test skipped, where there is none. */
export async function requireBrowser(context: Surroundings): Promise<Browser | undefined> {
  const executablePath = COMMANDS.map(pathOf).find((path) => path !== '')
  if (executablePath === undefined) {
    const why = `there is no Chromium (${COMMANDS.join(', ')})`
    assert.ok(!REQUIRE_ALL, `${why}, and SLUICE_REQUIRE_ALL is set`)
    context.skip(why)
    return undefined
  }
  const browser = await chromium.launch({ executablePath })
  context.after(() => browser.close())
  return browser
}

export interface OpenPage {
  readonly page: Page
  readonly context: BrowserContext
  /** What it has complained of so far: errors, refused scripts, dialogs. */
  readonly complaints: readonly string[]
}

export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  context.setDefaultTimeout(PATIENCE_MS)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`)
  })
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  await page.goto(url)
  return { page, context, complaints }
}

function pathOf(command: string): string {
  return spawnSync('sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).stdout.trim()
}
