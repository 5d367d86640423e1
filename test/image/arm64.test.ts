/**
 * What the image runs, on arm64: the bundle and the flags of docker/Dockerfile, under an emulated Node of that processor, between a real
 * Kafka and real clients. The image's layers of ours are the same files for both processors; only Node's differ.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { kafkaFor } from '../e2e/support/sluice.ts'
import { type ClientName, requireClient, runClient } from '../support/clients.ts'
import { freePort } from '../support/ports.ts'
import { LineProcess } from '../support/processes.ts'
import { SluiceMetrics } from '../support/sluice-metrics.ts'
import { waitFor } from '../support/wait.ts'
import { armNode } from './support/arm64.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const LIBRARIES: readonly ClientName[] = ['java', 'librdkafka', 'kafkajs']
const RECORDS = { count: 3_000, recordBytes: 1_000 }

test('on arm64 it forwards, limits, tells and drains as elsewhere', async (context) => {
  const node = await armNode(context)
  if (node === undefined) return
  for (const library of LIBRARIES) if (!(await requireClient(context, library))) return
  const kafka = await kafkaFor(context, { host: '127.0.0.1' }) // as in image.test.ts: not in a container
  if (kafka === undefined) return
  const out = await mkdtemp(join(tmpdir(), 'sluice-arm64-'))
  context.after(() => rm(out, { recursive: true }))
  await promisify(execFile)(process.execPath, [join(ROOT, 'docker/bundle.ts'), '--out', out])
  const [listen, admin] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
  const [command, ...emulated] = node
  const addresses = ['--upstream', kafka.internalBootstrap, '--listen', listen, '--admin', admin]
  const said: string[] = []
  const flags = [...(await nodeFlags()), join(out, 'bin/kafka-sluice.js'), 'run', ...addresses]
  const sluice = new LineProcess(command, [...emulated, ...flags, '--produce-rate', '1 MB/s'], {
    onLine: (line) => said.push(line),
  })
  context.after(() => sluice.kill())
  const isReady = (): Promise<boolean> => fetch(`http://${admin}/readyz`).then(({ ok }) => ok)
  await waitFor('it is ready', () => isReady().catch(() => false), { seen: () => said.join('\n') + sluice.stderr })

  for (const library of LIBRARIES) {
    await createTopic(kafka.internalBootstrap, { topic: library, partitions: 2 })
    const names = { topic: library, clientId: library, group: library, run: library }
    const counts = await runClient(library, 'roundtrip', { bootstrap: listen, ...RECORDS, ...names })
    const { acked, received, errors, timeouts, duplicates, corrupt, lost } = counts
    assert.deepEqual(
      { acked, received, errors, timeouts, duplicates, corrupt, lost },
      { acked: 3_000, received: 3_000, errors: 0, timeouts: 0, duplicates: 0, corrupt: 0, lost: 0 },
      library,
    )
  }
  const metrics = new SluiceMetrics(await (await fetch(`http://${admin}/metrics`)).text())
  for (const library of LIBRARIES) {
    assert.ok(
      metrics.value('sluice_client_throttle_seconds_total', { client_id: library }) > 0,
      `${library} was limited`,
    )
  }
  const ended = metrics.series('sluice_disconnects_total').filter(({ value }) => value > 0)
  assert.deepEqual(
    ended.map(({ labels }) => labels['reason']),
    ['client_closed'],
  )
  process.kill(sluice.pid, 'SIGTERM')
  assert.equal(await sluice.ended, 0, said.join('\n'))
})

/** Those of the image's entry point. */
async function nodeFlags(): Promise<string[]> {
  const dockerfile = await readFile(join(ROOT, 'docker/Dockerfile'), 'utf8')
  const entry = /^ENTRYPOINT (?<words>\[.*\])$/m.exec(dockerfile)?.groups?.['words'] ?? '[]'
  return (JSON.parse(entry) as string[]).slice(1, -1)
}
