/** Events of the injector, `kafka-sluice injector`. */

export const INJECTOR_EVENTS = {
  injector_started: {
    level: 'info',
    fields: ['listen', 'admin', 'image'],
    meaning: 'API servers may call it.',
    audit: true,
  },
  injector_stopping: {
    level: 'info',
    fields: ['signal'],
    meaning: 'SIGTERM or SIGINT: reviews go on until API servers have heard that this replica goes.',
  },
  pod_injected: {
    level: 'info',
    fields: ['pod', 'uid'],
    meaning: 'A pod got the sidecar.',
    metric: { name: 'sluice_injector_reviews_total', fixed: { result: 'injected' } },
  },
  pod_refused: {
    level: 'warn',
    fields: ['pod', 'uid', 'faults'],
    meaning:
      'A pod that asks for the sidecar cannot have it, and was not created. Whoever created it was told the same.',
    action: 'The faults say what mends each.',
    metric: { name: 'sluice_injector_reviews_total', fixed: { result: 'refused' } },
    audit: true,
  },
  workload_warned: {
    level: 'info',
    fields: ['pod', 'uid', 'faults'],
    meaning:
      'A Deployment, Job or the like was applied whose pods will be refused, or will not get the sidecar; or a ConfigMap that no sidecar could read.',
    metric: { name: 'sluice_injector_reviews_total', fixed: { result: 'checked' } },
  },
  bad_review: {
    level: 'warn',
    fields: ['peer', 'reason'],
    meaning: 'A request to the webhook was no admission review.',
    action: 'Find out who it is: only API servers call it.',
    metric: { name: 'sluice_injector_bad_requests_total', labels: ['reason'] },
  },
  webhook_tls_failed: {
    level: 'warn',
    fields: ['peer'],
    meaning: 'A TLS handshake with the webhook came to nothing.',
    action:
      'From an API server: does `caBundle` of the webhook configuration fit the certificate? From others: only API servers call it.',
  },
  review_failed: {
    level: 'error',
    fields: ['err'],
    meaning: 'Our bug: a review failed and was answered with 500; `failurePolicy` decides what becomes of the pod.',
    action: 'Report the stack.',
    metric: { name: 'sluice_injector_bad_requests_total', fixed: { reason: 'failed' } },
  },
  certificate_step: {
    level: 'info',
    fields: ['step', 'secretName'],
    meaning: 'A certificate, or an authority, was made and written into the Secret that replicas share.',
    metric: { name: 'sluice_injector_certificate_checks_total', fixed: { result: 'renewed' } },
    audit: true,
  },
  certificate_used: { level: 'info', fields: ['ends'], meaning: 'A certificate is in use for new connections.' },
  authority_published: {
    level: 'info',
    fields: ['webhookConfiguration'],
    meaning: 'The authorities to trust were written into the webhook configuration.',
    audit: true,
  },
  certificate_failed: {
    level: 'error',
    fields: [],
    meaning: 'The Secret or the webhook configuration cannot be read or written. A certificate in use stays in use.',
    action: 'Do what the message says: mostly rights (RBAC), or the Kubernetes API is out of reach.',
    metric: { name: 'sluice_injector_certificate_checks_total', fixed: { result: 'failed' } },
  },
} as const
