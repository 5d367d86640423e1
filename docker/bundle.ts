/**
 * `npm run bundle`: the program and its dependencies as a few files, for the image. One module graph instead of 500 files starts in
 * half the time, takes 20 MB less memory and 15 MB less room; names are kept, so that a stack in a log can be read.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'

const ROOT = resolve(import.meta.dirname, '..')
/** What only `demo` loads, outside the image. */
const DEVELOPMENT_ONLY = ['kafkajs', '@platformatic/kafka', 'testcontainers']
/** What prom-client brings and nobody calls: it loads node:https and node:zlib. */
const UNUSED = /[\\/]prom-client[\\/]lib[\\/](?:pushgateway|cluster)\.js$/
/** Loaded by the first call of a function or constructor of it: 1.3 MB where nobody logs in and nothing is signed. */
const LATE = new Set(['crypto'])
/** CommonJS packages ask for Node's modules by `require`. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

/**
 * In place of `import('./config-answer.ts')`: a module that is required can be forgotten, an imported one cannot. zod leaves things in
 * the global object on which everything hangs.
 */
const DISCARDED = `export function answerTo(task) {
  const load = createRequire(import.meta.url)
  const path = load.resolve('./config-answer.cjs')
  try {
    return load(path).answerTo(task)
  } finally {
    delete load.cache[path]
    for (const name of Object.keys(globalThis)) if (name.startsWith('__zod_')) delete globalThis[name]
  }
}`

const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node24.12',
  conditions: ['source'],
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: 'warning',
  tsconfigRaw: {}, // the same in the image, where there is no tsconfig.json
} as const satisfies BuildOptions

const unused: Plugin = {
  name: 'unused',
  setup: ({ onLoad }) => onLoad({ filter: UNUSED }, () => ({ contents: 'module.exports = undefined' })),
}

const builtins: Plugin = {
  name: 'builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace: 'builtin' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({ contents: builtin(path) }))
  },
}

const discarded: Plugin = {
  name: 'discarded',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/config-answer\.ts$/ }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path, namespace: 'discarded' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'discarded' }, () => ({ contents: DISCARDED }))
  },
}

const { values } = parseArgs({ options: { out: { type: 'string', default: join(ROOT, 'docker/out') } } })
await bundle(resolve(values.out))

/** Fills the directory with what an installed package has: bin/, dist/, package.json, licences. */
async function bundle(out: string): Promise<void> {
  rmSync(out, { recursive: true, force: true })
  const dist = join(out, 'dist')
  const { metafile } = await build({
    ...COMMON,
    entryPoints: { main: 'src/main.ts', 'config-worker': 'src/cli/config-worker.ts' },
    outdir: dist,
    splitting: true,
    format: 'esm',
    metafile: true,
    chunkNames: '[name]-[hash]',
    banner: { js: REQUIRE },
    external: DEVELOPMENT_ONLY,
    plugins: [unused, builtins, discarded],
  })
  await build({
    ...COMMON,
    entryPoints: { 'config-answer': 'src/cli/config-answer.ts' },
    outdir: dist,
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
  })
  for (const name of ['bin', 'LICENSE', 'package.json']) cpSync(join(ROOT, name), join(out, name), { recursive: true })
  symlinkSync('kafka-sluice.js', join(out, 'bin/kafka-sluice'))
  cpSync(join(ROOT, 'src/page/assets'), join(dist, 'assets'), { recursive: true })
  const packages = packagesIn(metafile)
  const licences = join(out, 'licences')
  mkdirSync(licences)
  for (const name of packages) writeFileSync(join(licences, `${name.replace('/', '+')}.txt`), licenceOf(name))
  process.stdout.write(`${out}: ${packages.length} packages in ${readdirSync(dist).length} files\n`)
}

/**
 * What stands for an import of a module of Node: an `import` reads every property of it, among them those that load what nobody asked
 * for (node:fs its promises, node:process reports, node:crypto every algorithm); this reads those that are used.
 */
function builtin(path: string): string {
  const name = path.replace(/^node:/, '')
  const names = Object.keys(process.getBuiltinModule(name) ?? {}).filter((key) => /^[A-Za-z]\w*$/u.test(key))
  const it = `process.getBuiltinModule('${name}')`
  if (LATE.has(name)) {
    const late = (key: string): string =>
      `export function ${key}(...args) { return new.target ? new (${it}.${key})(...args) : ${it}.${key}(...args) }`
    return names.map(late).join('\n')
  }
  const exported = names.map((key) => `export const ${key} = /* @__PURE__ */ (() => it.${key})()`)
  return [`const it = ${it}`, 'export default it', ...exported].join('\n')
}

/** The packages of which anything is inside, by name. */
function packagesIn({ inputs }: Metafile): readonly string[] {
  const names = Object.keys(inputs).map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//u.exec(path)?.[1])
  return [...new Set(names.filter((name) => name !== undefined))].sort()
}

/** Their licences ask to go along. */
function licenceOf(name: string): string {
  const directory = join(ROOT, 'node_modules', name)
  const { version, license }: { version: string; license: string } = JSON.parse(
    readFileSync(join(directory, 'package.json'), 'utf8'),
  )
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/iu.test(entry))
  const text =
    file === undefined || !existsSync(join(directory, file)) ? '' : readFileSync(join(directory, file), 'utf8')
  return `${name} ${version}, ${license}\n\n${text}`
}
