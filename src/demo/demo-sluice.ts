/** The sluice of the demo, in the demo's own process: free ports on loopback, one limit, its warnings kept for the screen. */
import { formatAddress } from '../cluster/address-book.ts'
import { type Config, loadConfig } from '../config/config.ts'
import type { Sluice } from '../sluice.ts'
import { createLogger } from '../telemetry/logger.ts'

/** On a machine with nothing else to do, the last answers are out long before. */
const DRAIN_MS = 1_000
const NOTICES_MAX = 50

/** The limit in bytes a second; throws ConfigError when the rate or the address cannot be understood. */
export function demoLimit({ produceRate, upstream }: { produceRate: string; upstream?: string }): number {
  const [quota] = demoConfig(upstream ?? 'localhost:9092', produceRate).quotas
  const limit = quota?.limit.produceBytes
  if (limit === undefined) throw new Error('the demo has one quota, on produceBytes')
  return limit
}

/** A running sluice with what the demo's screen asks of it. */
export class DemoSluice {
  readonly #sluice: Sluice
  readonly notices: readonly string[]

  private constructor(sluice: Sluice, notices: readonly string[]) {
    this.#sluice = sluice
    this.notices = notices
  }

  static async start(bootstrap: string, produceRate: string): Promise<DemoSluice> {
    const { startSluice } = await import('../app.ts')
    const notices: string[] = []
    const destination = { write: (line: string): void => keep(notices, line) }
    const logger = createLogger({ level: 'warn', pretty: false, destination })
    const sluice = await startSluice(demoConfig(bootstrap, produceRate), { logger })
    return new DemoSluice(sluice, notices)
  }

  get listen(): Sluice['listen'] {
    return this.#sluice.listen
  }

  get metricsUrl(): string {
    const { admin } = this.#sluice
    if (admin === undefined) throw new Error('the demo has an admin address')
    return `http://${formatAddress(admin)}/metrics`
  }

  /** Delay that the requests of a client id have met so far. */
  throttleMs(clientId: string): number {
    const clients = this.#sluice.status().clients.filter((client) => client.clientId === clientId)
    return clients.reduce((sum, client) => sum + client.throttleMs, 0)
  }

  async stop(): Promise<void> {
    await this.#sluice.drain(DRAIN_MS)
  }
}

function demoConfig(upstream: string, produceRate: string): Config {
  const text = ['listen: { host: 127.0.0.1, port: 0, brokerPorts: 0 }', 'admin: { host: 127.0.0.1, port: 0 }'].join(
    '\n',
  )
  return loadConfig({ file: { path: 'demo', text }, flags: { upstream, produceRate }, env: {} })
}

function keep(notices: string[], line: string): void {
  notices.push((JSON.parse(line) as { msg: string }).msg)
  if (notices.length > NOTICES_MAX) notices.shift()
}
