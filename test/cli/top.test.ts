// `top` from outside: as text, as JSON, live with a keyboard of the test, and in a real pseudo-terminal; a sluice that goes and comes back.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { runCli } from '../../src/cli/program.ts'
import type { Interactive, InteractiveEvents, Terminal } from '../../src/cli/terminal.ts'
import type { StatusDocument } from '../../src/status/status-document.ts'
import { cli, failing } from '../support/cli.ts'
import { freePort } from '../support/ports.ts'
import { clientNow, quotaNow, statusDocument } from '../support/status.ts'
import { waitFor } from '../support/wait.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const ENTER = '\u001b[?1049h'
const LEAVE = '\u001b[?25h\u001b[?1049l'

const directory = mkdtempSync(join(tmpdir(), 'sluice-top-'))
after(() => rmSync(directory, { recursive: true }))

const STATUS = statusDocument({
  clients: [
    clientNow({
      clientId: 'checkout-7',
      state: 'limited',
      limitedBy: { quota: 'producers', dimension: 'produceBytes' },
    }),
  ],
  quotas: [quotaNow()],
})

/** Stands for a sluice, and remembers what it was asked. */
class Pages {
  readonly asked: IncomingMessage[] = []
  #server: Server | undefined
  #port = 0

  async open(port: number, status: StatusDocument = STATUS): Promise<void> {
    this.#server = createServer((request, response) => {
      this.asked.push(request)
      response.end(JSON.stringify(status))
    })
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  get admin(): string {
    return `127.0.0.1:${this.#port}`
  }

  get last(): IncomingMessage | undefined {
    return this.asked.at(-1)
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

async function pages(t: TestContext, port = 0): Promise<Pages> {
  const opened = new Pages()
  await opened.open(port)
  t.after(() => opened.close())
  return opened
}

describe('without a terminal', () => {
  test('it prints the table once', async (t) => {
    const { admin, asked } = await pages(t)
    const { exitCode, out, err } = await cli([
      'top',
      '--admin',
      `http://${admin}/`,
      '--filter',
      'check out',
      '--reverse',
    ])
    assert.deepEqual([exitCode, err, asked.length], [0, '', 1])
    assert.equal(asked[0]?.url, '/api/status?sort=throttle&order=asc&top=50&skip=0&filter=check+out')
    assert.match(out, /^CLIENT +LIMITED BY[\s\S]*^checkout-7 +producers/m)
    assert.doesNotMatch(out, /(?!\n)\p{Cc}|\? help/u)
    assert.match(
      (await cli(['top', '--admin', admin, '--view', 'quotas'])).out,
      /^producers +produced bytes +1 MB\/s +clientId/m,
    )
  })

  test('--json is the whole status', async (t) => {
    const { admin, asked } = await pages(t)
    const { out } = await cli(['top', '--admin', admin, '--json', '--sort', 'client'])
    assert.deepEqual(JSON.parse(out), STATUS)
    assert.equal(asked[0]?.url, '/api/status?sort=client&order=asc&skip=0')
  })

  test('with --interval it goes on, a line of JSON for each look, over a sluice that is away, until it is told to stop', async (t) => {
    const own = await pages(t)
    const { admin } = own
    const lines: string[] = []
    let complaints = ''
    const signals = new EventEmitter()
    const terminal: Terminal = {
      ...{ out: (text) => lines.push(...text.trim().split('\n')), err: (text) => (complaints += text) },
      ...{ isTerminal: false, colour: false, columns: () => 80, env: {}, signals },
    }
    const ended = runCli(['top', '--admin', admin, '--json', '--interval', '200ms', '--limit', '3'], terminal)
    await waitFor('two lines', () => lines.length >= 2)
    const port = Number(admin.split(':')[1])
    await own.close()
    await waitFor('a complaint', () => /nothing listens there/.test(complaints))
    const before = lines.length
    await own.open(port)
    await waitFor('it goes on', () => lines.length > before)
    signals.emit('SIGINT')
    assert.equal(await ended, 0)
    for (const line of lines) assert.deepEqual(JSON.parse(line), STATUS)
    assert.match(own.last?.url ?? '', /top=3/)
  })

  test('nobody there is told with what mends it', async () => {
    assert.match(
      await failing(['top', '--admin', `127.0.0.1:${await freePort()}`], 1),
      /nothing listens there.*--admin HOST:PORT/,
    )
  })

  test('what is wrong with the command line exits 2', async () => {
    const rows: readonly (readonly [args: string[], message: RegExp])[] = [
      [['--interval', '1ms'], /200ms at least/],
      [['--interval', 'soon'], /--interval/],
      [['--limit', '0'], /whole number from 1/],
      [['--sort', 'size'], /Allowed choices are client, state, throttle/],
      [['--view', 'all'], /Allowed choices are clients, quotas, brokers/],
      [['--admin', 'off'], /cannot be asked/],
      [['--admin', 'https://a:1'], /is a URL; write HOST:PORT/],
    ]
    for (const [args, message] of rows) assert.match(await failing(['top', ...args], 2), message)
  })
})

/** A terminal whose keys the test presses. */
class FakeTerminal implements Terminal, Interactive {
  readonly isTerminal = true
  readonly colour = false
  readonly env = {}
  readonly signals = new EventEmitter()
  readonly interactive: Interactive = this
  written = ''
  width = 100
  events: InteractiveEvents | undefined

  out = (text: string): void => {
    this.written += text
  }

  err = (text: string): void => assert.fail(text)
  columns = (): number => this.width
  rows = (): number => 20

  open(events: InteractiveEvents): () => void {
    this.events = events
    return () => {
      this.events = undefined
    }
  }

  press(text: string, name = text): void {
    this.events?.key({ name, text, ctrl: false })
  }

  /** The last frame that was drawn. */
  get frame(): string {
    return this.written.split('\u001b[?2026h').at(-1) ?? ''
  }
}

describe('on a terminal', () => {
  test('keys ask anew, a new size is drawn, a sluice that goes is waited for, and the screen is given back', async (t) => {
    const own = await pages(t)
    const port = Number(own.admin.split(':')[1])
    const terminal = new FakeTerminal()
    const ended = runCli(['top', '--admin', own.admin, '--interval', '200ms'], terminal)
    await waitFor('it is drawn', () => /checkout-7 +producers/.test(terminal.frame))
    assert.ok(terminal.written.startsWith(ENTER))
    terminal.press('2')
    await waitFor(
      'quotas',
      () => /\[2 quotas\]/.test(terminal.frame) && /^producers +produced bytes/m.test(terminal.frame),
    )
    for (const text of ['1', '/', 'a']) terminal.press(text)
    assert.match(terminal.frame, /find: a/)
    terminal.press('\r', 'return')
    await waitFor('it is asked', () => own.last?.url?.endsWith('&top=14&skip=0&filter=a') === true)
    terminal.width = 50
    terminal.events?.resized()
    assert.ok(terminal.frame.split('\r\n').every((line) => stripVTControlCharacters(line).length <= 50))
    await own.close()
    await waitFor('it is away', () => /! no sluice answers/.test(terminal.frame))
    assert.match(terminal.frame, /checkout-7/)
    await own.open(port)
    await waitFor('it is back', () => /checkout-7/.test(terminal.frame) && !/no sluice answers/.test(terminal.frame))
    terminal.press('p')
    assert.match(terminal.frame, /PAUSED|\[1 clients\]/)
    terminal.press('q')
    assert.equal(await ended, 0)
    assert.ok(terminal.written.endsWith(LEAVE))
    assert.equal(terminal.events, undefined)
  })

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`${signal} gives the screen back`, async (t) => {
      const { admin } = await pages(t)
      const terminal = new FakeTerminal()
      const ended = runCli(['top', '--admin', admin], terminal)
      await waitFor('it is drawn', () => /checkout-7/.test(terminal.frame))
      terminal.signals.emit(signal)
      assert.equal(await ended, 0)
      assert.ok(terminal.written.endsWith(LEAVE))
      assert.equal(terminal.signals.listenerCount(signal), 0)
    })
  }
})

