/** The injector, `kafka-sluice injector`: a process of its own. */
import type { Definitions } from './definition.ts'

export const INJECTOR: Definitions = {
  sluice_injector_reviews_total: {
    type: 'counter',
    help: 'Admission reviews by what became of them.',
    labels: ['result'],
    bounds: '5',
    source:
      'pods `injected`, with the sidecar already (`present`), that do not ask (`unasked`) or were `refused`; what makes pods is only `checked`',
    caveat: 'A pod is reviewed twice where other webhooks change it after us; the second time it is `present`.',
  },
  sluice_injector_bad_requests_total: {
    type: 'counter',
    help: 'Requests to the webhook that were no admission review, by reason.',
    labels: ['reason'],
    bounds: 'the reasons of `src/injector/injector-counters.ts`',
    source: 'answered with 4xx; `failed`, with 500, is our bug',
  },
  sluice_injector_certificate_checks_total: {
    type: 'counter',
    help: 'Looks at the certificates that the injector makes itself, by result.',
    labels: ['result'],
    bounds: '3',
    source: 'once a minute: `ok`, `renewed`, or `failed`, where the certificate in use stays',
  },
  sluice_injector_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the certificate in use ends, in seconds since 1970; 0 while there is none.',
    labels: [],
    bounds: '1',
    source: 'the certificate, made here or of files',
  },
}
