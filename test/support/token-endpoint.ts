/** An OAuth 2 token endpoint that answers as a test says, and remembers what it was asked. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface TokenEndpoint {
  readonly url: string
  /** Who asked, in the Authorization header, and what for. */
  readonly asked: { authorization: string; body: string }[]
  answer: { status: number; body: string; headers?: Readonly<Record<string, string>> }
}

export async function startTokenEndpoint(
  t: Pick<TestContext, 'after'>,
  tls?: { readonly key: string; readonly cert: string },
): Promise<TokenEndpoint> {
  const asked: TokenEndpoint['asked'] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = (await request.toArray()).join('')
    asked.push({ authorization: String(request.headers.authorization), body })
    const { status, headers } = endpoint.answer
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(endpoint.answer.body)
  }
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const token = { access_token: 'aaa.bbb.ccc', expires_in: 100 }
  const endpoint: TokenEndpoint = {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/token`,
    asked,
    answer: { status: 200, body: JSON.stringify(token) },
  }
  return endpoint
}
