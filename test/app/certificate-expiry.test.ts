/** Certificates that run out: when they are warned of, and what the gauge says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CertificateExpiries } from '../../src/certificate-expiry.ts'
import { collectingLogger, type Line, startScene } from '../net/scene.ts'
import { Authority } from '../support/certificates.ts'
import { FAST } from '../support/net.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'

const DAY_MS = 86_400_000

function issued(endsInDays: number): string {
  return new Authority().issue({ subject: [['CN', `ends-${endsInDays}`]], endsInDays }).certificate
}

test('is warned of 30, 7 and 1 days before, once each, and when it has run out', () => {
  const lines: Line[] = []
  const expiries = new CertificateExpiries(collectingLogger(lines))
  expiries.took('listen', 'tls.crt', issued(40))
  const nowMs = Date.now()
  for (let day = 0; day <= 42; day++) {
    expiries.look(nowMs + day * DAY_MS)
    expiries.look(nowMs + day * DAY_MS + DAY_MS / 2)
  }
  assert.deepEqual(
    lines.map(({ event, level, daysLeft }) => [event, level, daysLeft]),
    [
      ['certificate_expires', 'warn', 29],
      ['certificate_expires', 'warn', 6],
      ['certificate_expires', 'warn', 0],
      ['certificate_expired', 'error', -1],
    ],
  )
  assert.equal(lines[0]?.['metric'], 'sluice_certificate_expiry_timestamp_seconds{role="listen"}')
  assert.match(String(lines[0]?.['msg']), /CN=ends-40 in tls\.crt runs out in 29 days/)
})

test('of a chain the first counts, of authorities the last; another file begins anew', () => {
  const lines: Line[] = []
  const expiries = new CertificateExpiries(collectingLogger(lines))
  expiries.took('upstream', 'chain', issued(50) + issued(20))
  expiries.took('upstream_ca', 'bundle', issued(-1) + issued(400))
  const nowMs = Date.now()
  expiries.look(nowMs)
  assert.deepEqual(
    lines.map(({ role }) => role),
    ['upstream'],
  )
  assert.deepEqual(
    expiries.all.map(({ role, expiresAtMs }) => [role, Math.round((expiresAtMs - nowMs) / DAY_MS)]),
    [
      ['upstream', 20],
      ['upstream_ca', 400],
    ],
  )
  expiries.took('upstream', 'chain', issued(5))
  expiries.look(nowMs)
  assert.equal(lines.length, 2, 'it is warned of the new one at once')
})

test('a sluice tells of its certificates from the start, and of the next one when the file changes', async (t) => {
  const files = new SecretFiles(t)
  const settings = {
    clientCaFile: files.caFile,
    clientAuth: 'want',
    minVersion: 'TLSv1.2',
    principalMappingRules: undefined,
  } as const
  const tls = { ...settings, ...files.issue('sluice', { endsInDays: 3 }) }
  const listen = { host: '127.0.0.1', port: 0, brokerPorts: 'any', advertisedHost: undefined, tls } as const
  const scene = await startScene(t, { config: { listen, admin: { host: '127.0.0.1', port: 0 } } })
  const { host, port } = scene.sluice.admin!
  const daysOf = async (role: string): Promise<number> => {
    const text = await (await fetch(`http://${host}:${port}/metrics`)).text()
    const [, seconds] =
      new RegExp(`^sluice_certificate_expiry_timestamp_seconds\\{role="${role}"\\} (.*)$`, 'mu').exec(text) ?? []
    return Math.round((Number(seconds) * 1000 - Date.now()) / DAY_MS)
  }
  assert.deepEqual([await daysOf('listen'), await daysOf('listen_ca')], [3, 30])
  const slow = { ...FAST, timeoutMs: 20_000 }
  await waitFor('it is warned of', () => scene.said('certificate_expires').some(({ role }) => role === 'listen'), slow)
  files.issue('sluice', { endsInDays: 90 })
  await waitFor('the new one is in use', async () => (await daysOf('listen')) === 90, slow)
})
