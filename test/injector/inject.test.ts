/** Which pods get the sidecar, what it is made of, and what is refused with which words. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { settingNames } from '../../src/injector/annotations.ts'
import { type Injection, inject } from '../../src/injector/inject.ts'
import type { Container, Pod } from '../../src/injector/pod.ts'
import { packageVersion } from '../../src/version.ts'
import { applyPatch, injectionOf, type PodParts, podOf } from '../support/injector-scene.ts'

const PLAIN = injectionOf()

function injected(parts: PodParts = {}, injection: Injection = PLAIN): { pod: Pod; warnings: readonly string[] } {
  const before = podOf(parts)
  const outcome = inject(before, false, injection)
  assert.equal(outcome.kind, 'injected', JSON.stringify(outcome))
  return { pod: applyPatch(before, outcome.patch) as Pod, warnings: outcome.warnings }
}

function sidecarOf(parts: PodParts = {}, injection: Injection = PLAIN): Container {
  const [sidecar] = injected(parts, injection).pod.spec.initContainers ?? []
  assert.ok(sidecar)
  return sidecar
}

function variablesOf({ env }: Container): Record<string, string | undefined> {
  return Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]))
}

function faultsOf(parts: PodParts, injection: Injection = PLAIN): readonly string[] {
  const outcome = inject(podOf(parts), false, injection)
  assert.equal(outcome.kind, 'refused', JSON.stringify(outcome))
  return outcome.faults
}

/** Annotations by their short names. */
function annotated(settings: Readonly<Record<string, string>>, spec?: PodParts['spec']): PodParts {
  const entries = Object.entries(settings).map(([name, value]) => [`kafka-sluice.io/${name}`, value])
  return { annotations: Object.fromEntries(entries), ...(spec === undefined ? {} : { spec }) }
}

describe('who gets it', () => {
  const labelled = (labels: Record<string, string>): Pod => ({ metadata: { labels }, spec: { containers: [] } })

  test('the label of the pod decides, that of its namespace where the pod has none', () => {
    const asks = { 'kafka-sluice.io/inject': 'true' }
    const refuses = { 'kafka-sluice.io/inject': 'false' }
    const kinds = (pod: Pod): string[] => [false, true].map((wanted) => inject(pod, wanted, PLAIN).kind)
    assert.deepEqual(kinds(labelled({})), ['unasked', 'refused'], 'refused: nobody said where Kafka is')
    assert.deepEqual(kinds(labelled(asks)), ['refused', 'refused'])
    assert.deepEqual(kinds(labelled(refuses)), ['unasked', 'unasked'])
    assert.deepEqual(inject(labelled({ 'kafka-sluice.io/inject': 'yes' }), true, PLAIN), {
      kind: 'refused',
      faults: ['label kafka-sluice.io/inject: "yes" is neither "true" nor "false"'],
    })
  })

  test('pods of files on a node do not: the kubelet would run them without', () => {
    const { metadata, spec } = podOf()
    const annotations = { ...metadata?.annotations, 'kubernetes.io/config.mirror': '0123' }
    assert.deepEqual(inject({ metadata: { ...metadata, annotations }, spec }, true, PLAIN), { kind: 'unasked' })
  })

  test('a second call changes nothing, whatever other webhooks did in between', () => {
    const { pod } = injected()
    assert.deepEqual(inject(pod, false, PLAIN), { kind: 'present' })
    const more = { ...pod, spec: { ...pod.spec, containers: [...pod.spec.containers, { name: 'other' }] } }
    assert.deepEqual(inject(more, true, PLAIN), { kind: 'present' })
  })

  test('the mark alone, copied into a template, is no sidecar', () => {
    const { pod } = injected({ annotations: { 'kafka-sluice.io/status': '0.0.1' } })
    assert.equal(pod.spec.initContainers?.length, 1)
    assert.equal(pod.metadata?.annotations?.['kafka-sluice.io/status'], packageVersion())
  })
})

