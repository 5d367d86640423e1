/** An injector in this process with a certificate from files, and reviews sent to it over TLS. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { Injector } from '../../src/injector/injector.ts'
import { type InjectorConfig, loadInjectorFile } from '../../src/injector/injector-file.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { INJECTOR_FILE } from './injector-scene.ts'
import { SecretFiles } from './secret-files.ts'
import type { Surroundings } from './surroundings.ts'

export interface PostOptions {
  readonly method?: string
  /** Content type; '': none. */
  readonly type?: string
  readonly isChunked?: boolean
  readonly agent?: Agent
}

export interface Posted {
  readonly status: number
  readonly type: string | undefined
  readonly text: string
  /** The response of the review; empty if it is none. */
  readonly response: Readonly<Record<string, unknown>>
  /** Of the certificate that was served. */
  readonly serial: string
}

export class InjectorScene {
  readonly injector: Injector
  readonly files: SecretFiles
  readonly lines: Readonly<Record<string, unknown>>[] = []

  private constructor(context: Pick<Surroundings, 'after'>) {
    this.files = new SecretFiles(context)
    const { certFile, keyFile } = this.files.issue('injector')
    const certificate = `certificate: ${JSON.stringify({ certFile, keyFile })}\nstopDelay: 0s\n`
    const at = { host: '127.0.0.1', port: 0 }
    const file = loadInjectorFile('injector.yaml', INJECTOR_FILE.replace(/^certificate:.*\n/u, certificate))
    const config: InjectorConfig = { ...file, listen: at, admin: at }
    const destination = { write: (line: string) => void this.lines.push(JSON.parse(line) as Record<string, unknown>) }
    const logger = createLogger({ level: 'info', pretty: false, destination })
    this.injector = new Injector({ config, logger, api: undefined })
    context.after(() => this.injector.kill())
  }

  static async start(context: Pick<Surroundings, 'after'>): Promise<InjectorScene> {
    const scene = new InjectorScene(context)
    await scene.injector.start()
    return scene
  }

  get ca(): string {
    return this.files.authority.certificate
  }

  get admin(): string {
    return `http://127.0.0.1:${this.injector.admin?.port}`
  }

  renew(): void {
    this.files.issue('injector')
  }

  agent(options: { readonly keepAlive: boolean }): Agent {
    return new Agent({ ...options, maxSockets: 1 })
  }

  target(path: string, agent: Agent): { host: string; port: number; path: string; ca: string; agent: Agent } {
    return { host: '127.0.0.1', port: this.injector.port, path, ca: this.ca, agent }
  }

  async post(path: string, body: string, options: PostOptions = {}): Promise<Posted> {
    const { method = 'POST', type = 'application/json', isChunked = false, agent = new Agent() } = options
    const headers = {
      ...(type === '' ? {} : { 'content-type': type }),
      ...(isChunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': Buffer.byteLength(body) }),
    }
    const asked = request({ ...this.target(path, agent), method, headers })
    // A body that is refused is not read to its end.
    asked.on('error', () => {})
    asked.end(body)
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    await once(response, 'end').catch(() => {})
    const isJson = response.headers['content-type'] === 'application/json'
    const answer = isJson ? (JSON.parse(text) as { response: Posted['response'] }).response : {}
    return { status: response.statusCode ?? 0, type: response.headers['content-type'], text, response: answer, serial }
  }
}
