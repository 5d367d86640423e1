/** Asks a running sluice by its admin pages. Whatever goes wrong is told with what mends it. */
import type { IncomingMessage } from 'node:http'
import { InvalidArgumentError } from 'commander'
import { ADMIN_ANSWER_BYTES_MAX, ADMIN_ANSWER_TIMEOUT_MS } from '../bounds.ts'
import { parseAddress } from '../config/addresses.ts'
import { DEFAULT_ADMIN } from '../config/defaults.ts'
import { http } from '../net/builtins.ts'

export const DEFAULT_ADDRESS: string = `${DEFAULT_ADMIN.host}:${DEFAULT_ADMIN.port}`

/** The sluice cannot be asked: the operator's to mend, the message says how. */
export class AdminFault extends Error {
  override readonly name = 'AdminFault'
}

/** For a flag: an address, as text, that can be dialled; the URL that `run` logs is one too. */
export function parseAdmin(written: string): string {
  const text = written.replace(/^http:\/\/([^/]+)\/?$/iu, '$1')
  if (text === 'off') {
    throw new InvalidArgumentError('A sluice without admin pages cannot be asked; start it with --admin HOST:PORT.')
  }
  try {
    parseAddress(text, 1, DEFAULT_ADMIN.port)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new InvalidArgumentError(error.message)
  }
  return text
}

/** Where a sluice is asked. */
export interface AdminPlace {
  /** HOST:PORT. */
  readonly address: string
  /** Opens the pages of a sluice on another machine. */
  readonly token: string | undefined
}

/**
 * Asks one page and returns what its JSON says, taken to be what a sluice of this version answers there.
 * @param key what every answer of this page has: others are of something else that listens there
 */
export async function askSluice<Document extends object>(
  { address, token }: AdminPlace,
  path: string,
  key: keyof Document & string,
): Promise<Document> {
  const { status, body } = await fetchText(address, path, token)
  if (status !== 200) throw new AdminFault(refusal(address, path, status, body))
  const answer = parseObject(body)
  if (answer === undefined || !Object.hasOwn(answer, key)) throw new AdminFault(noSluice(address))
  return answer as unknown as Document
}

/** What a page answered, whatever it was. */
interface TextAnswer {
  readonly status: number
  readonly body: string
}

/** Asks one page and returns its answer. @throws AdminFault when there is none */
export async function fetchText(address: string, path: string, token?: string): Promise<TextAnswer> {
  const { host, port } = parseAddress(address, 1)
  const signal = AbortSignal.timeout(ADMIN_ANSWER_TIMEOUT_MS)
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(new AdminFault(whyNot(address, error)))
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const request = http.get({ host, port, path, headers, agent: false, signal }, (response) => {
      readBody(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), fail)
    })
    request.on('error', fail)
  })
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes > ADMIN_ANSWER_BYTES_MAX) throw new Error('the answer is too large to be one of a sluice')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const NETWORK_FAULTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut, as at the Kafka port',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to the host',
  ETIMEDOUT: 'it does not answer',
  ABORT_ERR: `it does not answer within ${ADMIN_ANSWER_TIMEOUT_MS / 1000} s`,
}

function whyNot(address: string, error: NodeJS.ErrnoException): string {
  const { code = '', message } = error
  if (code.startsWith('HPE_')) return noSluice(address)
  return (
    `no sluice answers at ${address}: ${NETWORK_FAULTS[code] ?? message}. Is it running, and are its admin pages on? ` +
    'Give their address with --admin HOST:PORT (kafka-sluice run logs it when it starts)'
  )
}

function noSluice(address: string): string {
  return `what listens at ${address} is no kafka-sluice; give the address of its admin pages with --admin HOST:PORT`
}

function refusal(address: string, path: string, status: number, body: string): string {
  const [page] = path.split('?')
  if (status === 404) {
    return body.includes('/api/status')
      ? `the sluice at ${address} is older than this command and has no ${page}; update it, or use --config FILE where there is one`
      : noSluice(address)
  }
  const said = body.trim().split('\n')[0]?.slice(0, 300) ?? ''
  return `the sluice at ${address} refuses (${status}): ${said}`
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