describe('the pod afterwards', () => {
  test('has the sidecar first, its mark, and is otherwise what it was', () => {
    const spec = {
      initContainers: [{ name: 'migrate' }],
      containers: [{ name: 'app', image: 'shop', command: ['x'] }],
      volumes: [{ name: 'data', emptyDir: {} }],
      priorityClassName: 'high',
    }
    const { pod, warnings } = injected({ spec })
    assert.deepEqual(warnings, [])
    assert.deepEqual(
      pod.spec.initContainers?.map(({ name }) => name),
      ['kafka-sluice', 'migrate'],
    )
    assert.deepEqual(pod.spec.containers, spec.containers)
    assert.deepEqual(
      pod.spec.volumes?.map(({ name }) => name),
      ['data', 'kafka-sluice-pod'],
    )
    assert.equal(pod.spec['priorityClassName' as 'os'], 'high')
    assert.equal(pod.metadata?.labels?.['kafka-sluice.io/injected'], 'true')
    assert.equal(pod.metadata?.labels?.['app'], 'shop')
    assert.equal(pod.metadata?.annotations?.['kafka-sluice.io/status'], packageVersion())
  })

  test('may have had nothing: no metadata, no lists', () => {
    const bare: Pod = { spec: { containers: [{ name: 'app' }] } }
    const outcome = inject(bare, true, injectionOf('defaults: { upstream: kafka:9092 }\n'))
    assert.equal(outcome.kind, 'injected')
    const pod = applyPatch(bare, outcome.patch) as Pod
    assert.equal(pod.spec.initContainers?.[0]?.name, 'kafka-sluice')
    assert.equal(pod.metadata?.labels?.['kafka-sluice.io/injected'], 'true')
  })

  test('a plain pod’s sidecar is the container of the file, told where Kafka is and which labels the pod has', () => {
    const sidecar = sidecarOf()
    const { env, volumeMounts, ...rest } = sidecar
    const { env: _, ...base } = PLAIN.sidecar
    assert.deepEqual(rest, { ...base, ports: [{ name: 'sluice-admin', containerPort: 9404, protocol: 'TCP' }] })
    assert.deepEqual(env?.[0], PLAIN.sidecar.env?.[0], 'what comes from elsewhere stays, and stays first')
    const { POD_NAME: _name, ...variables } = variablesOf(sidecar)
    assert.deepEqual(variables, {
      SLUICE_ADMIN: '0.0.0.0:9404',
      SLUICE_LISTEN: '127.0.0.1:9092',
      SLUICE_UPSTREAM: 'kafka:9092',
      SLUICE_LABELS_FILE: '/etc/kafka-sluice/pod/labels',
    })
    assert.deepEqual(volumeMounts, [{ name: 'kafka-sluice-pod', mountPath: '/etc/kafka-sluice/pod', readOnly: true }])
  })

  test('annotations become variables, ports, resources, probes', () => {
    const sidecar = sidecarOf(
      annotated({
        'produce-rate': '5 MB/s',
        'fetch-rate': '10 MB/s',
        'request-rate': '100/s',
        observe: 'true',
        labels: 'team=payments',
        'log-level': 'debug',
        port: '19000',
        'admin-port': '19001',
        'broker-ports': '20000-20009',
        image: 'registry.example.com/sluice:2',
        'image-pull-policy': 'Always',
        'cpu-request': '200m',
        'cpu-limit': '1',
        'memory-limit': '512Mi',
        'start-when': 'listening',
        'ready-when': 'brokers',
      }),
    )
    const { POD_NAME: _, ...variables } = variablesOf(sidecar)
    assert.deepEqual(variables, {
      SLUICE_ADMIN: '0.0.0.0:19001',
      SLUICE_LISTEN: '127.0.0.1:19000',
      SLUICE_BROKER_PORTS: '20000-20009',
      SLUICE_UPSTREAM: 'kafka:9092',
      SLUICE_PRODUCE_RATE: '5 MB/s',
      SLUICE_FETCH_RATE: '10 MB/s',
      SLUICE_REQUEST_RATE: '100/s',
      SLUICE_OBSERVE: 'true',
      SLUICE_LABELS: 'team=payments',
      SLUICE_LOG_LEVEL: 'debug',
      SLUICE_LABELS_FILE: '/etc/kafka-sluice/pod/labels',
    })
    assert.equal(sidecar['image'], 'registry.example.com/sluice:2')
    assert.equal(sidecar['imagePullPolicy'], 'Always')
    assert.deepEqual(sidecar['resources'], {
      requests: { cpu: '200m', memory: '64Mi' },
      limits: { cpu: '1', memory: '512Mi' },
    })
    assert.equal(sidecar.ports?.[0]?.containerPort, 19_001)
    assert.deepEqual(sidecar['startupProbe'], { httpGet: { path: '/healthz', port: 'sluice-admin' }, periodSeconds: 1 })
    assert.deepEqual(sidecar['readinessProbe'], { httpGet: { path: '/readyz', port: 'sluice-admin' } })
  })

  test('a configuration in an annotation is a file of the pod, as it is written', () => {
    const config = 'upstream: { bootstrap: kafka:9093 } # ours\nquotas: [{ name: q, limit: { requests: 5/s } }]\n'
    const { pod } = injected({ annotations: { 'kafka-sluice.io/config': config } })
    assert.equal(pod.metadata?.annotations?.['kafka-sluice.io/injected-config'], config.trim())
    const [sidecar] = pod.spec.initContainers ?? []
    assert.equal(variablesOf(sidecar!)['SLUICE_CONFIG'], '/etc/kafka-sluice/pod/sluice.yaml')
    const volume = pod.spec.volumes?.find(({ name }) => name === 'kafka-sluice-pod')
    assert.deepEqual(volume?.['downwardAPI'], {
      items: [
        { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
        { path: 'sluice.yaml', fieldRef: { fieldPath: "metadata.annotations['kafka-sluice.io/injected-config']" } },
      ],
    })
  })

  test('the default configuration lies under the pod’s: mappings are merged, lists replaced', () => {
    const injection = injectionOf(`defaults:
  config:
    upstream: { bootstrap: kafka:9093, tls: { serverName: kafka.example.com } }
    quotas: [{ name: all, limit: { requests: 100/s } }]
    limits: { connectionsMax: 50 }
`)
    const config = 'upstream: { bootstrap: other:9093 }\nquotas: [{ name: mine, limit: { requests: 5/s } }]'
    const { pod } = injected({ annotations: { 'kafka-sluice.io/config': config } }, injection)
    assert.equal(
      pod.metadata?.annotations?.['kafka-sluice.io/injected-config'],
      `upstream:
  bootstrap: other:9093
  tls:
    serverName: kafka.example.com
quotas:
  - name: mine
    limit:
      requests: 5/s
limits:
  connectionsMax: 50
`,
    )
    const nothing = injected({ annotations: {} }, injection).pod
    assert.match(nothing.metadata?.annotations?.['kafka-sluice.io/injected-config'] ?? '', /name: all/)
  })

  test('a ConfigMap is the whole file, and that is said where the cluster has a default', () => {
    const parts = annotated({ 'config-map': 'shop-sluice/limits.yaml' })
    const sidecar = sidecarOf(parts)
    assert.equal(variablesOf(sidecar)['SLUICE_CONFIG'], '/etc/kafka-sluice/config/limits.yaml')
    const { pod, warnings } = injected(parts, injectionOf('defaults: { config: { limits: { connectionsMax: 5 } } }\n'))
    assert.deepEqual(pod.spec.volumes?.at(-1), { name: 'kafka-sluice-config', configMap: { name: 'shop-sluice' } })
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /ConfigMap shop-sluice is the whole configuration/)
  })

  test('a ConfigMap says itself where Kafka is, if the pod does not', () => {
    const { metadata, ...pod } = podOf(annotated({ 'config-map': 'c' }))
    const { 'kafka-sluice.io/upstream': _, ...annotations } = metadata?.annotations ?? {}
    assert.equal(inject({ ...pod, metadata: { ...metadata, annotations } }, false, PLAIN).kind, 'injected')
  })

  test('Secrets, ConfigMaps and a token are mounted into the sidecar and into nothing else', () => {
    const parts = annotated({
      'mount-secrets': 'kafka-user, kafka-ca',
      'mount-config-maps': 'trust',
      'token-audience': 'kafka',
      config:
        'upstream: { bootstrap: kafka:9093, tls: { caFile: /etc/kafka-sluice/secrets/kafka-ca/ca.crt }, sasl: { mechanism: OAUTHBEARER, tokenFile: /etc/kafka-sluice/token/token } }',
    })
    const { pod } = injected(parts)
    const [sidecar] = pod.spec.initContainers ?? []
    assert.deepEqual(
      sidecar?.volumeMounts?.map(({ mountPath }) => mountPath),
      [
        '/etc/kafka-sluice/pod',
        '/etc/kafka-sluice/secrets/kafka-user',
        '/etc/kafka-sluice/secrets/kafka-ca',
        '/etc/kafka-sluice/config-maps/trust',
        '/etc/kafka-sluice/token',
      ],
    )
    assert.ok(sidecar?.volumeMounts?.every((mount) => mount['readOnly'] === true))
    assert.equal(pod.spec.containers[0]?.volumeMounts, undefined)
    assert.deepEqual(pod.spec.volumes?.[1], {
      name: 'kafka-sluice-secret-0',
      secret: { secretName: 'kafka-user', defaultMode: 0o444 },
    })
  })
})

