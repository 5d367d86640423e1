/**
 * Modules of Node that cost memory by being imported. An `import` of node:http reads every property of it, among them those that
 * load a WebSocket client, 12 MB; node:tls and node:https are 4 MB that a sluice without TLS has no use for.
 */
import type * as Http from 'node:http'
import type * as Https from 'node:https'
import type * as Tls from 'node:tls'
import type * as WorkerThreads from 'node:worker_threads'

export const http: typeof Http = process.getBuiltinModule('node:http')

/** Loaded by the first call. */
export const https = (): typeof Https => process.getBuiltinModule('node:https')

/** Loaded by the first call. */
export const tls = (): typeof Tls => process.getBuiltinModule('node:tls')

/** Loaded by the first call. */
export const workerThreads = (): typeof WorkerThreads => process.getBuiltinModule('node:worker_threads')