test('in a real pseudo-terminal: keys need no Enter, NO_COLOR is heeded, Ctrl-C leaves the terminal as it was', async (t) => {
  if (spawnSync('script', ['--version']).error !== undefined) {
    assert.ok(process.env['SLUICE_REQUIRE_ALL'] !== '1', 'there is no script(1), and SLUICE_REQUIRE_ALL is set')
    return t.skip('there is no script(1) (util-linux)')
  }
  const { admin } = await pages(t)
  const top = `${process.execPath} -C source src/main.ts top --admin ${admin} --interval 200ms`
  const inside = `stty rows 24 cols 90; stty -a >${directory}/before; ${top}; echo "left with $?"; stty -a >${directory}/after; cmp ${directory}/before ${directory}/after && echo as before`
  const env = { ...process.env, NO_COLOR: '1', TERM: 'xterm' }
  const child: ChildProcess = spawn('script', ['-qfec', inside, '/dev/null'], { cwd: REPOSITORY, env, stdio: 'pipe' })
  t.after(() => child.kill('SIGKILL'))
  let written = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    written += text
  })
  const sees = (what: RegExp): Promise<unknown> =>
    waitFor(`there is ${what}`, () => what.test(written), { seen: () => written.slice(-2000) })
  await sees(/checkout-7 +producers/)
  child.stdin?.write('2')
  await sees(/\[2 quotas\]/)
  for (const sequence of written.split('\u001b[')) assert.doesNotMatch(sequence, /^[\d;]*m/, 'a colour')
  child.stdin?.write('\u0003')
  await sees(/left with 0[\s\S]*as before/)
  assert.ok(written.includes(LEAVE))
})
