/**
 * The Kubernetes API as a pod sees it: its service account's token and authority as files, JSON over HTTPS. The two objects that the
 * injector keeps need no client library.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { KUBERNETES_ANSWER_BYTES_MAX, KUBERNETES_TIMEOUT_MS } from '../bounds.ts'
import { https } from '../net/builtins.ts'
import type { Operation } from './json-patch.ts'

/** Where every pod has its service account. */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount'

/** The API does not do what was asked. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError'
  /** HTTP status; 0: no answer. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface KubeApiOptions {
  /** `https://10.0.0.1:443` */
  readonly url: string
  /** A directory with `token` and `ca.crt`; read each time, because the kubelet renews them. */
  readonly credentials: string
}

/** An object of the API; everything in it is checked where it is used. */
export type KubeObject = Readonly<Record<string, unknown>>

/** The address that the kubelet tells every pod; undefined outside of one. */
export function apiUrlOf(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env
  if (!host) return undefined
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`
}

export class KubeApi {
  readonly #options: KubeApiOptions

  constructor(options: KubeApiOptions) {
    this.#options = options
  }

  get(path: string): Promise<KubeObject> {
    return this.#ask('GET', path)
  }

  /** Fails with 409 if the object's resourceVersion is not the newest. */
  replace(path: string, object: KubeObject): Promise<KubeObject> {
    return this.#ask('PUT', path, 'application/json', object)
  }

  patch(path: string, operations: readonly Operation[]): Promise<KubeObject> {
    return this.#ask('PATCH', path, 'application/json-patch+json', operations)
  }

  async #ask(method: string, path: string, type?: string, body?: unknown): Promise<KubeObject> {
    const { status, text } = await this.#send(method, path, type, body)
    const answer = parse(text)
    if (status >= 200 && status < 300) return answer
    const said = typeof answer['message'] === 'string' ? answer['message'].slice(0, 500) : text.slice(0, 200)
    throw new KubernetesError(status, `${method} ${path}: ${status}: ${said}`)
  }

  #send(method: string, path: string, type?: string, body?: unknown): Promise<{ status: number; text: string }> {
    const { url, credentials } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
    const fail = (error: Error): void => {
      const why = error.name === 'TimeoutError' ? `no answer within ${KUBERNETES_TIMEOUT_MS / 1000} s` : error.message
      reject(new KubernetesError(0, `the Kubernetes API at ${url} cannot be asked: ${why}`))
    }
    try {
      const [token, ca] = ['token', 'ca.crt'].map((name) => readFileSync(join(credentials, name), 'utf8')) as [
        string,
        string,
      ]
      const asked = https().request(
        new URL(path, url),
        {
          method,
          ca,
          agent: false,
          signal: AbortSignal.timeout(KUBERNETES_TIMEOUT_MS),
          headers: {
            authorization: `Bearer ${token.trim()}`,
            accept: 'application/json',
            ...(type === undefined ? {} : { 'content-type': type }),
          },
        },
        (response) => {
          const chunks: Buffer[] = []
          let bytes = 0
          response.on('error', fail)
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length
            if (bytes > KUBERNETES_ANSWER_BYTES_MAX) asked.destroy(new Error('its answer is too large'))
            else chunks.push(chunk)
          })
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
          )
        },
      )
      asked.on('error', fail)
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    } catch (error) {
      fail(error as Error)
    }
    return promise
  }
}

function parse(text: string): KubeObject {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as KubeObject) : {}
  } catch {
    return {}
  }
}
