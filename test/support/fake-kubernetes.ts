/**
 * The part of a Kubernetes API that the injector's certificates need: one Secret and one webhook configuration, with versions that conflict.
 * What it does not do: authorization beyond the token, other objects, watches. The real one is in test/kube.
 */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Operation } from '../../src/injector/json-patch.ts'
import { KubeApi } from '../../src/injector/kube-api.ts'
import { applyPatch } from './injector-scene.ts'
import { SecretFiles } from './secret-files.ts'
import type { Surroundings } from './surroundings.ts'

const SECRET = '/api/v1/namespaces/sluice/secrets/tls'
const CONFIGURATION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/sluice'

interface KubeObject {
  metadata: { resourceVersion: string }
  data?: Record<string, string>
  webhooks?: { name: string; clientConfig: { caBundle?: string } }[]
}

export class FakeKubernetes {
  readonly objects: Map<string, KubeObject> = new Map()
  /** Method and path of every request. */
  readonly asked: string[] = []
  /** Answered instead, if set. */
  refusal: { readonly code: number; readonly message: string } | undefined
  readonly api: KubeApi
  readonly #server: Server
  #version = 1

  private constructor(server: Server, files: SecretFiles) {
    this.#server = server
    files.write('token', 'secret-token\n')
    files.write('ca.crt', files.authority.certificate)
    const { port } = server.address() as AddressInfo
    this.api = new KubeApi({ url: `https://127.0.0.1:${port}`, credentials: files.directory })
    this.objects.set(SECRET, { metadata: { resourceVersion: '1' } })
    const webhooks = ['pods', 'namespaces'].map((name) => ({ name, clientConfig: {} }))
    this.objects.set(CONFIGURATION, { metadata: { resourceVersion: '1' }, webhooks })
    server.on('request', (request, response) => void this.#respond(request, response))
  }

  static async start(context: Pick<Surroundings, 'after'>): Promise<FakeKubernetes> {
    const files = new SecretFiles(context)
    const { certificate, key } = files.authority.issue({ subject: [['CN', 'kubernetes']], names: ['127.0.0.1'] })
    const server = createServer({ cert: certificate, key }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    context.after(() => {
      server.close()
      server.closeAllConnections()
    })
    return new FakeKubernetes(server, files)
  }

  /** What the Secret has, decoded. */
  get secret(): Readonly<Record<string, string>> {
    const entries = Object.entries(this.objects.get(SECRET)?.data ?? {})
    return Object.fromEntries(entries.map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]))
  }

  /** What API servers trust, webhook by webhook. */
  get bundles(): readonly string[] {
    const { webhooks = [] } = this.objects.get(CONFIGURATION) ?? {}
    return webhooks.map(({ clientConfig: { caBundle = '' } }) => Buffer.from(caBundle, 'base64').toString())
  }

  /** Somebody else changes the Secret. */
  touch(data: Readonly<Record<string, string>>): void {
    const encoded = Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString('base64')])
    this.#put(SECRET, { ...this.objects.get(SECRET)!, data: Object.fromEntries(encoded) as Record<string, string> })
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #put(path: string, object: KubeObject): KubeObject {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } }
    this.objects.set(path, stored)
    return stored
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const { method = '', url = '', headers } = request
    this.asked.push(`${method} ${url}`)
    const { code, body } = this.#answer(method, url, headers, Buffer.concat(chunks).toString())
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

  #answer(
    method: string,
    path: string,
    headers: IncomingMessage['headers'],
    text: string,
  ): { code: number; body: object } {
    const fail = (code: number, message: string): { code: number; body: object } => ({
      code,
      body: { kind: 'Status', message },
    })
    if (headers.authorization !== 'Bearer secret-token') return fail(401, 'Unauthorized')
    if (this.refusal !== undefined) return fail(this.refusal.code, this.refusal.message)
    const object = this.objects.get(path)
    if (object === undefined) return fail(404, `${path} not found`)
    if (method === 'GET') return { code: 200, body: object }
    if (method === 'PUT') {
      const sent = JSON.parse(text) as KubeObject
      const isNewest = sent.metadata.resourceVersion === object.metadata.resourceVersion
      return isNewest ? { code: 200, body: this.#put(path, sent) } : fail(409, 'the object has been modified')
    }
    const operations = JSON.parse(text) as Operation[]
    const [first] = operations
    if (first?.op === 'test' && first.value !== object.metadata.resourceVersion) return fail(422, 'the test failed')
    const changed = applyPatch(
      object,
      operations.filter(({ op }) => op !== 'test'),
    ) as KubeObject
    return { code: 200, body: this.#put(path, changed) }
  }
}
