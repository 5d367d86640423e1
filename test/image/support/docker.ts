/** The image under test, and containers of it, by the docker command: DOCKER_HOST and the like are its own to read. */
import { resolve } from 'node:path'
import { lastLines, runTool } from '../../../src/demo/kafka/run-tool.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { waitFor } from '../../support/wait.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
/** As `ARG BASE` and `ARG BUILDER` of docker/Dockerfile. */
const BASE = 'node:24-bookworm-slim'
const IMAGE = 'kafka-sluice:test'
/** Fails instead of skipping, as in test/support/clients.ts. */
const REQUIRE_ALL = process.env['SLUICE_REQUIRE_ALL'] === '1'

export function docker(...args: readonly string[]): Promise<string> {
  return runTool('docker', args).then((output) => output.trim())
}

/** What `docker inspect` says of an image, as far as it is looked at here. */
export interface ImageFacts {
  readonly Size: number
  readonly Config: {
    readonly User: string
    readonly Entrypoint: readonly string[]
    readonly Healthcheck: { readonly Test: readonly string[] }
    readonly Labels: Readonly<Record<string, string>>
  }
}

export interface BuiltImage {
  readonly name: string
  readonly facts: ImageFacts
  readonly base: ImageFacts
}

let built: Promise<BuiltImage> | undefined

/** Builds the image, once. Undefined, and the test skipped with the reason, where there is no engine or no base. */
export async function imageFor(context: Surroundings): Promise<BuiltImage | undefined> {
  const why = await missing()
  if (why === undefined) {
    built ??= build()
    return built
  }
  if (REQUIRE_ALL) throw new Error(why)
  context.skip(why)
  return undefined
}

async function missing(): Promise<string | undefined> {
  const engine = await docker('version', '--format', '{{.Server.Version}}').catch(() => undefined)
  if (engine === undefined) return 'needs Docker: no engine answers (DOCKER_HOST says where it is)'
  const isThere = (): Promise<boolean> =>
    docker('image', 'inspect', BASE).then(
      () => true,
      () => false,
    )
  if (await isThere()) return undefined
  const complaint = await docker('pull', BASE).then(
    () => undefined,
    (error: Error) => lastLines(error.message, 1),
  )
  return complaint === undefined ? undefined : `needs the image ${BASE}: ${complaint}`
}

async function build(): Promise<BuiltImage> {
  await docker('build', '-f', `${ROOT}/docker/Dockerfile`, '-t', IMAGE, ROOT)
  const [facts, base] = JSON.parse(await docker('image', 'inspect', IMAGE, BASE)) as [ImageFacts, ImageFacts]
  return { name: IMAGE, facts, base }
}

export interface ContainerOptions {
  /** Arguments of `docker run` on top. */
  readonly run?: readonly string[]
  /** Arguments of the program. */
  readonly args: readonly string[]
}

interface State {
  readonly Status: string
  readonly Running: boolean
  readonly OOMKilled: boolean
  readonly ExitCode: number
  readonly Pid: number
  readonly StartedAt: string
  readonly FinishedAt: string
  readonly Health?: { readonly Status: string; readonly Log: readonly { readonly Output: string }[] }
}

/** One container, as hardened as the documents say; it is removed when the test is over. */
export class Container {
  readonly #id: string

  private constructor(id: string) {
    this.#id = id
  }

  static async start(
    context: Surroundings,
    image: BuiltImage,
    { run = [], args }: ContainerOptions,
  ): Promise<Container> {
    const hardened = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--network', 'host']
    const id = await docker('run', '-d', ...hardened, ...run, image.name, ...args)
    context.after(() => docker('rm', '-f', id))
    return new Container(id)
  }

  async state(): Promise<State> {
    return JSON.parse(await docker('inspect', '-f', '{{json .State}}', this.#id))
  }

  logs(): Promise<string> {
    return docker('logs', this.#id)
  }

  async stop(): Promise<State> {
    await docker('stop', '-t', '40', this.#id)
    return this.state()
  }

  async restart(): Promise<void> {
    await docker('start', this.#id)
  }

  exec(...command: readonly string[]): Promise<string> {
    return docker('exec', this.#id, ...command)
  }

  /** Waits for Docker's own verdict by the image's HEALTHCHECK. */
  async untilHealthy(): Promise<void> {
    let state: State | undefined
    const said = (): string => JSON.stringify(state?.Health?.Log.at(-1)?.Output ?? state)
    await waitFor(
      'Docker finds it healthy',
      async () => {
        state = await this.state()
        return state.Health?.Status === 'healthy'
      },
      { seen: said, pollMs: 500 },
    )
  }
}
