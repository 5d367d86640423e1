/**
 * Kafka from the Apache jars on local Java. One broker is its own controller (one JVM); several get a controller in a JVM
 * beside them, so that any broker may be killed and the cluster still decides. Everything lives in one temporary directory.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { countBrokers } from './admin.ts'
import { classArchive, makeClassArchive } from './class-archive.ts'
import { KAFKA_VERSION, type KafkaBroker, type KafkaCluster, type KafkaOptions, type KafkaProvider } from './cluster.ts'
import { findJava, type Java, jarsUnavailable, kafkaJars } from './jars.ts'
import { type JvmCommand, JvmNode, javaArguments } from './jvm-node.ts'
import { freePorts } from './ports.ts'
import {
  type ClusterPlan,
  kafkaUuid,
  type NodePlan,
  propertiesText,
  scramArguments,
  serverProperties,
} from './properties.ts'
import { runTool } from './run-tool.ts'

const LOOPBACK = '127.0.0.1'
/** Far from the brokers' ids, which are 1, 2, 3 … */
const CONTROLLER_ID = 3000
const HEAP_MB = 512
const AGREE_MAX_MS = 30_000
const AGREE_POLL_MS = 100

export const jarProvider: KafkaProvider = {
  name: 'Apache Kafka jars on local Java',
  async unavailable(options: KafkaOptions): Promise<string | undefined> {
    if (process.platform === 'win32') return 'needs a POSIX shell'
    const java = await findJava()
    return 'why' in java ? java.why : jarsUnavailable(options.version ?? KAFKA_VERSION)
  },
  start: (options) => JarCluster.start(options),
}

/** Starts and ends a broker of these jars, so that those to come start fast: see `class-archive.ts`. */
export async function archiveKafkaClasses(java: Java, jars: string): Promise<void> {
  await makeClassArchive(java, jars, async (file) => {
    const cluster = await JarCluster.start({}, file)
    await cluster.end()
  })
}

async function archiveToRead(java: Java, jars: string): Promise<JvmCommand['classes']> {
  const file = await classArchive(java, jars)
  return file === undefined ? undefined : { file, use: 'read' }
}

interface Node {
  readonly plan: NodePlan
  readonly process: JvmNode
}

class JarCluster implements KafkaCluster {
  readonly provider = 'jars'
  readonly #clusterId = kafkaUuid()
  readonly #directory: string
  readonly #host: string
  readonly #command: JvmCommand
  readonly #plan: ClusterPlan
  readonly #advertise: KafkaOptions['advertise']
  readonly #nodes = new Map<number, Node>()
  readonly #stopping = new AbortController()

  private constructor(directory: string, command: JvmCommand, plan: ClusterPlan, options: KafkaOptions) {
    this.#directory = directory
    this.#command = command
    this.#plan = plan
    this.#host = options.host ?? LOOPBACK
    this.#advertise = options.advertise
  }

  static async start(options: KafkaOptions, archiveTo?: string): Promise<JarCluster> {
    const { version = KAFKA_VERSION, brokers = 1, signal } = options
    const log = options.log ?? (() => undefined)
    signal?.throwIfAborted()
    const java = await findJava()
    if ('why' in java) throw new Error(java.why)
    const jars = await kafkaJars(version, log, signal)
    log(`starting Kafka ${version}, ${brokers} broker${brokers === 1 ? '' : 's'}, on local Java`)
    const ports = await freePorts(1)
    const controllerId = brokers === 1 ? 1 : CONTROLLER_ID
    const cluster = new JarCluster(
      await mkdtemp(join(tmpdir(), 'kafka-sluice-')),
      {
        ...{ java: java.command, jars, heapMb: options.heapMb ?? HEAP_MB },
        classes: archiveTo === undefined ? await archiveToRead(java, jars) : { file: archiveTo, use: 'write' },
      },
      {
        brokersCount: brokers,
        controllerVoter: `${controllerId}@${options.host ?? LOOPBACK}:${ports[0]}`,
        listeners: options.listeners ?? 'PLAINTEXT',
        saslUsers: options.saslUsers ?? {},
        properties: options.properties ?? {},
      },
      options,
    )
    const stop = (): void => void cluster.stop(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      await cluster.#startAll(ports[0] ?? 0)
    } catch (error) {
      signal?.removeEventListener('abort', stop)
      await cluster.stop()
      throw signal?.aborted === true ? signal.reason : error
    }
    return cluster
  }

