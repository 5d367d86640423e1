/**
 * What several keys of a document say together: names that are there twice, overrides that could never match, ports that
 * collide. They look at the document as it was written and pass over what is malformed, so that one run finds every fault.
 */
import { BURST_MAX_MS, BURST_MIN_MS } from '../bounds.ts'
import { DIMENSIONS, type Dimension } from '../policy/dimensions.ts'
import { compilePattern } from '../policy/match.ts'
import { type Burst, PLAIN_FIELDS as MATCH_FIELDS } from '../policy/quota-rule.ts'
import { collide, type HostPort, parseAddress, parseBrokerPorts, reaches } from './addresses.ts'
import { quantityOf } from './schema.ts'
import { isDuration, parseAmount, parseDuration, parseRate } from './units.ts'
import type { Path } from './yaml-file.ts'

/** A fault of the document; with `key`, it is that key of the mapping at `path`. */
export interface DocumentFault {
  readonly path: Path
  readonly key?: string
  readonly message: string
}

type Mapping = Readonly<Record<string, unknown>>

/** Where we listen unless told otherwise. */
export const DEFAULT_LISTEN = { host: '127.0.0.1', port: 9092, brokerPorts: { first: 19_092, last: 19_191 } } as const
export const DEFAULT_ADMIN = { host: '127.0.0.1', port: 9404 } as const

/** The burst of a quota that names none. */
export const DEFAULT_BURST: Burst = { seconds: 1 }

/** Everything that is wrong with a document beyond its single values. */
export function checkDocument(document: Mapping): DocumentFault[] {
  const quotas = listAt(document, 'quotas')
  return [
    ...checkPorts(document),
    ...checkNames(quotas),
    ...quotas.flatMap((quota, i) => (isMapping(quota) ? checkQuota(quota, ['quotas', i]) : [])),
  ]
}

/**
 * A burst as written: a time, or an amount in the unit of the limit.
 * @throws RangeError if it is neither, or no sensible one for these limits
 */
export function parseBurst(
  written: string | number,
  limit: { readonly [Of in Dimension]?: number | undefined },
): Burst {
  const text = String(written)
  if (isDuration(text)) {
    const burstMs = parseDuration(text)
    checkBurstMs(burstMs, text)
    return { seconds: burstMs / 1000 }
  }
  const limited = DIMENSIONS.filter((dimension) => limit[dimension] !== undefined)
  const [quantity, other] = new Set(limited.map(quantityOf))
  if (quantity === undefined) return DEFAULT_BURST // the limit itself is at fault
  if (other !== undefined) {
    throw new RangeError(`"${text}" fits either the bytes or the requests; write a time like 2s, or make two quotas`)
  }
  const amount = parseAmount(text, quantity)
  for (const dimension of limited) checkBurstMs((amount / limit[dimension]!) * 1000, text)
  return { amount }
}

function checkBurstMs(burstMs: number, text: string): void {
  if (burstMs < BURST_MIN_MS) {
    throw new RangeError(
      `"${text}" is less than ${BURST_MIN_MS}ms of the rate, too little to keep the rate evenly; write 1s`,
    )
  }
  if (burstMs > BURST_MAX_MS) throw new RangeError(`"${text}" is more than an hour of the rate`)
}

function checkNames(quotas: readonly unknown[]): DocumentFault[] {
  const seen = new Map<unknown, number>()
  const faults: DocumentFault[] = []
  for (const [i, quota] of quotas.entries()) {
    const name = isMapping(quota) ? quota['name'] : undefined
    if (typeof name !== 'string') continue
    const first = seen.get(name)
    if (first === undefined) seen.set(name, i)
    else
      faults.push({
        path: ['quotas', i, 'name'],
        message: `quotas[${first}] is named ${name} too; every quota has a name of its own`,
      })
  }
  return faults
}

function checkQuota(quota: Mapping, path: Path): DocumentFault[] {
  const limit = readLimit(quota['limit'])
  return [
    ...checkEmpty(quota['limit'], [...path, 'limit']),
    ...checkBurst(quota['burst'], limit, [...path, 'burst']),
    ...checkApis(quota, limit, path),
    ...checkPer(quota, path),
    ...listAt(quota, 'overrides').flatMap((override, i) =>
      isMapping(override) ? checkOverride(override, quota, limit, [...path, 'overrides', i]) : [],
    ),
  ]
}

function checkEmpty(limit: unknown, path: Path): DocumentFault[] {
  const isEmpty = isMapping(limit) && Object.keys(limit).length === 0
  return isEmpty ? [{ path, message: 'an empty limit; give produceBytes, fetchBytes or requests' }] : []
}

function checkBurst(burst: unknown, limit: Readonly<Partial<Record<Dimension, number>>>, path: Path): DocumentFault[] {
  if (typeof burst !== 'string' && typeof burst !== 'number') return []
  const message = faultOf(() => parseBurst(burst, limit))
  return message === undefined ? [] : [{ path, message }]
}

const DATA_APIS: readonly [Dimension, readonly string[]][] = [
  ['produceBytes', ['Produce']],
  ['fetchBytes', ['Fetch', 'ShareFetch']],
]

