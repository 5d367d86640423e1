// Who may see pages for this machine only.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loopbackFault } from '../../src/admin/loopback.ts'

test('the own machine may, by address or as localhost', () => {
  for (const peer of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) {
    for (const host of ['127.0.0.1:9404', 'localhost:9404', 'localhost', '[::1]:9404', '[::1]', undefined]) {
      assert.equal(loopbackFault({ peer, host }), undefined, `${peer} ${host}`)
    }
  }
})

test('others may not', () => {
  for (const peer of ['10.0.0.1', '::2', '128.0.0.1', '::ffff:10.0.0.127', 'x127.0.0.1', '']) {
    assert.match(loopbackFault({ peer, host: '127.0.0.1' }) ?? '', /kubectl exec/, peer)
  }
})

test('a web page whose own name points here may not either', () => {
  for (const host of ['evil.example:9404', 'localhost.evil.example', '127.0.0.1.evil.example:80']) {
    assert.match(loopbackFault({ peer: '127.0.0.1', host }) ?? '', /by address or as localhost/, host)
  }
})
