/**
 * The parts of Kubernetes' objects that the injector reads and writes; what else they have passes through untouched. They come from
 * an API server, which has checked them, but anybody may call: a shape that is another one is told, not stumbled over.
 */
import * as z from 'zod'

type Strings = Readonly<Record<string, string>>
type Others = Readonly<Record<string, unknown>>

export interface Container extends Others {
  readonly name: string
  readonly ports?: readonly ContainerPort[] | null | undefined
  readonly env?: readonly Variable[] | null | undefined
  readonly volumeMounts?: readonly VolumeMount[] | null | undefined
}

interface ContainerPort extends Others {
  readonly name?: string | undefined
  readonly containerPort: number
  readonly protocol?: string | undefined
}

interface Variable extends Others {
  readonly name: string
  /** Undefined: it comes from elsewhere. */
  readonly value?: string | undefined
}

interface VolumeMount extends Others {
  readonly name: string
  readonly mountPath: string
}

export interface Volume extends Others {
  readonly name: string
}

export interface Metadata extends Others {
  readonly name?: string | undefined
  readonly generateName?: string | undefined
  readonly labels?: Strings | null | undefined
  readonly annotations?: Strings | null | undefined
}

/** A pod, or the template of one. */
export interface Pod extends Others {
  readonly metadata?: Metadata | undefined
  readonly spec: {
    readonly containers: readonly Container[]
    readonly initContainers?: readonly Container[] | null | undefined
    readonly volumes?: readonly Volume[] | null | undefined
    readonly hostNetwork?: boolean | undefined
    readonly shareProcessNamespace?: boolean | undefined
    readonly os?: { readonly name: string } | null | undefined
    readonly nodeSelector?: Strings | null | undefined
  }
}

const strings: z.ZodType<Strings | null | undefined> = z.record(z.string(), z.string()).nullish()

export const metadataSchema: z.ZodType<Metadata> = z.looseObject({
  name: z.string().optional(),
  generateName: z.string().optional(),
  labels: strings,
  annotations: strings,
})

export const containerSchema: z.ZodType<Container> = z.looseObject({
  name: z.string(),
  ports: z
    .array(z.looseObject({ name: z.string().optional(), containerPort: z.number(), protocol: z.string().optional() }))
    .nullish(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).nullish(),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).nullish(),
})

export const volumeSchema: z.ZodType<Volume> = z.looseObject({ name: z.string() })

export const podSchema: z.ZodType<Pod> = z.looseObject({
  metadata: metadataSchema.optional(),
  spec: z.looseObject({
    containers: z.array(containerSchema),
    initContainers: z.array(containerSchema).nullish(),
    volumes: z.array(volumeSchema).nullish(),
    hostNetwork: z.boolean().optional(),
    shareProcessNamespace: z.boolean().optional(),
    os: z.looseObject({ name: z.string() }).nullish(),
    nodeSelector: strings,
  }),
})

/** What it is called in messages: pods of a Deployment have no name yet. */
export function nameOf({ metadata }: Pod): string {
  const { name, generateName } = metadata ?? {}
  return name ?? (generateName === undefined ? 'the pod' : `${generateName}…`)
}

/** Its containers, those that run first before the others. */
export function containersOf({ spec: { containers, initContainers } }: Pod): readonly Container[] {
  return [...(initContainers ?? []), ...containers]
}
