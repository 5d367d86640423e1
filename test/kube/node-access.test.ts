/**
 * How somebody looks into an injected sidecar: `kubectl exec`, and `kubectl port-forward` with the command or a browser on the own
 * machine. Both go through the API server and the kubelet, as in any cluster.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { StatusDocument } from '../../src/status/status-document.ts'
import { cli } from '../support/cli.ts'
import { LineProcess } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'
import { appOf, type Namespace, type Pod } from './support/node.ts'
import { onNode } from './support/node-file.ts'
import { application, pod, type Scene, topicFor } from './support/node-scene.ts'

const POD = 'looked-into'
const LISTEN_MAX_MS = 30_000

/** A pod whose application floods, and is held to 100 kB/s. The tests share it. */
async function limitedPod(it: Scene): Promise<Pod> {
  const { namespace, kafka } = it
  if ((await namespace.pods(`app=${POD}`)).length === 0) {
    const topic = await topicFor(it, POD)
    const spec = application({ topic, seconds: 3_600, recordBytes: 1_000, clientId: 'checkout', maxPending: 100 })
    await namespace.apply(pod(POD, spec, { upstream: kafka.bootstrap, 'produce-rate': '100 kB/s' }, true))
  }
  return namespace.untilPod(POD, 'the application runs', (now) => appOf(now)?.state.running !== undefined)
}

/** Whether a status of `top --json` says that the application is limited. */
function showsIt(text: string): boolean {
  const { clients } = JSON.parse(text) as StatusDocument
  return clients.some(({ clientId, state }) => clientId === 'checkout' && state === 'limited')
}

/** HOST:PORT of this machine that leads to the sidecar's admin pages while the test runs. */
async function forwarded(context: TestContext, namespace: Namespace): Promise<string> {
  const listening = Promise.withResolvers<string>()
  const args = ['-n', namespace.name, 'port-forward', `pod/${POD}`, ':9404', '--address', '127.0.0.1']
  const child = new LineProcess('kubectl', args, {
    onLine: (line) => {
      const [, address] = /^Forwarding from (\S+) -> 9404$/.exec(line) ?? []
      if (address !== undefined) listening.resolve(address)
    },
  })
  context.after(async () => {
    child.kill('SIGTERM')
    await child.ended
  })
  const late = setTimeout(() => listening.reject(new Error(`kubectl did not forward: ${child.stderr}`)), LISTEN_MAX_MS)
  void child.ended.then((code) => listening.reject(new Error(`kubectl ended with ${code}: ${child.stderr}`)))
  return listening.promise.finally(() => clearTimeout(late))
}

onNode('kubectl exec runs kafka-sluice health, top and explain in the sidecar', async (it) => {
  const { namespace } = it
  await limitedPod(it)
  const exec = (...command: readonly string[]): Promise<string> =>
    namespace.kubectl('exec', POD, '-c', 'kafka-sluice', '--', 'kafka-sluice', ...command)
  assert.equal(await exec('health'), 'ready\n')
  await waitFor('top shows who is limited', async () => showsIt(await exec('top', '--json')), { pollMs: 500 })
  assert.match(await exec('top', '--once'), /checkout/)
  assert.match(await exec('explain', '--client-id', 'checkout'), /100 kB\/s/)
})

onNode('kubectl port-forward brings the same to the own machine, page and metrics included', async (it, context) => {
  await limitedPod(it)
  const admin = await forwarded(context, it.namespace)
  assert.deepEqual(await cli(['health', '--admin', admin]), { exitCode: 0, out: 'ready\n', err: '' })
  await waitFor('top shows who is limited', async () => {
    const { exitCode, out, err } = await cli(['top', '--json', '--admin', admin])
    assert.equal(exitCode, 0, err)
    return showsIt(out)
  })
  assert.match(await (await fetch(`http://${admin}/`)).text(), /checkout/)
  assert.match(await (await fetch(`http://${admin}/metrics`)).text(), /^sluice_throttled_requests_total\{/m)
})

onNode('from elsewhere in the cluster health and metrics are to be had, and nothing of clients', async (it) => {
  const { status } = await limitedPod(it)
  const { exitCode, err } = await cli(['top', '--json', '--admin', `${status.podIP}:9404`])
  assert.equal(exitCode, 1)
  assert.match(err, /kubectl port-forward|kubectl exec/)
  assert.equal((await fetch(`http://${status.podIP}:9404/metrics`)).status, 200)
})
