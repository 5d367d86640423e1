/**
 * `docker/compose.yaml` as it stands, run with what this machine has: the image under test instead of a build, ports that are free, a copy of
 * the sluice's configuration that may be changed, and without the services whose image cannot be had. The test is told which.
 */
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parse, stringify } from 'yaml'
import { toolAnswers } from '../../../src/demo/kafka/run-tool.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { docker } from './docker.ts'

export const COMPOSE_DIRECTORY: string = resolve(import.meta.dirname, '../../../docker')
/** Fails instead of skipping, as in test/support/clients.ts. */
const REQUIRE_ALL = process.env['SLUICE_REQUIRE_ALL'] === '1'

export interface Service {
  readonly image: string
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly build?: unknown
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>
}

export function readCompose(): ComposeFile {
  return parse(readFileSync(join(COMPOSE_DIRECTORY, 'compose.yaml'), 'utf8'), { merge: true }) as ComposeFile
}

/** Compose as a plugin of docker, or as a program of its own; undefined, and the test skipped with the reason, without both. */
async function composeCommand(context: Surroundings): Promise<readonly string[] | undefined> {
  if (await toolAnswers('docker', 'compose', 'version')) return ['docker', 'compose']
  if (await toolAnswers('docker-compose', 'version')) return ['docker-compose']
  const why = 'needs Docker Compose (docker compose, or docker-compose)'
  if (REQUIRE_ALL) throw new Error(why)
  context.skip(why)
  return undefined
}

async function hasImage(name: string): Promise<boolean> {
  const works = (...args: string[]): Promise<boolean> =>
    docker(...args).then(
      () => true,
      () => false,
    )
  return (await works('image', 'inspect', name)) || works('pull', name)
}

export class Project {
  /** Services that did not run: their images could not be had. */
  readonly absent: readonly string[]
  /** The sluice's configuration, mounted. */
  readonly configFile: string
  readonly #command: readonly string[]
  readonly #text: string

  private constructor(command: readonly string[], file: ComposeFile, absent: readonly string[], directory: string) {
    this.#command = command
    this.#text = stringify(file)
    this.absent = absent
    this.configFile = join(directory, 'sluice.yaml')
  }

  /** Starts all that can be had; the test's end takes it down. Undefined, and the test skipped, where `needed` are not among them. */
  static async up(context: Surroundings, image: string, needed: readonly string[]): Promise<Project | undefined> {
    const command = await composeCommand(context)
    if (command === undefined) return undefined
    const directory = mkdtempSync(join(tmpdir(), 'sluice-compose-'))
    context.after(() => rmSync(directory, { recursive: true }))
    chmodSync(directory, 0o755) // the sluice is nobody there
    cpSync(join(COMPOSE_DIRECTORY, 'compose/sluice'), directory, { recursive: true })
    const services: Record<string, Service> = {}
    const absent: string[] = []
    for (const [name, { build, ...service }] of Object.entries(readCompose().services)) {
      const there = build === undefined ? await hasImage(service.image) : true
      if (there) services[name] = adapted(build === undefined ? service : { ...service, image }, directory)
      else absent.push(name)
    }
    const missing = needed.filter((name) => absent.includes(name))
    if (missing.length > 0) {
      const why = `needs the images of ${missing.join(' and ')} in docker/compose.yaml`
      if (REQUIRE_ALL) throw new Error(why)
      context.skip(why)
      return undefined
    }
    const project = new Project(command, { services }, absent, directory)
    context.after(() => project.run('down', '--volumes', '--timeout', '5'))
    await project.run('up', '--detach')
    return project
  }

  async run(...args: readonly string[]): Promise<string> {
    const [program = '', ...first] = this.#command
    const where = ['--project-name', `sluice-test-${process.pid}`, '--project-directory', COMPOSE_DIRECTORY, '-f', '-']
    const child = spawn(program, [...first, ...where, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin.end(this.#text)
    let said = ''
    let errors = ''
    child.stdout.on('data', (chunk) => (said += chunk))
    child.stderr.on('data', (chunk) => (errors += chunk))
    const code = await new Promise<number | null>((ended, failed) => child.on('close', ended).on('error', failed))
    if (code !== 0) throw new Error(`${this.#command.join(' ')} ${args.join(' ')} ended with ${code}: ${errors}`)
    return said
  }

  /** Where the port of a service is to be found on this machine. */
  async url(service: string, port: number): Promise<string> {
    const address = await this.run('port', service, String(port)).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.run('ps')}\n${await this.run('logs', '--tail', '20', service)}`)
    })
    return `http://${address.trim()}`
  }
}

function adapted(service: Service, directory: string): Service {
  const { volumes = [], ports = [] } = service
  return {
    ...service,
    volumes: volumes.map((volume) =>
      volume
        .replace(/^\.\/compose\/sluice:/u, `${directory}:`)
        .replace(/^\.[^:]*/u, (path) => resolve(COMPOSE_DIRECTORY, path)),
    ),
    ports: ports.map((port) => port.replace(/^([\d.]+):\d+:/u, '$1::')),
  }
}
