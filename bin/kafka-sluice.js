#!/usr/bin/env node
// The command. An installed package runs the compiled dist/; a checkout runs the TypeScript sources as they are,
// so that `npx kafka-sluice` needs no build and can never run a stale one.
import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 12)) {
  process.stderr.write(
    `kafka-sluice needs Node 24.12 or newer, this is ${process.version}. In a checkout: npm ci, then npx kafka-sluice\n`,
  )
  process.exit(2)
}

const sources = new URL('../src/main.ts', import.meta.url)
if (existsSync(sources)) {
  // `node -C source`, without a second process: the codec's package is read from its sources too.
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...context.conditions, 'source'] }),
  })
  await import(sources.href)
} else {
  await import('../dist/main.js')
}
