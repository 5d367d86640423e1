/**
 * What several keys of a document say together: names that are there twice, ports that collide, and what `check-quota.ts` finds
 * in each quota. The checks look at the document as it was written and pass over what is malformed, so that one run finds every
 * fault.
 */
import { FOLLOWED_NAMES } from '../policy/kafka-quotas.ts'
import { collide, type HostPort, parseAddress, parseBrokerPorts, reaches } from './addresses.ts'
import { checkExempt } from './check-match.ts'
import { checkQuota } from './check-quota.ts'
import { checkSecurity } from './check-security.ts'
import { DEFAULT_ADMIN, DEFAULT_LISTEN } from './defaults.ts'
import { attempt, type DocumentFault, isMapping, type Mapping, mappingAt, type Placed, quotasOf } from './raw.ts'

/** Everything that is wrong with a document beyond its single values. */
export function checkDocument(document: Mapping): DocumentFault[] {
  const { value: quotas, path } = quotasOf(document)
  return [
    ...checkPorts(document),
    ...checkSecurity(document),
    ...checkExempt(document),
    ...checkFollowed(document),
    ...checkFollowedNames(document, { value: quotas, path }),
    ...checkNames({ value: quotas, path }),
    ...quotas.flatMap((quota, i) => (isMapping(quota) ? checkQuota(quota, [...path, i]) : [])),
  ]
}

function checkFollowed(document: Mapping): DocumentFault[] {
  const inner = mappingAt(document, 'quotas')['followKafka']
  if (document['followKafka'] === undefined || inner === undefined) return []
  return [{ path: [], key: 'followKafka', message: 'it is in quotas too; say it in one place' }]
}

/** A file that was imported beside the same quotas followed would charge everybody twice. */
function checkFollowedNames(document: Mapping, { value: quotas, path }: Placed<readonly unknown[]>): DocumentFault[] {
  const follows = [document['followKafka'], mappingAt(document, 'quotas')['followKafka']]
  if (follows.every((follow) => follow === undefined || follow === false)) return []
  return quotas.flatMap((quota, i) => {
    const name = isMapping(quota) ? quota['name'] : undefined
    if (typeof name !== 'string' || !FOLLOWED_NAMES.includes(name)) return []
    const message = `followKafka makes a quota ${name} itself; remove this one, or rename it if it is in addition`
    return [{ path: [...path, i, 'name'], message }]
  })
}

function checkNames({ value: quotas, path }: Placed<readonly unknown[]>): DocumentFault[] {
  const seen = new Map<unknown, number>()
  const faults: DocumentFault[] = []
  for (const [i, quota] of quotas.entries()) {
    const name = isMapping(quota) ? quota['name'] : undefined
    if (typeof name !== 'string') continue
    const first = seen.get(name)
    if (first === undefined) seen.set(name, i)
    else
      faults.push({
        path: [...path, i, 'name'],
        message: `${path.join('.')}[${first}] is named ${name} too; every quota has a name of its own`,
      })
  }
  return faults
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
