/** The tests of one mutant, file after file in the order given. A counterexample need not be small here. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true })

for (const file of process.argv.slice(2)) await import(pathToFileURL(resolve(file)).href)
