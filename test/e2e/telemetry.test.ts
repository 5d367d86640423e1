/** A push by OTLP to the OpenTelemetry Collector's own receiver, in both encodings, from a sluice as users run it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildCollector } from '../support/clients.ts'
import { startFakeBroker } from '../support/fake-broker.ts'
import { connectRaw } from '../support/net.ts'
import { metricsOf, type PushedMetrics, resourceOf, seriesOf, seriesOfText } from '../support/otlp-receiver.ts'
import { freePort } from '../support/ports.ts'
import { LineProcess } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'
import { startSluice } from './support/sluice.ts'

for (const protocol of ['http/protobuf', 'http/json']) {
  test(`the Collector's receiver takes what is pushed by ${protocol}, and it is what /metrics says`, async (t) => {
    const collector = await buildCollector()
    if (typeof collector === 'string') {
      assert.notEqual(process.env['SLUICE_REQUIRE_ALL'], '1', collector)
      t.skip(collector)
      return
    }
    const port = await freePort()
    const pushes: PushedMetrics[] = []
    const receiver = new LineProcess(collector.command, [...collector.args, `127.0.0.1:${port}`], {
      onLine: (line) => void pushes.push(JSON.parse(line) as PushedMetrics),
    })
    t.after(() => receiver.stop())
    await waitFor('the receiver listens', () => receiver.stderr.includes('listening'))
    const broker = await startFakeBroker()
    t.after(() => broker.close())
    const otlp = { endpoint: `http://127.0.0.1:${port}`, protocol, interval: '1s', resource: { team: 'blue' } }
    const sluice = await startSluice(t, {
      upstream: `127.0.0.1:${broker.port}`,
      quotas: [{ name: 'all', limit: { requests: '1000/s' }, per: ['clientId'] }],
      config: { telemetry: { otlp } },
    })
    const client = await connectRaw({ host: '127.0.0.1', port: Number(sluice.bootstrap.split(':').at(-1)) }, 'ä"\\ \n')
    await client.ping()
    client.end()
    await waitFor('it has left', async () => (await sluice.metrics()).value('sluice_connections') === 0)
    const before = pushes.length
    const pushed = await waitFor('a push that began after that', () =>
      pushes.length > before + 1 ? pushes.at(-1) : undefined,
    )
    const text = seriesOfText(await (await fetch(`${sluice.adminUrl}/metrics`)).text())
    const ofClients = (series: ReadonlyMap<string, number>): object =>
      Object.fromEntries(
        [...series].filter(([name]) => /^sluice_(?:client|quota|requests|response|disconnects)/u.test(name)),
      )
    assert.deepEqual(ofClients(seriesOf(pushed)), ofClients(text))
    assert.ok(
      Object.keys(ofClients(text)).some((name) => name.includes('ä')),
      'client ids arrive as they are',
    )
    assert.deepEqual(
      [...new Set([...seriesOf(pushed).keys()].map((series) => series.split(' ')[0]))].sort(),
      [...new Set([...text.keys()].map((series) => series.split(' ')[0]))].sort(),
    )
    assert.equal(resourceOf(pushed)['team'], 'blue')
    assert.ok(metricsOf(pushed).every(({ sum }) => sum?.isMonotonic !== false))
    await sluice.stop()
    const last = pushes.length
    assert.ok(last > before, 'and one more at the end')
  })
}
