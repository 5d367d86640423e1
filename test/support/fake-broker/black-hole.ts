/**
 * An address that takes no connection and says so to nobody: a listener whose thread is asleep and whose queue is full, so
 * that the kernel drops what comes, as a firewall would.
 */
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { waitFor } from '../wait.ts'

const SLEEPER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const server = require('node:net').createServer()
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(new Int32Array(workerData), 0, 0)
    process.exit()
  })
`
const QUEUE_MAX = 16

export interface BlackHole {
  readonly address: { readonly host: string; readonly port: number }
  close(): Promise<void>
}

export async function startBlackHole(): Promise<BlackHole> {
  const bell = new SharedArrayBuffer(4)
  const worker = new Worker(SLEEPER, { eval: true, workerData: bell })
  const port = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  const queued: Socket[] = []
  const close = async (): Promise<void> => {
    for (const socket of queued) socket.destroy()
    Atomics.store(new Int32Array(bell), 0, 1)
    Atomics.notify(new Int32Array(bell), 0)
    await worker.terminate()
  }
  for (let full = false; !full; ) {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => undefined)
    queued.push(socket)
    full = await waitFor('it is connected', () => socket.readyState === 'open', { timeoutMs: 200, pollMs: 2 }).then(
      () => false,
      () => true,
    )
    if (queued.length > QUEUE_MAX) {
      await close()
      throw new Error('this system queues connections without bound: no black hole can be made')
    }
  }
  return { address: { host: '127.0.0.1', port }, close }
}