/** A limit on data whose `match.api` lets no data through would never apply. */
function checkApis(quota: Mapping, limit: Readonly<Partial<Record<Dimension, number>>>, path: Path): DocumentFault[] {
  const match = quota['match']
  if (!isMapping(match) || match['api'] === undefined) return []
  const patterns = [match['api']].flat().flatMap((text) => {
    const pattern = typeof text === 'string' ? attempt(() => compilePattern(text)) : undefined
    return pattern ?? []
  })
  if (patterns.length === 0) return []
  return DATA_APIS.filter(
    ([dimension, apis]) => limit[dimension] !== undefined && !apis.some((api) => patterns.some((p) => p.matches(api))),
  ).map(([dimension, apis]) => ({
    path: [...path, 'limit'],
    key: dimension,
    message: `${dimension} counts ${apis.join(' and ')} only, which match.api leaves out`,
  }))
}

function checkPer(quota: Mapping, path: Path): DocumentFault[] {
  const per = listAt(quota, 'per')
  return per.flatMap((field, i) =>
    per.indexOf(field) < i ? [{ path: [...path, 'per', i], message: `${String(field)} is there twice` }] : [],
  )
}

function checkOverride(
  override: Mapping,
  quota: Mapping,
  limit: Readonly<Partial<Record<Dimension, number>>>,
  path: Path,
): DocumentFault[] {
  const per = [...new Set(listAt(quota, 'per'))]
  const fields = MATCH_FIELDS.filter((field) => override[field] !== undefined)
  const faults: DocumentFault[] = fields
    .filter((field) => !per.includes(field))
    .map((field) => ({
      path,
      key: field,
      message: `the quota has no bucket for each ${field}; add ${field} to its per: [${[...per, field].join(', ')}]`,
    }))
  if (fields.length === 0) {
    const wanted = per.length > 0 ? per.join(' or ') : 'clientId, which must be in per as well'
    faults.push({ path, message: `this override is for nobody; give ${wanted}` })
  }
  const own = isMapping(override['limit']) ? override['limit'] : {}
  for (const dimension of DIMENSIONS) {
    if (own[dimension] === undefined || !isMapping(quota['limit']) || quota['limit'][dimension] !== undefined) continue
    faults.push({
      path: [...path, 'limit'],
      key: dimension,
      message: `the quota itself does not limit ${dimension}; add it there, or make a quota of its own`,
    })
  }
  faults.push(...checkEmpty(override['limit'], [...path, 'limit']))
  return [...faults, ...checkBurst(override['burst'], { ...limit, ...readLimit(own) }, [...path, 'burst'])]
}

function checkPorts(document: Mapping): DocumentFault[] {
  const listen = isMapping(document['listen']) ? document['listen'] : {}
  const address = readAddress(listen, DEFAULT_LISTEN)
  const admin = document['admin'] === 'off' || document['admin'] === false ? undefined : readAdmin(document['admin'])
  const range = attempt(() => parseBrokerPorts(String(listen['brokerPorts'] ?? '19092-19191')))
  const faults: DocumentFault[] = []
  if (range !== undefined && range !== 'any') {
    const { first, last } = range
    if (first <= address.port && address.port <= last) {
      faults.push({
        path: ['listen', 'brokerPorts'],
        message: `listen.port ${address.port} lies within ${first}-${last}; the brokers need ports of their own`,
      })
    }
    if (admin !== undefined && first <= admin.port && admin.port <= last) {
      faults.push({
        path: ['admin', 'port'],
        message: `admin.port ${admin.port} lies within listen.brokerPorts ${first}-${last}`,
      })
    }
  }
  if (admin !== undefined && collide(address, admin)) {
    faults.push({
      path: ['admin', 'port'],
      message: `port ${admin.port} is listen.port too; the admin pages need one of their own`,
    })
  }
  return [...faults, ...checkUpstream(document, address)]
}

function checkUpstream(document: Mapping, listen: HostPort): DocumentFault[] {
  const bootstrap = isMapping(document['upstream']) ? document['upstream']['bootstrap'] : undefined
  const isList = Array.isArray(bootstrap)
  const texts: readonly unknown[] = isList ? bootstrap : typeof bootstrap === 'string' ? bootstrap.split(',') : []
  return texts.flatMap((text, i) => {
    const address = typeof text === 'string' ? attempt(() => parseAddress(text, 1)) : undefined
    if (address === undefined || !reaches(address, listen)) return []
    const path = ['upstream', 'bootstrap', ...(isList ? [i] : [])]
    return [
      {
        path,
        message: `${address.host}:${address.port} is where the sluice itself listens; give Kafka's address, or listen elsewhere (--listen HOST:PORT)`,
      },
    ]
  })
}

function readAdmin(admin: unknown): HostPort {
  return readAddress(isMapping(admin) ? admin : {}, DEFAULT_ADMIN)
}

function readAddress(section: Mapping, fallback: HostPort): HostPort {
  const { host, port } = section
  return {
    host: typeof host === 'string' ? host : fallback.host,
    port: typeof port === 'number' ? port : fallback.port,
  }
}

/** The limits that are well written. */
function readLimit(written: unknown): Partial<Record<Dimension, number>> {
  const limit: Partial<Record<Dimension, number>> = {}
  if (!isMapping(written)) return limit
  for (const dimension of DIMENSIONS) {
    const value = written[dimension]
    if (typeof value !== 'string' && typeof value !== 'number') continue
    const perSecond = value === 'unlimited' ? undefined : attempt(() => parseRate(String(value), quantityOf(dimension)))
    if (perSecond !== undefined) limit[dimension] = perSecond
  }
  return limit
}

function listAt(mapping: Mapping, key: string): readonly unknown[] {
  const list = mapping[key]
  return Array.isArray(list) ? list : []
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function faultOf(parse: () => unknown): string | undefined {
  try {
    parse()
    return undefined
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}
