/** Makes a Config of a text in a thread of its own, so that no frame waits for it. `config-file.ts` starts it. */
import { parentPort, workerData } from 'node:worker_threads'
import { answerTo } from './config-answer.ts'
import type { ConfigTask } from './config-text.ts'

parentPort?.postMessage(answerTo(workerData as ConfigTask))
