/** `/metrics` of the injector. Labels are closed lists. */
import { KAFKA_VERSION } from 'kafka-protocol-codec'
import { byLabel, family } from '../telemetry/family.ts'
import { type Metrics, metricsOf } from '../telemetry/metrics.ts'
import { packageVersion } from '../version.ts'
import type { InjectorCounters } from './injector-counters.ts'

/** Builds the registry. */
export function createInjectorMetrics(counters: InjectorCounters): Metrics {
  const build = { version: packageVersion(), kafka_protocol: KAFKA_VERSION }
  return metricsOf(
    [
      family('sluice_injector_reviews_total', () => byLabel('result', counters.reviews)),
      family('sluice_injector_bad_requests_total', () => byLabel('reason', counters.badRequests)),
      family('sluice_injector_certificate_checks_total', () => byLabel('result', counters.certificateChecks)),
      family('sluice_injector_certificate_expiry_timestamp_seconds', () => [
        { value: counters.certificateEndsSeconds },
      ]),
      family('sluice_secret_reloads_total', () => byLabel('result', counters.secretReloads)),
      family('sluice_secrets_valid', () => [{ value: counters.secretsFaulty === 0 ? 1 : 0 }]),
      family('sluice_build_info', () => [{ labels: build, value: 1 }]),
    ],
    true,
  )
}
