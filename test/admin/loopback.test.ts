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

test('what a service mesh lets in comes from this machine, and asks for another address of it: it may not', () => {
  for (const dialled of ['10.244.0.7', '::ffff:10.244.0.7', 'fd00::7']) {
    assert.match(loopbackFault({ peer: '127.0.0.6', dialled, host: '127.0.0.1' }) ?? '', /through a proxy/, dialled)
  }
  for (const dialled of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    assert.equal(loopbackFault({ peer: '127.0.0.1', dialled, host: 'localhost' }), undefined)
    assert.match(loopbackFault({ peer: '127.0.0.1', dialled, host: 'localhost', isForwarded: true }) ?? '', /proxy/)
  }
})
