/**
 * `helm test`, and the gateway by the name of its Service, on a real node: what it says where all is well, and that it fails and says
 * why where it is not.
 */
import assert from 'node:assert/strict'
import { type Ran, tool } from '../chart/helm.ts'
import { waitFor } from '../support/wait.ts'
import { onNode } from './support/node-file.ts'
import { application, install, pod, RELEASE, type Scene, stored, topicFor } from './support/node-scene.ts'

/** Nothing listens there: the port of the discard service, which only root can open. */
const NOWHERE = '127.0.0.1:9'

/** `helm test --logs`: its exit code, and the logs of its pods. */
function helmTest({ namespace }: Scene, release: string): Promise<Ran> {
  return tool('helm', ['test', release, '-n', namespace.name, '--logs', '--timeout', '2m'])
}

function gatewayValues(upstream: string): readonly string[] {
  return ['gateway.enabled=true', 'gateway.replicas=1', `gateway.config.upstream.bootstrap={${upstream}}`]
}

onNode('of the injector it finds the sidecar beside a pod that asks', async (it) => {
  const { code, out, err } = await helmTest(it, RELEASE)
  assert.equal(code, 0, out + err)
  assert.match(out, /Phase: +Succeeded/)
  assert.match(out, /POD LOGS: rung-kafka-sluice-injector-test \(test\)\nalive\n/)
})

onNode('of a gateway it asks by its Service; an application reaches Kafka by that name', async (it, context) => {
  const { namespace, kafka } = it
  await install(context, namespace, 'good', gatewayValues(kafka.bootstrap))
  const gateway = 'good-kafka-sluice-gateway'
  await namespace.kubectl('rollout', 'status', `deployment/${gateway}`, '--timeout=120s')
  const { code, out, err } = await helmTest(it, 'good')
  assert.equal(code, 0, out + err)
  assert.match(out, /Phase: +Succeeded/)
  assert.match(out, /POD LOGS: good-kafka-sluice-gateway-test \(test\)\nready\n/)
  const topic = await topicFor(it, 'gateway')
  const bootstrap = `${gateway}.${namespace.name}.svc.cluster.local:9092`
  await namespace.apply(pod('by-name', application({ bootstrap, topic, count: 1_000 }), {}))
  await namespace.untilPod('by-name', 'the application is through', ({ status }) => status.phase === 'Succeeded')
  assert.equal(await stored(it, topic), 1_000)
})

onNode('of a gateway that reaches no broker it fails, and says which and why', async (it, context) => {
  await install(context, it.namespace, 'bad', gatewayValues(NOWHERE))
  const pods = 'app.kubernetes.io/instance=bad,app.kubernetes.io/component=gateway'
  await waitFor('the gateway runs', async () =>
    (await it.namespace.pods(pods)).some(({ status }) => status.containerStatuses?.[0]?.started === true),
  )
  const { code, out, err } = await helmTest(it, 'bad')
  assert.equal(code, 1, out + err)
  assert.match(out, /Phase: +Failed/)
  assert.match(out, /not ready: no broker can be reached \(127\.0\.0\.1:9: connect ECONNREFUSED 127\.0\.0\.1:9\)/)
})

onNode('of an injector that is down it fails, and says that its webhook does not answer', async (it) => {
  const { namespace } = it
  const deployment = `deployment/${RELEASE}-kafka-sluice-injector`
  await namespace.kubectl('scale', deployment, '--replicas=0')
  await waitFor(
    'no replica is left',
    async () => (await namespace.pods('app.kubernetes.io/component=injector')).length === 0,
  )
  const { code, out, err } = await helmTest(it, RELEASE)
  assert.equal(code, 1, out + err)
  assert.match(err, /failed calling webhook "pod\.kafka-sluice\.io"/)
  await namespace.kubectl('scale', deployment, '--replicas=2')
  await namespace.kubectl('rollout', 'status', deployment, '--timeout=120s')
})
