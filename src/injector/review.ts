/**
 * One admission review: what an API server asks, and the answer. Pods are injected or refused; what makes pods (Deployments, Jobs …) is
 * never changed or refused, but whoever applies it is warned now of what would keep its pods from being created later. So is whoever
 * applies a ConfigMap that says of itself that sidecars read it.
 */
import * as z from 'zod'
import { annotation, INJECT_LABEL } from './annotations.ts'
import { type Injection, inject } from './inject.ts'
import type { ReviewResult } from './injector-counters.ts'
import { metadataSchema, nameOf, type Pod, podSchema } from './pod.ts'
import { variablesFor } from './sidecar.ts'
import { configMapFaults } from './sidecar-config.ts'

const API_VERSION = 'admission.k8s.io/v1'
/** API servers cut longer ones. */
const WARNING_CHARS_MAX = 250
const WARNINGS_MAX = 10

/** What is asked; `uid` must come back. */
export interface Review {
  readonly uid: string
  readonly kind: string
  readonly operation: string
  readonly object: unknown
}

/** What comes of it: the body of the answer, and what to count and to log. */
export interface Reviewed {
  readonly body: object
  readonly result: ReviewResult
  /** For the log: which pod, and of a refusal why. */
  readonly name: string
  readonly faults: readonly string[]
}

const reviewSchema = z.looseObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('AdmissionReview'),
  request: z.looseObject({
    uid: z.string().min(1),
    kind: z.looseObject({ kind: z.string() }),
    operation: z.string(),
    object: z.unknown(),
  }),
})

/**
 * The question in a body.
 * @throws RangeError if it is none
 */
export function readReview(text: string): Review {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new RangeError('the body is no JSON')
  }
  const parsed = reviewSchema.safeParse(json)
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: 'nothing fits' }
    throw new RangeError(`the body is no AdmissionReview of ${API_VERSION}: ${path.join('.')}: ${message}`)
  }
  const { uid, kind, operation, object } = parsed.data.request
  return { uid, kind: kind.kind, operation, object }
}

/** Answers. `isWanted`: asked on behalf of a namespace that wants the sidecar in all pods. */
export function answerReview(review: Review, isWanted: boolean, injection: Injection): Reviewed {
  const { uid, kind, operation, object } = review
  if (kind === 'ConfigMap') return answerConfigMap(review, injection)
  if (kind !== 'Pod') return answerMaker(review, injection)
  if (operation !== 'CREATE') return { body: allowed(uid, 'unasked'), result: 'unasked', name: '', faults: [] }
  const parsed = podSchema.safeParse(object)
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: 'nothing fits' }
    return refused(uid, 'the pod', [`it is no pod: ${path.join('.')}: ${message}`])
  }
  const pod = parsed.data
  const outcome = inject(pod, isWanted, injection)
  if (outcome.kind === 'refused') return refused(uid, nameOf(pod), outcome.faults)
  const result = outcome.kind
  const name = nameOf(pod)
  if (outcome.kind !== 'injected') return { body: allowed(uid, result), result, name, faults: [] }
  const patch = Buffer.from(JSON.stringify(outcome.patch)).toString('base64')
  const body = allowed(uid, result, { patchType: 'JSONPatch', patch, warnings: outcome.warnings.map(cut) })
  return { body, result, name, faults: [] }
}

function allowed(uid: string, result: ReviewResult, more: object = {}): object {
  return reviewed({ uid, allowed: true, auditAnnotations: { result }, ...more })
}

function refused(uid: string, name: string, faults: readonly string[]): Reviewed {
  const message = `kafka-sluice cannot be put beside ${name}:\n${faults.map((fault) => `- ${fault}`).join('\n')}`
  const status = { code: 422, reason: 'Invalid', message }
  const body = reviewed({ uid, allowed: false, auditAnnotations: { result: 'refused' }, status })
  return { body, result: 'refused', name, faults }
}

function reviewed(response: object): object {
  return { apiVersion: API_VERSION, kind: 'AdmissionReview', response }
}

const template = z.looseObject({ template: podSchema })
const makerSchema = z.looseObject({
  metadata: metadataSchema.optional(),
  spec: z.union([template, z.looseObject({ jobTemplate: z.looseObject({ spec: template }) })]),
})

/** A Deployment, a Job, a CronJob … */
function answerMaker({ uid, kind, object }: Review, injection: Injection): Reviewed {
  const parsed = makerSchema.safeParse(object)
  if (!parsed.success) return { body: allowed(uid, 'unasked'), result: 'unasked', name: kind, faults: [] }
  const { metadata, spec } = parsed.data
  const pod = ('template' in spec ? spec.template : (spec as JobTemplate).jobTemplate.spec.template) as Pod
  return warned(
    uid,
    `${kind} ${metadata?.name ?? ''}`,
    makerFaults(kind, metadata?.labels?.[INJECT_LABEL], pod, injection),
  )
}

function warned(uid: string, name: string, faults: readonly string[]): Reviewed {
  const body = allowed(uid, 'checked', { warnings: faults.slice(0, WARNINGS_MAX).map(cut) })
  return { body, result: 'checked', name, faults }
}

const configMapSchema = z.looseObject({
  metadata: metadataSchema.optional(),
  data: z.record(z.string(), z.string()).nullish(),
})

/** A ConfigMap for the annotation config-map: its content comes with the question, so that no right to read any is needed. */
function answerConfigMap({ uid, object }: Review, { sidecar, defaults }: Injection): Reviewed {
  const parsed = configMapSchema.safeParse(object)
  if (!parsed.success) return { body: allowed(uid, 'unasked'), result: 'unasked', name: 'ConfigMap', faults: [] }
  const { metadata, data } = parsed.data
  const files = Object.entries(data ?? {}).filter(([key]) => /\.ya?ml$/u.test(key))
  const faults =
    files.length === 0
      ? [
          `it has no key that ends with .yaml; sidecars read sluice.yaml, or the key that ${annotation('configMap')} names`,
        ]
      : files.flatMap(([key, text]) => configMapFaults(key, text, variablesFor(sidecar, defaults)))
  const warnings = faults.map((fault) => `kafka-sluice: sidecars cannot use this ConfigMap: ${fault}`)
  return warned(uid, `ConfigMap ${metadata?.name ?? ''}`, warnings)
}

interface JobTemplate {
  readonly jobTemplate: { readonly spec: { readonly template: Pod } }
}

function makerFaults(kind: string, ownLabel: string | undefined, pod: Pod, injection: Injection): string[] {
  if (ownLabel === 'true' && pod.metadata?.labels?.[INJECT_LABEL] === undefined) {
    return [
      `kafka-sluice: the label ${INJECT_LABEL} of this ${kind} does nothing; put it into the labels of the pod template (template.metadata.labels)`,
    ]
  }
  const outcome = inject(pod, false, injection)
  if (outcome.kind !== 'refused') return []
  return outcome.faults.map((fault) => `kafka-sluice: pods of this ${kind} will be refused: ${fault}`)
}

function cut(warning: string): string {
  return warning.length <= WARNING_CHARS_MAX ? warning : `${warning.slice(0, WARNING_CHARS_MAX - 1)}…`
}
