/** Writes the pages of `docs/` that are made from code: `npm run docs:metrics`. */
import { writeFileSync } from 'node:fs'
import { metricsDocument } from './metrics-document.ts'

writeFileSync(new URL('../../docs/metrics.md', import.meta.url), metricsDocument())
