/** Every field that a log line may have besides those of the log itself. A field means the same on every line that has it. */

/** What stands in a field. */
interface FieldTypes {
  text: string
  number: number
  texts: readonly string[]
  /** As pino writes one: type, message and stack. */
  error: unknown
}

export const FIELDS = {
  // Who and where
  peer: ['text', 'address that somebody connects from; with the port where the line is about one connection'],
  connection: ['number', "number of a client's connection, counted from the start: the same on every line about it"],
  clientId: ['text', 'client id, as in the label `client_id`, in `/api/status` and in `explain --client-id`'],
  principal: ['text', "user, by the client's login or certificate"],
  software: ['text', 'client library as it names itself'],
  softwareVersion: ['text', 'its version'],
  nodeId: ['number', 'node id of a broker'],
  address: ['text', 'address of a broker, HOST:PORT'],
  port: ['number', 'local port'],
  // Quotas
  quota: ['text', 'name of a quota, as in the label `quota`'],
  api: ['text', 'API, as in the label `api`'],
  reason: ['text', 'why a connection ended, or a request was refused, as in the label `reason`'],
  topicsRefused: ['number', 'topics of the request that were refused'],
  frameBytes: ['number', 'size of a request in bytes'],
  heldMs: ['number', 'how long a request was held, in milliseconds'],
  // A policy and its changes
  trigger: ['text', 'what brought the change: `file`, `SIGHUP`, `POST /api/reload`, `followKafka`, `schedule`'],
  file: ['text', 'the configuration file'],
  sha256: ['text', 'hash of its text, as sha256sum prints it'],
  quotas: ['texts', 'names of the quotas in force; at the start with their limits'],
  added: ['texts', 'quotas that are new, in the words of `kafka-sluice diff`'],
  removed: ['texts', 'quotas that are gone, likewise'],
  changed: ['texts', 'quotas and settings that are others now, likewise'],
  line: ['number', 'line in the file; 0: nowhere in it'],
  column: ['number', 'column in the line'],
  path: ['text', 'where in the configuration, or the path of an admin page'],
  message: ['text', 'what is wrong there'],
  notes: ['texts', 'what could not be taken over, and why'],
  // Files
  section: ['text', 'where the configuration names the files'],
  files: ['texts', 'the files'],
  // Kubernetes
  pod: ['text', 'a pod, or what makes pods, by its name, or what its name begins with'],
  uid: ['text', 'number of the admission review, as in the audit log of the API server'],
  faults: ['texts', 'what is wrong, each with what mends it'],
  image: ['text', 'image that pods get'],
  step: ['text', 'what was made: `create` (all anew), `stage` (the next authority), `issue` (a certificate)'],
  secretName: ['text', 'the Secret that keeps it'],
  webhookConfiguration: ['text', 'the MutatingWebhookConfiguration'],
  ends: ['text', 'when the certificate ends'],
  role: ['text', 'whose certificate, as in the label `role`'],
  subject: ['text', 'subject of a certificate'],
  expiresAt: ['text', 'when it runs out, in ISO 8601'],
  daysLeft: ['number', 'whole days until then'],
  // The process
  listen: ['text', 'where applications connect, HOST:PORT'],
  upstream: ['texts', 'bootstrap addresses of the brokers'],
  admin: ['text', 'address of the admin pages; `off`: there are none'],
  endpoint: ['text', 'where metrics are pushed to'],
  protocol: ['text', 'how: `http/protobuf` or `http/json`'],
  intervalMs: ['number', 'how often, in milliseconds'],
  signal: ['text', 'the signal'],
  tookMs: ['number', 'how long it took, in milliseconds'],
  detail: ['text', 'more of why'],
  failuresInRow: ['number', 'how often it failed before'],
  bugs: ['number', 'uncaught errors since the start'],
  stack: ['text', 'where in the program'],
  err: ['error', 'the error with its stack'],
} as const

export type FieldName = keyof typeof FIELDS
/** `clientId?`: the line may lack it. */
export type FieldUse = FieldName | `${FieldName}?`
export type FieldValue<Name extends FieldName> = FieldTypes[(typeof FIELDS)[Name][0]]