describe('variables of the application', () => {
  const spec = {
    initContainers: [{ name: 'migrate' }],
    containers: [
      {
        name: 'app',
        env: [
          { name: 'A', value: '1' },
          { name: 'KAFKA_BOOTSTRAP_SERVERS', value: 'kafka:9092' },
        ],
      },
      { name: 'worker' },
    ],
  }

  test('are set in every container, in place of what was there', () => {
    const { pod } = injected(annotated({ 'bootstrap-env': 'KAFKA_BOOTSTRAP_SERVERS, BROKERS' }, spec))
    const [app, worker] = pod.spec.containers
    assert.deepEqual(app?.env, [
      { name: 'BROKERS', value: '127.0.0.1:9092' },
      { name: 'A', value: '1' },
      { name: 'KAFKA_BOOTSTRAP_SERVERS', value: '127.0.0.1:9092' },
    ])
    assert.deepEqual(
      worker?.env?.map(({ name }) => name),
      ['KAFKA_BOOTSTRAP_SERVERS', 'BROKERS'],
    )
    assert.equal(pod.spec.initContainers?.find(({ name }) => name === 'migrate')?.env, undefined)
  })

  test('are set in the containers that are named, init containers too', () => {
    const parts = annotated(
      { 'bootstrap-env': 'BROKERS', containers: 'migrate, worker', port: '19092', 'broker-ports': '20000-20010' },
      spec,
    )
    const { pod } = injected(parts)
    const [, migrate] = pod.spec.initContainers ?? []
    assert.deepEqual(migrate, { name: 'migrate', env: [{ name: 'BROKERS', value: '127.0.0.1:19092' }] })
    assert.deepEqual(pod.spec.containers[0], spec.containers[0])
  })
})

