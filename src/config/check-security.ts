/** What several keys about TLS and logins say together. */
import { type DocumentFault, isMapping, type Mapping, mappingAt } from './raw.ts'

export function checkSecurity(document: Mapping): DocumentFault[] {
  const upstream = mappingAt(document, 'upstream')
  const listen = mappingAt(document, 'listen')
  return [
    ...(isMapping(upstream['tls']) ? checkUpstreamTls(upstream['tls']) : []),
    ...(isMapping(upstream['sasl']) ? checkUpstreamSasl(upstream['sasl']) : []),
    ...(isMapping(listen['tls']) ? checkListenTls(listen['tls']) : []),
  ]
}

function checkUpstreamTls(tls: Mapping): DocumentFault[] {
  const path = ['upstream', 'tls']
  const faults: DocumentFault[] = []
  if ((tls['certFile'] === undefined) !== (tls['keyFile'] === undefined)) {
    const [key, other] = tls['certFile'] === undefined ? ['keyFile', 'certFile'] : ['certFile', 'keyFile']
    faults.push({ path, key, message: `${key} needs ${other} as well: a certificate and its private key` })
  }
  if (tls['insecureSkipVerify'] !== true) return faults
  for (const key of ['caFile', 'verify']) {
    if (tls[key] !== undefined)
      faults.push({ path, key, message: 'insecureSkipVerify verifies nothing; leave one out' })
  }
  return faults
}

function checkListenTls(tls: Mapping): DocumentFault[] {
  const path = ['listen', 'tls']
  const { clientAuth, clientCaFile, principalMappingRules } = tls
  if (clientCaFile === undefined) {
    if (clientAuth === 'want' || clientAuth === 'require') {
      const message = 'needs clientCaFile: whose certificates of clients are to be taken?'
      return [{ path, key: 'clientAuth', message }]
    }
    if (principalMappingRules === undefined) return []
    return [{ path, key: 'principalMappingRules', message: 'needs clientCaFile: clients show no certificate' }]
  }
  if (clientAuth !== 'none') return []
  return [
    { path, key: 'clientCaFile', message: 'clientAuth is none: nobody is asked for a certificate; leave one out' },
  ]
}

function checkUpstreamSasl(sasl: Mapping): DocumentFault[] {
  const path = ['upstream', 'sasl']
  const { mechanism } = sasl
  if (mechanism === 'OAUTHBEARER') {
    const faults: DocumentFault[] = ['username', 'passwordFile']
      .filter((key) => sasl[key] !== undefined)
      .map((key) => ({ path, key, message: 'OAUTHBEARER logs in with a token: give tokenFile or tokenEndpoint' }))
    const [file, endpoint] = [sasl['tokenFile'], sasl['tokenEndpoint']]
    if (faults.length > 0 || (file === undefined) !== (endpoint === undefined)) return faults
    const message =
      file === undefined ? 'OAUTHBEARER needs tokenFile or tokenEndpoint' : 'tokenFile is given too; one of them'
    return [{ path, key: file === undefined ? 'mechanism' : 'tokenEndpoint', message }]
  }
  if (mechanism !== 'PLAIN' && mechanism !== 'SCRAM-SHA-256' && mechanism !== 'SCRAM-SHA-512') return []
  return [
    ...['username', 'passwordFile']
      .filter((key) => sasl[key] === undefined)
      .map((key) => ({ path, key: 'mechanism', message: `${mechanism} needs ${key}` })),
    ...['tokenFile', 'tokenEndpoint']
      .filter((key) => sasl[key] !== undefined)
      .map((key) => ({ path, key, message: `${mechanism} logs in with a password; a token is of OAUTHBEARER` })),
  ]
}
