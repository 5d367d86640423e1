// What is shown of a configuration: everything but what opens a door.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stringify } from 'yaml'
import type { Config } from '../../src/config/config.ts'
import { maskedConfig } from '../../src/status/masked-config.ts'
import { plainConfig } from '../net/scene.ts'

const SASL = { mechanism: 'OAUTHBEARER', username: 'me', passwordFile: undefined, tokenFile: undefined } as const

function written(parts: Partial<Config>): string {
  return stringify(maskedConfig(plainConfig([{ host: 'kafka', port: 9092 }], parts)))
}

test('limits are as a file says them', () => {
  const rule = { name: 'q', limit: { produceBytes: 5e6, connections: 7, requests: Number.POSITIVE_INFINITY } }
  const text = written({
    quotas: [{ ...rule, burst: { seconds: 1 }, match: { clientId: ['a*'] }, per: [], overrides: [], mode: 'enforce' }],
  })
  assert.match(text, /produceBytes: 5 MB\/s\n +connections: 7\n +requests: unlimited/)
})

test('paths of secrets are shown, a password in a URL is not', () => {
  const url = 'https://user:pa55word@login.example/oauth/token?api_key=k3y#f'
  const tokenEndpoint = {
    url,
    clientId: 'sluice',
    clientSecretFile: '/run/secret',
    scope: undefined,
    caFile: undefined,
  }
  const text = written({
    upstream: { bootstrap: [], sasl: { ...SASL, tokenEndpoint } },
    admin: { host: '::', port: 9404, tokenFile: '/run/token' },
  })
  assert.match(text, /clientSecretFile: \/run\/secret/)
  assert.match(text, /tokenFile: \/run\/token/)
  assert.match(text, /url: https:\/\/login\.example\/oauth\/token\?…/)
  assert.doesNotMatch(text, /pa55word|k3y|user:/)
})

test('whatever a later version calls a secret, and labels that look like one', () => {
  const later = {
    username: 'me',
    password: 'pa55',
    nested: [{ apiKey: 'k3y', privateKey: 'k3y', sslKeyPassword: 'k3y' }],
  }
  const text = written({ labels: { team: 'red', 'vault-token': 't0ken' }, ...({ later } as Partial<Config>) })
  assert.match(text, /team: red/)
  assert.doesNotMatch(text, /pa55|k3y|t0ken/)
  assert.match(text, /password: •••/)
})