  get brokers(): readonly KafkaBroker[] {
    return this.#brokerNodes().map(({ plan, process }) => {
      const { id, clientPort, advertisedPort } = plan
      return { id, host: this.#host, port: advertisedPort, boundPort: clientPort, pid: process.pid }
    })
  }

  get bootstrap(): string {
    return this.#running()
      .map((node) => `${this.#host}:${node.plan.advertisedPort}`)
      .join(',')
  }

  get internalBootstrap(): string {
    return this.#running()
      .map((node) => `${this.#host}:${node.plan.internalPort}`)
      .join(',')
  }

  async stop(reason: unknown = new Error('the Kafka cluster was stopped')): Promise<void> {
    this.#stopping.abort(reason)
    await Promise.all([...this.#nodes.values()].map((node) => node.process.kill()))
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 })
  }

  /** As `stop`, but brokers may do what they do when they are told to end. */
  async end(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.process.end()))
    await this.stop()
  }

  async killBroker(id: number): Promise<void> {
    await this.#broker(id).process.kill()
  }

  async startBroker(id: number): Promise<void> {
    await this.#broker(id).process.start(this.#stopping.signal)
    await this.#agree()
  }

  async addBroker(): Promise<number> {
    const id = Math.max(...this.#brokerNodes().map((node) => node.plan.id)) + 1
    const node = await this.#createNode(id, ['broker'], 0)
    await node.process.start(this.#stopping.signal)
    await this.#agree()
    return id
  }

  async #startAll(controllerPort: number): Promise<void> {
    const { brokersCount } = this.#plan
    const nodes =
      brokersCount === 1
        ? [await this.#createNode(1, ['broker', 'controller'], controllerPort)]
        : [await this.#createNode(CONTROLLER_ID, ['controller'], controllerPort)]
    for (let id = 1; brokersCount > 1 && id <= brokersCount; id++) nodes.push(await this.#createNode(id, ['broker'], 0))
    await Promise.all(nodes.map((node) => node.process.start(this.#stopping.signal)))
    await this.#agree()
  }

  /** Lays out a node's directory. Only the controller is formatted: there the cluster's features and SCRAM users begin. */
  async #createNode(id: number, roles: NodePlan['roles'], controllerPort: number): Promise<Node> {
    const [clientPort = 0, internalPort = 0] = await freePorts(2)
    const directory = join(this.#directory, `node-${id}`)
    const dataDirectory = join(directory, 'data')
    const advertisedPort =
      roles.includes('broker') && this.#advertise !== undefined
        ? await this.#advertise({ id, host: this.#host, port: clientPort })
        : clientPort
    const ports = { clientPort, advertisedPort, internalPort, controllerPort }
    const plan = { id, roles, bindHost: this.#host, advertisedHost: this.#host, ...ports, dataDirectory }
    const configFile = join(directory, 'server.properties')
    await mkdir(dataDirectory, { recursive: true })
    await writeFile(configFile, propertiesText(serverProperties(this.#plan, plan)))
    if (roles.includes('controller')) await this.#format(configFile)
    else await writeFile(join(dataDirectory, 'meta.properties'), this.#metaProperties(id))
    const node = { plan, process: new JvmNode(`Kafka node ${id}`, this.#command, directory) }
    this.#nodes.set(id, node)
    return node
  }

  async #format(configFile: string): Promise<void> {
    const format = ['kafka.tools.StorageTool', 'format', '--cluster-id', this.#clusterId, '--config', configFile]
    const scram = scramArguments(this.#plan.saslUsers)
    await runTool(this.#command.java, [...javaArguments(this.#command), ...format, ...scram], {
      signal: this.#stopping.signal,
    })
  }

  #metaProperties(id: number): string {
    const directoryId = kafkaUuid()
    return `version=1\ncluster.id=${this.#clusterId}\nnode.id=${id}\ndirectory.id=${directoryId}\n`
  }

  /** Returns when every running broker knows every running broker: from then on any of them is a good bootstrap. */
  async #agree(): Promise<void> {
    const running = this.#running()
    const deadlineMs = Date.now() + AGREE_MAX_MS
    for (const { plan } of running) {
      while ((await countBrokers(`${this.#host}:${plan.internalPort}`)) < running.length) {
        this.#stopping.signal.throwIfAborted()
        if (Date.now() > deadlineMs) throw new Error(`broker ${plan.id} does not see all ${running.length} brokers`)
        await delay(AGREE_POLL_MS)
      }
    }
  }

  #brokerNodes(): Node[] {
    return [...this.#nodes.values()].filter((node) => node.plan.roles.includes('broker'))
  }

  #running(): Node[] {
    return this.#brokerNodes().filter((node) => node.process.pid !== undefined)
  }

  #broker(id: number): Node {
    const node = this.#nodes.get(id)
    if (node === undefined || !node.plan.roles.includes('broker')) throw new Error(`there is no broker ${id}`)
    return node
  }
}
