/** Loaded before the tests of a mutant: one source file is what `MUTANT_SOURCE` has, and node:test is `plain-test.ts`. */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

const { MUTANT_FILE, MUTANT_SOURCE } = process.env
const mutantUrl = MUTANT_FILE === undefined ? undefined : pathToFileURL(MUTANT_FILE).href

registerHooks({
  resolve(specifier, context, next) {
    return next(specifier === 'node:test' ? new URL('plain-test.ts', import.meta.url).href : specifier, context)
  },
  load(url, context, next) {
    if (url !== mutantUrl || MUTANT_SOURCE === undefined) return next(url, context)
    return { format: 'module', source: readFileSync(MUTANT_SOURCE, 'utf8'), shortCircuit: true }
  },
})
