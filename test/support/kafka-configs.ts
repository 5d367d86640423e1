/** Quotas set as operators set them: with Kafka's own kafka-configs. */
import { buildKafkaConfigs } from './clients.ts'
import { LineProcess } from './processes.ts'

/** Entities in the words of the tool; null is the default one. */
export interface ConfigEntity {
  readonly users?: string | null
  readonly clients?: string | null
  readonly ips?: string | null
}

export interface KafkaConfigs {
  /** Sets values of an entity, or removes those that are null; returns when the tool is done. */
  alter(entity: ConfigEntity, values: Readonly<Record<string, number | null>>): Promise<void>
  stop(): Promise<void>
}

/** Starts the tool for a cluster. Its JVM stays, so that a command takes a tenth of a second and not two. */
export async function startKafkaConfigs(bootstrap: string): Promise<KafkaConfigs> {
  const { command, args } = await buildKafkaConfigs()
  let done: () => void = () => undefined
  const tool = new LineProcess(command, args, {
    onLine: (line) => {
      if (line === 'done') done()
    },
  })
  const run = async (commandLine: readonly string[]): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    done = resolve
    tool.send(commandLine.join('\t'))
    const end = await Promise.race([promise, tool.ended])
    if (end !== undefined) throw new Error(`kafka-configs ${commandLine.join(' ')} ended with ${end}:\n${tool.stderr}`)
  }
  return {
    alter: (entity, values) => run(['--bootstrap-server', bootstrap, '--alter', ...changes(values), ...names(entity)]),
    stop: () => tool.stop(),
  }
}

function changes(values: Readonly<Record<string, number | null>>): string[] {
  const added = Object.entries(values).filter(([, value]) => value !== null)
  const removed = Object.keys(values).filter((key) => values[key] === null)
  return [
    ...(added.length === 0 ? [] : ['--add-config', added.map(([key, value]) => `${key}=${value}`).join()]),
    ...(removed.length === 0 ? [] : ['--delete-config', removed.join()]),
  ]
}

function names(entity: ConfigEntity): string[] {
  return Object.entries(entity).flatMap(([type, name]) => [
    '--entity-type',
    type,
    ...(name === null ? ['--entity-default'] : ['--entity-name', name]),
  ])
}
