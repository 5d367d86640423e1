/** A broker that answers our own questions as a test says, for the faults that a real one will not show on demand. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { API_KEY, decodeRequest, encodeResponse, type Struct } from 'kafka-protocol-codec'
import { FrameSplitter } from './fake-broker/frame-splitter.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** A body, bytes in its place, the end of the connection, or nothing at all. */
type Reply = Struct | Uint8Array | 'close' | 'silence'
export type Script = Partial<Record<number, (body: Struct, version: number) => Reply>>

export interface ScriptedBroker {
  readonly address: Address
  /** API keys asked for, in order. */
  readonly asked: number[]
}

const QUOTAS: Struct = {
  entries: [
    {
      entity: [
        { entityType: 'user', entityName: 'alice' },
        { entityType: 'client-id', entityName: null },
      ],
      values: [{ key: 'producer_byte_rate', value: 1024.5 }],
    },
    { entity: [{ entityType: 'ip', entityName: '::1' }], values: [{ key: 'connection_creation_rate', value: 3 }] },
  ],
}

const FRIENDLY: Script = {
  [API_KEY.ApiVersions]: () => ({ apiKeys: [{ apiKey: API_KEY.DescribeClientQuotas, minVersion: 0, maxVersion: 1 }] }),
  [API_KEY.DescribeClientQuotas]: () => QUOTAS,
  [API_KEY.Metadata]: () => ({
    brokers: [
      { nodeId: 1, host: 'a', port: 9092 },
      { nodeId: 2, host: 'b', port: 9092 },
    ],
    topics: [],
  }),
  [API_KEY.SaslHandshake]: () => ({ mechanisms: ['PLAIN'] }),
  [API_KEY.SaslAuthenticate]: () => ({}),
}

async function listen(context: TestContext, connected: (socket: Socket) => void): Promise<Address> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    connected(socket)
  })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  context.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** `script` in place of the friendly answers. */
export async function scriptedBroker(
  context: TestContext,
  script: Script = {},
  chunkBytes = 1e9,
): Promise<ScriptedBroker> {
  const asked: number[] = []
  const address = await listen(context, (socket) => {
    const splitter = new FrameSplitter((frame) => {
      const { apiKey, apiVersion, correlationId, value } = decodeRequest(frame)
      asked.push(apiKey)
      const reply = (script[apiKey] ?? FRIENDLY[apiKey])!(value, apiVersion)
      if (reply === 'close') socket.destroy()
      else if (reply !== 'silence') {
        const bytes = reply instanceof Uint8Array ? reply : encodeResponse(apiKey, apiVersion, correlationId, reply)
        for (let at = 0; at < bytes.length; at += chunkBytes) socket.write(bytes.subarray(at, at + chunkBytes))
      }
    })
    socket.setNoDelay(true).on('data', (chunk: Uint8Array) => splitter.push(chunk))
  })
  return { address, asked }
}

/** An address where nobody listens. */
export async function nobody(): Promise<Address> {
  const server = createServer().listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return { host: '127.0.0.1', port }
}