describe('what is refused', () => {
  const REFUSED: readonly (readonly [what: string, parts: PodParts, faults: readonly string[]])[] = [
    [
      'settings that are none, each with what was meant',
      annotated({
        'produce-rate': '5',
        'fetch-rates': '5MB/s',
        quotas: '[]',
        inject: 'true',
        port: '0',
        observe: 'yes',
      }),
      [
        'annotation kafka-sluice.io/produce-rate: 5 has no unit; write 5 B/s',
        'annotation kafka-sluice.io/fetch-rates: there is no such setting; did you mean fetch-rate?',
        'annotation kafka-sluice.io/quotas: there is no such setting; quotas are a part of the configuration: write them in kafka-sluice.io/config',
        'annotation kafka-sluice.io/inject: there is no such setting; kafka-sluice.io/inject is a label, not an annotation: put it into metadata.labels',
        'annotation kafka-sluice.io/port: "0" is no port; ports are 1 to 65535',
        'annotation kafka-sluice.io/observe: "yes" is not true or false',
      ],
    ],
    [
      'amounts, names and lists that Kubernetes would refuse',
      annotated({
        'cpu-limit': '1 core',
        'memory-limit': '256MB',
        'mount-secrets': 'A_b',
        containers: ',',
        'config-map': 'a/b/c',
        image: '',
        'broker-ports': '0',
      }),
      [
        'annotation kafka-sluice.io/cpu-limit: "1 core" is no amount as Kubernetes writes it; write 1',
        'annotation kafka-sluice.io/memory-limit: "256MB" is no amount as Kubernetes writes it; write 256Mi',
        'annotation kafka-sluice.io/mount-secrets: "A_b" is no name of a Secret',
        'annotation kafka-sluice.io/containers: it is empty; remove it, or write one or more with commas',
        'annotation kafka-sluice.io/config-map: "a/b/c" is no ConfigMap; write NAME, or NAME/KEY where its key is not sluice.yaml',
        'annotation kafka-sluice.io/image: "" is no image; write one like registry.example.com/kafka-sluice:1.2.3',
        'annotation kafka-sluice.io/broker-ports: a pod needs ports that are known; write 19092-19191',
      ],
    ],
    [
      'a configuration with faults, each with its line',
      annotated({ config: 'mode: obsevre\nquotas:\n  - name: q\n    limit: { requests: 5 MB/s }\n' }),
      [
        'kafka-sluice.io/config line 1:7: mode: the modes are enforce and observe',
        'kafka-sluice.io/config line 4:24: quotas[0].limit.requests: "MB" is a unit of bytes, and this counts requests; write 5/s or 5k/s',
      ],
    ],
    [
      'two configurations',
      annotated({ config: 'mode: observe', 'config-map': 'c' }),
      ['kafka-sluice.io/config and kafka-sluice.io/config-map: one of them; each is the configuration file'],
    ],
    [
      'ports that collide, by the annotation that moves them',
      annotated({ port: '9404' }),
      ['kafka-sluice.io/admin-port: port 9404 is listen.port too; the admin pages need one of their own'],
    ],
    [
      'a container of the sidecar’s name',
      { spec: { containers: [{ name: 'kafka-sluice' }] } },
      [
        "the pod has a container kafka-sluice that was not put there by this injector, and that is the sidecar's name: rename it, or take the label away where it is a sidecar of your own",
      ],
    ],
    [
      'a volume of one of its names',
      { spec: { containers: [{ name: 'app' }], volumes: [{ name: 'kafka-sluice-pod' }] } },
      ["the pod has a volume kafka-sluice-pod, and the sidecar's has that name: rename it"],
    ],
    [
      'ports of other containers',
      {
        spec: {
          containers: [
            {
              name: 'app',
              ports: [{ containerPort: 9404 }, { containerPort: 19_100 }, { containerPort: 9092, protocol: 'UDP' }],
            },
          ],
          initContainers: [{ name: 'broker', ports: [{ containerPort: 9092, protocol: 'TCP' }] }],
        },
      },
      [
        'container broker uses port 9092, and the sidecar takes applications on it: give the sidecar another with the annotation kafka-sluice.io/port',
        'container app uses port 9404, and the sidecar has its admin pages on it: give the sidecar another with the annotation kafka-sluice.io/admin-port',
        'container app uses port 19100, and the sidecar has brokers on it: give the sidecar another with the annotation kafka-sluice.io/broker-ports',
      ],
    ],
    [
      'ports of brokers as the configuration has them',
      annotated(
        { config: 'listen: { brokerPorts: 8000-8010 }' },
        { containers: [{ name: 'app', ports: [{ containerPort: 8005 }, { containerPort: 19_100 }] }] },
      ),
      [
        'container app uses port 8005, and the sidecar has brokers on it: give the sidecar another with the annotation kafka-sluice.io/broker-ports',
      ],
    ],
    [
      'the network of the node',
      { spec: { containers: [{ name: 'app' }], hostNetwork: true } },
      [
        'the pod is on its node\'s network (hostNetwork), where every process of the node could use the sidecar and its credentials: allow that with the annotation kafka-sluice.io/host-network: allow, or give the pod the label kafka-sluice.io/inject: "false"',
      ],
    ],
    [
      'Windows',
      { spec: { containers: [{ name: 'app' }], os: { name: 'windows' } } },
      [
        'the pod is for Windows, and the sidecar runs on Linux only: give the pod the label kafka-sluice.io/inject: "false"',
      ],
    ],
    [
      'nodes of Windows',
      { spec: { containers: [{ name: 'app' }], nodeSelector: { 'kubernetes.io/os': 'windows' } } },
      [
        'the pod is for Windows, and the sidecar runs on Linux only: give the pod the label kafka-sluice.io/inject: "false"',
      ],
    ],
    [
      'containers that are not there',
      annotated({ containers: 'ap', 'bootstrap-env': 'B' }),
      ['kafka-sluice.io/containers: the pod has no container ap; did you mean app?'],
    ],
    [
      'files that nothing brings',
      annotated({
        config:
          'upstream: { bootstrap: k:1, tls: { caFile: /etc/kafka-sluice/secrets/ca/ca.crt, certFile: /etc/kafka-sluice/config-maps/c/x, keyFile: /run/k }}',
      }),
      [
        '/etc/kafka-sluice/secrets/ca/ca.crt: the configuration names this file, and nothing is mounted there: add ca to the annotation kafka-sluice.io/mount-secrets',
        '/etc/kafka-sluice/config-maps/c/x: the configuration names this file, and nothing is mounted there: add c to the annotation kafka-sluice.io/mount-config-maps',
        '/run/k: the configuration names this file, and nothing is mounted there: a Secret that kafka-sluice.io/mount-secrets names is at /etc/kafka-sluice/secrets/NAME/, as in /etc/kafka-sluice/secrets/NAME/ca.crt',
      ],
    ],
  ]

  for (const [what, parts, faults] of REFUSED) {
    test(what, () => assert.deepEqual(faultsOf(parts), faults))
  }

  test('a pod without Kafka', () => {
    const pod: Pod = { metadata: { labels: { 'kafka-sluice.io/inject': 'true' } }, spec: { containers: [] } }
    assert.deepEqual(inject(pod, false, PLAIN), {
      kind: 'refused',
      faults: [
        'where is Kafka? Give the annotation kafka-sluice.io/upstream: HOST:PORT, or upstream.bootstrap in kafka-sluice.io/config',
      ],
    })
  })

  test('settings that the cluster has locked', () => {
    const injection = injectionOf('locked: [produce-rate, config]\n')
    assert.deepEqual(faultsOf(annotated({ 'produce-rate': '5 MB/s' }), injection), [
      'annotation kafka-sluice.io/produce-rate: this cluster decides it for all pods; remove the annotation',
    ])
  })

  test('a configuration that no annotation holds, without reading it', () => {
    const [fault, ...more] = faultsOf(annotated({ config: `# ${'x'.repeat(100_000)}\nmode: observe` }))
    assert.match(fault!, /kafka-sluice.io\/config: 100016 bytes; at most 100000 fit .* use kafka-sluice.io\/config-map/)
    assert.deepEqual(more, [])
  })

  test('no more faults of a configuration than an event has room for', () => {
    const quotas = Array.from({ length: 30 }, (_, i) => `{ name: q${i}, limit: { requests: 5 } }`)
    const faults = faultsOf(annotated({ config: `quotas: [${quotas.join(', ')}]` }))
    assert.equal(faults.length, 11)
    assert.equal(faults.at(-1), 'and 20 more')
  })
})

test('the node’s network may be allowed; shared processes are warned of', () => {
  const spec = { containers: [{ name: 'app' }], hostNetwork: true, shareProcessNamespace: true }
  const { warnings } = injected(annotated({ 'host-network': 'allow' }, spec))
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /shareProcessNamespace/)
})

test('annotations of others are none of ours', () => {
  injected({ annotations: { 'example.com/port': 'x', 'kafka-sluice.io.example.com/x': 'y' } })
})

test('every setting has an annotation in kebab case', () => {
  assert.ok(settingNames().includes('bootstrap-env') && settingNames().includes('mount-config-maps'))
  assert.ok(settingNames().every((name) => /^[a-z]+(-[a-z]+)*$/.test(name)))
})
