/** What the injector counts, in plain numbers that are folded when they are scraped. Keys are labels: closed lists. */

/** What became of a review. */
export type ReviewResult = 'injected' | 'present' | 'unasked' | 'refused' | 'checked'

/** Why a request was none. */
export type BadRequest =
  | 'path'
  | 'method'
  | 'content_type'
  | 'too_large'
  | 'not_an_admission_review'
  | 'incomplete'
  | 'failed'

export class InjectorCounters {
  readonly reviews: Record<ReviewResult, number> = { injected: 0, present: 0, unasked: 0, refused: 0, checked: 0 }
  readonly badRequests: Record<BadRequest, number> = {
    path: 0,
    method: 0,
    content_type: 0,
    too_large: 0,
    not_an_admission_review: 0,
    incomplete: 0,
    failed: 0,
  }
  /** Certificates made here: looked at, renewed, or not to be had. */
  readonly certificateChecks: Record<'ok' | 'renewed' | 'failed', number> = { ok: 0, renewed: 0, failed: 0 }
  readonly secretReloads: Record<'ok' | 'failed', number> = { ok: 0, failed: 0 }
  /** Pairs of files that have a fault now. */
  secretsFaulty = 0
  /** When the certificate in use ends, in seconds since 1970; 0: there is none. */
  certificateEndsSeconds = 0
}
